//! Questions about tasks that change nothing.

pub(crate) mod counts;
pub(crate) mod known;
pub(crate) mod list;
