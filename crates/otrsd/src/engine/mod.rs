//! Code shared by the modules that work on the task database: the preflight check, the outage log, rows that cannot be
//! read, and the tables of the Summary.

pub(crate) mod odd_rows;
pub(crate) mod outage_log;
pub(crate) mod preflight;
pub(crate) mod summary;
