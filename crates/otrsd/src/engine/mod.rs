//! What the modules share that work on the task database: whether it may be used, what is told when it is away, rows that
//! cannot be read, and the tables that they show.

pub(crate) mod odd_rows;
pub(crate) mod ready;
pub(crate) mod summary;
pub(crate) mod trouble;
