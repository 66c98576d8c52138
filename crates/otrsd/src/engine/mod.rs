//! What the modules share that work on the task database: whether it may be used, what is told when it is away, rows that
//! cannot be read, and the tables that they show.

pub(crate) mod odd_rows;
pub(crate) mod outage_log;
pub(crate) mod preflight;
pub(crate) mod summary;
