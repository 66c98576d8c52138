//! The task commands, and what they share: finding a task by its id, and the words for its state.

mod add;
pub(super) mod arguments;
pub(crate) mod change;
mod data;
pub(crate) mod explain;
pub(crate) mod find;
mod list;
pub(crate) mod record;
mod show;
mod wait;

use task_store::{LockKey, State};

pub(crate) use self::add::limit_reached;
use self::arguments::TaskCommand;
pub(super) use self::{data::read as read_data, record::costs, wait::until_done};
use super::{Failure, Program, database, terminal::Colour};

pub(super) fn run(program: &Program, command: TaskCommand) -> Result<(), Failure> {
    match command {
        // Data that cannot be read is said before any database is asked.
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

/// The word for a state, as `--state` takes it.
pub(crate) fn word(state: State) -> &'static str {
    match state {
        State::Waiting => "waiting",
        State::Running => "running",
        State::Future => "future",
        State::Held(held) => held.word(),
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

/// Who has a task, in a word or two.
pub(crate) fn owner(lock: LockKey) -> String {
    match lock {
        LockKey::Free => "nobody".to_owned(),
        LockKey::Inserting => "its inserter".to_owned(),
        LockKey::Perl { node, pid } => format!("node {node}, Perl process {pid}"),
        LockKey::Ours(owner) => format!("node {}, instance {}", owner.node(), owner.instance()),
        LockKey::Other(key) => format!("an unknown lock {key}"),
    }
}

/// A task's name as people read it, for sentences.
pub(crate) fn title(task_type: &str, name: &str) -> String {
    let title = format!("{task_type} {name}");
    super::table::one_line(&title, 100)
}
