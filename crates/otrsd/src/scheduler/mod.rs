//! The managers: they put tasks into the queue when their time comes, and run none.

mod agenda;
mod alarm;
mod begin;
pub(crate) mod cron;
pub(crate) mod future;
pub(crate) mod generic_agent;
mod jobs;
mod occurrences;
mod plan;
mod presence;
mod roster;
mod table;

#[cfg(test)]
pub(crate) use self::plan::tests::task_of;
