//! The options of the task commands. The comments on them are their help texts.

use clap::{Args, Subcommand, ValueEnum};
use jiff::Timestamp;
use task_store::{HeldState, State};

use crate::text::time;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum TaskCommand {
    /// Add a task; prints its id.
    Add(Add),
    /// List the tasks that there are, or those done.
    List(List),
    /// Show a task with its data and every execution.
    Show {
        /// The task's id, or its first characters.
        id: String,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Put held tasks back into the queue: some, or all of a state or type.
    Retry(Retry),
    /// End tasks that wait, are planned or run; the ledger keeps their names.
    Cancel(Ids),
    /// Take away held tasks that will not run any more; the ledger keeps their names.
    Delete(Ids),
    /// Say why a task runs or does not, and what to do.
    Explain {
        /// The task's id, or its first characters.
        id: String,
    },
    /// End all waiting tasks of a type that were added before a time.
    Purge {
        /// The type.
        #[arg(long = "type", value_name = "T")]
        task_type: String,
        /// A time: RFC 3339, in your zone, or a distance like -7d.
        #[arg(long, value_name = "TIME", value_parser = time::argument, allow_hyphen_values = true)]
        before: Timestamp,
    },
}

#[derive(Args, Debug)]
pub(in crate::cli) struct Add {
    /// Its type: chooses the handler.
    #[arg(long = "type", value_name = "T")]
    pub(super) task_type: String,
    /// What it is called.
    #[arg(long, value_name = "N", default_value = "", hide_default_value = true)]
    pub(super) name: String,
    /// Its data as JSON, a file with it (@FILE), or standard input (-).
    #[arg(long, value_name = "JSON|@FILE|-", default_value = "{}", allow_hyphen_values = true)]
    pub(super) data: String,
    /// When it is to run: RFC 3339, in your zone, or a distance like +10m.
    #[arg(long, value_name = "TIME", value_parser = time::argument, allow_hyphen_values = true)]
    pub(super) at: Option<Timestamp>,
    /// How often it may be tried. Default: that of its type, else 1.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i16).range(1..))]
    pub(super) attempts: Option<i16>,
    /// Add it only if fewer of its type and name wait or run. Default: that of its type, else no limit.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    #[arg(conflicts_with = "at")]
    pub(super) max_parallel: Option<u32>,
    /// Wait for its end; exit 1 if it fails.
    #[arg(long)]
    pub(super) wait: bool,
}

#[derive(Args, Debug)]
pub(in crate::cli) struct List {
    /// Only those in this state. Default: all that are not done.
    #[arg(long, value_enum)]
    pub(super) state: Option<Shown>,
    /// Only those of this type.
    #[arg(long = "type", value_name = "T", default_value = "", hide_default_value = true)]
    pub(super) task_type: String,
    /// As JSON.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Args, Debug)]
pub(in crate::cli) struct Ids {
    /// The tasks' ids, or their first characters.
    #[arg(required = true, value_name = "ID")]
    pub(super) ids: Vec<String>,
}

#[derive(Args, Debug)]
pub(in crate::cli) struct Retry {
    /// The tasks' ids, or their first characters.
    #[arg(value_name = "ID", required_unless_present_any = ["state", "task_type"])]
    pub(super) ids: Vec<String>,
    /// All that are held in this state. Default with --type: failed.
    #[arg(long, value_enum, conflicts_with = "ids")]
    pub(super) state: Option<Held>,
    /// All of this type.
    #[arg(long = "type", value_name = "T", conflicts_with = "ids")]
    pub(super) task_type: Option<String>,
}

/// The states of tasks that are held.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(super) enum Held {
    /// Failed, to be tried again.
    Retry,
    /// Failed for good.
    Failed,
    /// Killed its process three times.
    Quarantined,
    /// No handler for its type.
    NoHandler,
}

impl Held {
    pub(super) fn state(self) -> HeldState {
        match self {
            Self::Retry => HeldState::Retry,
            Self::Failed => HeldState::Failed,
            Self::Quarantined => HeldState::Quarantined,
            Self::NoHandler => HeldState::NoHandler,
        }
    }
}

/// The states that a list can show.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(super) enum Shown {
    /// Free to be taken by a worker.
    Waiting,
    /// Taken by a worker.
    Running,
    /// Planned for later.
    Future,
    /// Failed, to be tried again.
    Retry,
    /// Failed for good.
    Failed,
    /// Killed its process three times.
    Quarantined,
    /// No handler for its type.
    NoHandler,
    /// Executions of the past, newest first.
    Done,
}

impl Shown {
    /// Where those tasks are; `None` for the ledger.
    pub(super) fn state(self) -> Option<State> {
        Some(match self {
            Self::Waiting => State::Waiting,
            Self::Running => State::Running,
            Self::Future => State::Future,
            Self::Retry => State::Held(HeldState::Retry),
            Self::Failed => State::Held(HeldState::Failed),
            Self::Quarantined => State::Held(HeldState::Quarantined),
            Self::NoHandler => State::Held(HeldState::NoHandler),
            Self::Done => return None,
        })
    }
}
