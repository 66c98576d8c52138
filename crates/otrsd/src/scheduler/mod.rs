//! The managers: they put tasks into the queue when their time comes, and run none.

mod alarm;
pub(crate) mod cron;
pub(crate) mod future;
mod plan;
