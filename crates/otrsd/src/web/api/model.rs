//! The data types of the API.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use task_store::{Entry, Execution, LockKey, Payload};
use utoipa::ToSchema;

use crate::{
    ops::task::holder,
    supervisor::status::{ModuleStatus, Status},
    web::auth::Caller,
};

/// A task, or its executions if it is done.
#[derive(Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "type is a word of the language")]
pub(in crate::web) struct Task {
    pub(super) id: String,
    #[serde(rename = "type")]
    pub(super) task_type: String,
    pub(super) name: String,
    /// waiting, running, future, retry, failed, quarantined, no-handler or done.
    pub(super) state: String,
    /// The maximum number of attempts.
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    added: Option<Timestamp>,
    /// The scheduled time of a future task or of a retry.
    #[serde(skip_serializing_if = "Option::is_none")]
    due: Option<Timestamp>,
    /// Why it is held, for the role operate.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// The process that runs it.
    #[serde(skip_serializing_if = "Option::is_none")]
    run_by: Option<String>,
    /// Its last execution, in lists of done tasks.
    #[serde(skip_serializing_if = "Option::is_none")]
    execution: Option<Run>,
    /// All its executions, oldest first; not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) executions: Option<Vec<Run>>,
    /// Its payload, for the role operate; not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<serde_json::Value>)]
    pub(super) data: Option<Payload>,
}

/// One execution of a task.
#[derive(Serialize, ToSchema)]
pub(in crate::web) struct Run {
    outcome: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<u16>,
    started: Timestamp,
    ended: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peak_memory_kb: Option<u64>,
    /// Often the last line that it printed, for the role operate.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// The end of its output, for the role operate; not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<String>,
}

impl Task {
    pub(super) fn of(entry: &Entry, caller: &Caller) -> Self {
        Self {
            id: entry.id.to_string(),
            task_type: entry.task_type.clone(),
            name: entry.name.clone(),
            state: entry.state.as_str().to_owned(),
            attempts: Some(entry.attempts),
            added: entry.created,
            due: entry.due,
            reason: caller.seen(entry.reason.as_str()).map(str::to_owned),
            run_by: (entry.lock != LockKey::Free).then(|| holder(entry.lock)),
            execution: None,
            executions: None,
            data: None,
        }
    }

    /// A task that is done.
    pub(super) fn done(last: &Execution, caller: &Caller) -> Self {
        Self {
            id: last.id.to_string(),
            task_type: last.task_type.clone(),
            name: last.name.clone(),
            state: "done".to_owned(),
            attempts: None,
            added: None,
            due: None,
            reason: None,
            run_by: None,
            execution: Some(Run::of(last, caller)),
            executions: None,
            data: None,
        }
    }
}

impl Run {
    pub(super) fn of(it: &Execution, caller: &Caller) -> Self {
        Self {
            outcome: it.outcome.as_str().to_owned(),
            node: Some(it.node).filter(|node| *node > 0),
            started: it.started,
            ended: it.ended,
            cpu_seconds: it.cpu.map(|cpu| cpu.as_secs_f64()),
            peak_memory_kb: it.peak_memory,
            error: caller.seen(it.error.as_deref()).map(str::to_owned),
            output: caller.seen(it.output.as_deref()).map(str::to_owned),
        }
    }
}

/// A page of a list.
#[derive(Serialize, ToSchema)]
pub(in crate::web) struct TaskList {
    pub(super) tasks: Vec<Task>,
    /// The value of `after` for the next page; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<String>,
}

/// A task to be added.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::web) struct NewTask {
    /// One of `WebConsole::AddableTypes`.
    #[serde(rename = "type")]
    pub(in crate::web) task_type: String,
    #[serde(default)]
    pub(in crate::web) name: String,
    /// Its payload, any JSON, kept as it is written.
    #[serde(default)]
    #[schema(value_type = serde_json::Value)]
    pub(in crate::web) data: Payload,
    /// Its scheduled time; at once if absent.
    pub(in crate::web) at: Option<Timestamp>,
    /// The maximum number of attempts; that of the type if absent.
    #[schema(minimum = 1, maximum = 32767)]
    pub(in crate::web) attempts: Option<i16>,
    /// The maximum number of waiting and running tasks of its type and name; that of the type if absent, 0 for no
    /// limit.
    pub(in crate::web) max_parallel: Option<u32>,
}

/// One task, or up to 1000 that are added in one transaction, all or none.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(in crate::web) enum NewTasks {
    One(Box<NewTask>),
    Many(Vec<NewTask>),
}

impl NewTasks {
    pub(super) fn into_list(self) -> Vec<NewTask> {
        match self {
            Self::One(task) => vec![*task],
            Self::Many(tasks) => tasks,
        }
    }
}

/// The result for a task that was to be added.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct AddedTask {
    pub(super) id: String,
    /// added; limit-reached, and it was not; or known, by its idempotency key.
    pub(super) result: String,
}

/// The confirmation of a change.
#[derive(Serialize, ToSchema)]
pub(in crate::web) struct Done {
    /// In a word: retried, cancelled, asked (its worker ends it), deleted, paused, resumed, restarting.
    pub(super) result: String,
    /// The task that was added for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) task: Option<String>,
}

impl Done {
    pub(super) fn new(result: &str) -> axum::Json<Self> {
        axum::Json(Self { result: result.to_owned(), task: None })
    }
}

/// A module of the daemon.
#[derive(Serialize, ToSchema)]
pub(in crate::web) struct Module {
    name: String,
    /// starting, running, degraded, stopping, waiting, stopped or refused.
    state: String,
    pid: Option<i32>,
    since: Option<Timestamp>,
    restarts: u64,
    rss_kb: Option<u64>,
    /// Its own status message, or why it does not run.
    note: Option<String>,
    /// Its remembered exits, newest first.
    exits: Vec<ModuleExit>,
}

/// An exit of a module.
#[derive(Serialize, ToSchema)]
pub(in crate::web) struct ModuleExit {
    pid: Option<i32>,
    at: Timestamp,
    how: String,
    planned: bool,
    reason: String,
    uptime_seconds: f64,
    peak_rss_kb: u64,
}

impl Module {
    pub(super) fn of(it: &ModuleStatus) -> Self {
        let exits = it.exits.iter().map(|exit| ModuleExit {
            pid: exit.pid,
            at: exit.at,
            how: exit.how.clone(),
            planned: exit.planned,
            reason: exit.reason.clone(),
            uptime_seconds: exit.uptime_seconds,
            peak_rss_kb: exit.peak_rss_kb,
        });
        Self {
            name: it.name.clone(),
            state: it.state.clone(),
            pid: it.pid,
            since: it.since,
            restarts: it.restarts,
            rss_kb: it.rss_kb,
            note: it.note.clone(),
            exits: exits.collect(),
        }
    }
}

/// The supervisor.
#[derive(Serialize, ToSchema)]
pub(in crate::web) struct Supervisor {
    pid: u32,
    node: u16,
    version: String,
    started: Timestamp,
    rss_kb: u64,
    configuration_error: Option<String>,
}

impl Supervisor {
    pub(super) fn of(status: &Status) -> Self {
        Self {
            pid: status.pid,
            node: status.node_id,
            version: status.version.clone(),
            started: status.started,
            rss_kb: status.rss_kb,
            configuration_error: status.configuration_error.clone(),
        }
    }
}
