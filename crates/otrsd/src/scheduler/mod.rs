//! The managers of scheduled work: they enqueue tasks at their scheduled times, and run none.

mod alarm;
mod begin;
pub(crate) mod cron;
mod cron_run_retention;
mod due_queue;
pub(crate) mod future;
pub(crate) mod generic_agent;
mod jobs;
mod missed_runs;
mod planner;
mod presence;
mod table;

#[cfg(test)]
pub(crate) use self::missed_runs::tests::task_of;
