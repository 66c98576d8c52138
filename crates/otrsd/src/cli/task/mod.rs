//! The task commands, and the colours of their output.

mod add;
pub(super) mod arguments;
mod change;
mod data;
mod explain;
mod list;
mod record;
mod show;
mod wait;

use self::arguments::TaskCommand;
pub(super) use self::{change::user, data::read as read_data, wait::until_done};
use super::{Failure, Program, database, terminal::Colour};

pub(super) fn run(program: &Program, command: TaskCommand) -> Result<(), Failure> {
    match command {
        // Invalid data is reported before a database is used.
        TaskCommand::Add(options) => add::run(program, &options),
        command => database::ask(program, async |database| match command {
            TaskCommand::Add(_) => Ok(()),
            TaskCommand::List(options) => list::run(database, &options).await,
            TaskCommand::Show { id, json } => show::run(database, &id, json).await,
            TaskCommand::Retry(options) => change::retry(database, &options).await,
            TaskCommand::Cancel(ids) => change::cancel(database, &ids.ids).await,
            TaskCommand::Delete(ids) => change::delete(database, &ids.ids).await,
            TaskCommand::Explain { id } => explain::run(database, &id).await,
            TaskCommand::Purge { task_type, before } => {
                change::purge(database, &task_type, before).await
            }
        }),
    }
}

/// The colour of a state or an outcome.
pub(super) fn colour(word: &str) -> Option<Colour> {
    match word {
        "running" | "success" => Some(Colour::Green),
        "retry" | "postponed" | "interrupted" | "cancelled" => Some(Colour::Yellow),
        "waiting" | "future" => None,
        _ => Some(Colour::Red),
    }
}
