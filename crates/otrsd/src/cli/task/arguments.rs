//! The options of the task commands. The comments on them are their help texts.

use clap::{Args, Subcommand, ValueEnum};
use jiff::Timestamp;
use task_store::{HeldState, State};

use crate::text::time;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum TaskCommand {
    /// Enqueue a task and print its id.
    Add(Add),
    /// List live tasks, or past executions.
    List(List),
    /// Show a task with its data and all its executions.
    Show {
        /// Id of the task, or its first characters.
        id: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Put held tasks back into the queue, by id, state or type.
    Retry(Retry),
    /// Cancel waiting, scheduled or running tasks; the ledger records it.
    Cancel(Ids),
    /// Delete held tasks; the ledger records it.
    Delete(Ids),
    /// Explain why a task runs or does not, and what to do.
    Explain {
        /// Id of the task, or its first characters.
        id: String,
    },
    /// Cancel all waiting tasks of a type that were enqueued before a time.
    Purge {
        /// Type of the tasks.
        #[arg(long = "type", value_name = "T")]
        task_type: String,
        /// RFC 3339, local time, or an offset such as -7d.
        #[arg(long, value_name = "TIME", value_parser = time::argument, allow_hyphen_values = true)]
        before: Timestamp,
    },
}

#[derive(Args, Debug)]
pub(in crate::cli) struct Add {
    /// Type of the task, which selects its handler.
    #[arg(long = "type", value_name = "T")]
    pub(super) task_type: String,
    /// Name of the task.
    #[arg(long, value_name = "N", default_value = "", hide_default_value = true)]
    pub(super) name: String,
    /// Payload: JSON, a file (@FILE), or standard input (-).
    #[arg(long, value_name = "JSON|@FILE|-", default_value = "{}", allow_hyphen_values = true)]
    pub(super) data: String,
    /// Scheduled time: RFC 3339, local time, or an offset such as +10m.
    #[arg(long, value_name = "TIME", value_parser = time::argument, allow_hyphen_values = true)]
    pub(super) at: Option<Timestamp>,
    /// Maximum number of attempts [default: that of the type, else 1].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i16).range(1..))]
    pub(super) attempts: Option<i16>,
    /// Enqueue only if fewer tasks of this type and name wait or run [default: that of the type, else no limit].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    #[arg(conflicts_with = "at")]
    pub(super) max_parallel: Option<u32>,
    /// Wait for the result and print it; exit with 1 if the task fails.
    #[arg(long)]
    pub(super) wait: bool,
}

#[derive(Args, Debug)]
pub(in crate::cli) struct List {
    /// Only this state [default: all but done].
    #[arg(long, value_enum)]
    pub(super) state: Option<Shown>,
    /// Only this type.
    #[arg(long = "type", value_name = "T", default_value = "", hide_default_value = true)]
    pub(super) task_type: String,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Args, Debug)]
pub(in crate::cli) struct Ids {
    /// Ids of the tasks, or their first characters.
    #[arg(required = true, value_name = "ID")]
    pub(super) ids: Vec<String>,
}

#[derive(Args, Debug)]
pub(in crate::cli) struct Retry {
    /// Ids of the tasks, or their first characters.
    #[arg(value_name = "ID", required_unless_present_any = ["state", "task_type"])]
    pub(super) ids: Vec<String>,
    /// All held tasks in this state [default with --type: failed].
    #[arg(long, value_enum, conflicts_with = "ids")]
    pub(super) state: Option<Held>,
    /// All held tasks of this type.
    #[arg(long = "type", value_name = "T", conflicts_with = "ids")]
    pub(super) task_type: Option<String>,
}

/// The states of tasks that are held.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(super) enum Held {
    /// Failed; another attempt follows.
    Retry,
    /// Failed for good.
    Failed,
    /// Crashed its process three times.
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
    /// Ready for a worker to claim.
    Waiting,
    /// Claimed by a worker.
    Running,
    /// Scheduled for later.
    Future,
    /// Failed; another attempt follows.
    Retry,
    /// Failed for good.
    Failed,
    /// Crashed its process three times.
    Quarantined,
    /// No handler for its type.
    NoHandler,
    /// Past executions, newest first.
    Done,
}

impl Shown {
    /// The state of those tasks in the store; `None` for the ledger.
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
