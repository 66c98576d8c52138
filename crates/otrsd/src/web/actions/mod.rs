//! The actions of pages and of the API: each change writes an audit line.

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
