//! The cron commands, and what they share: finding a cron task, and the clock of its zone.

mod calendar;
pub(crate) mod change;
mod list;
mod next;

use clap::{Args, Subcommand};
use cron_events::Occurrence;
use jiff::tz::TimeZone;

use super::{Failure, Program, database};

#[derive(Debug, Subcommand)]
pub(super) enum CronCommand {
    /// List the cron tasks with their last run and their next fire time.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show the next fire times of a cron task, of a schedule, or of all cron tasks.
    Next(next::Next),
    /// Run a cron task now, outside its schedule.
    Run(RunNow),
    /// Skip a cron task's runs until it is resumed. Applies to all nodes, survives restarts.
    Pause(Named),
    /// Resume a paused cron task from its next fire time on.
    Resume(Named),
}

#[derive(Args, Debug)]
pub(in crate::cli) struct Named {
    /// Name of the cron task.
    name: String,
}

#[derive(Args, Debug)]
pub(in crate::cli) struct RunNow {
    /// Name of the cron task.
    name: String,
    /// Wait for the result and print it.
    #[arg(long)]
    wait: bool,
}

pub(super) fn run(program: &Program, command: &CronCommand) -> Result<(), Failure> {
    match command {
        CronCommand::Next(next) => next::run(program, next),
        command => database::ask(program, async |database| match command {
            CronCommand::Next(_) => Ok(()),
            CronCommand::List { json } => list::run(database, *json).await,
            CronCommand::Run(RunNow { name, wait }) => change::run(database, name, *wait).await,
            CronCommand::Pause(Named { name }) => change::pause(database, name).await,
            CronCommand::Resume(Named { name }) => change::resume(database, name).await,
        }),
    }
}

/// The wall clock time in the schedule's zone.
fn civil(due: &Occurrence, zone: &TimeZone) -> String {
    due.instant.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
}

fn note(due: &Occurrence) -> String {
    due.note.map(|note| note.to_string()).unwrap_or_default()
}
