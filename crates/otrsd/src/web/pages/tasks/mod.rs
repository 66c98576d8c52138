//! Tasks: lists to search, one to understand, and what can be done with them.

pub(in crate::web) mod change;
pub(in crate::web) mod detail;
pub(in crate::web) mod list;
pub(in crate::web) mod new;
mod query;
mod rows;
