//! What can be changed from outside, by pages and by programs: each change with a line for the audit.

mod add;
mod cron;
mod jobs;
mod modules;
mod once;
mod tasks;

pub(super) use self::{
    jobs::{Action, Job, Jobs},
    tasks::Ended,
};
