//! The pages of tasks: lists with search, details, and changes.

pub(in crate::web) mod change;
pub(in crate::web) mod detail;
pub(in crate::web) mod list;
pub(in crate::web) mod new;
mod query;
mod rows;
