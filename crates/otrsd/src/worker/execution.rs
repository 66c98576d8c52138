//! One run of one task, from the start of its handler to its end; a command ends with its last process.

use std::{future::pending, sync::Arc, time::Duration};

use jiff::Timestamp;
use task_store::{
    Execution, Finished, History, Hold, LockKey, Outcome, Owner, Payload, Task, Then,
};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{
    cancel::Cancel,
    command,
    handlers::Handler,
    http, memory,
    outcome::{Consequence, Ending, consequence},
    perl::Perl,
    reaper::Reaper,
    supervise::{ending, supervise_child},
};
use crate::{
    clock::{self, MonotonicTime},
    config::task_types::TaskType,
    process::output::Tail,
    redact::redact,
};

/// Between TERM and KILL.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// The input of an execution.
#[derive(Clone, Debug)]
pub(super) struct Order {
    pub(super) task: Task,
    pub(super) data: Payload,
    pub(super) handler: Handler,
    pub(super) policy: Arc<TaskType>,
    pub(super) history: History,
    pub(super) owner: Owner,
    /// When the task was claimed, and thus began to wait for its start.
    pub(super) claimed: MonotonicTime,
}

impl Order {
    /// The task in messages.
    pub(super) fn title(&self) -> String {
        format!("{} ({} {})", self.task.id, self.task.task_type, self.task.name)
    }

    /// The number of this attempt.
    pub(super) fn number(&self) -> u32 {
        self.history.failed.saturating_add(self.history.postponed).saturating_add(1)
    }
}

/// The resources for executions outside of this process, shared by all executions of a worker.
#[derive(Clone, Debug)]
pub(super) struct Tools {
    pub(super) reaper: Arc<Reaper>,
    pub(super) http: Arc<http::Client>,
    /// Those of an installation.
    pub(super) perl: Option<Perl>,
}

/// The end of an execution, and its costs where they were measured.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) ending: Ending,
    pub(super) cpu: Option<Duration>,
    pub(super) peak_memory: Option<u64>,
    pub(super) output: Option<String>,
}

impl Ended {
    pub(super) fn without_costs(ending: Ending) -> Self {
        Self { ending, cpu: None, peak_memory: None, output: None }
    }
}

/// The ways in which a worker interrupts executions.
#[derive(Clone, Debug, Default)]
pub(super) struct Interruption {
    /// TERM, and KILL after the usual delay: this worker is to end.
    pub(super) soon: CancellationToken,
    /// KILL: another worker may already have reclaimed the tasks.
    pub(super) now: CancellationToken,
    /// As `now`, for tasks that continue when the lease is lost.
    pub(super) gone: CancellationToken,
    /// TERM, and KILL after the usual delay: the task was cancelled.
    pub(super) cancel: Arc<Cancel>,
}

impl Interruption {
    /// Resolves when an execution that may take `longest` must end; returns its ending.
    pub(super) async fn told(&self, longest: Duration) -> Ending {
        tokio::select! {
            () = self.now.cancelled() => {
                Ending::Interrupted("the worker lost its place".to_owned())
            }
            () = self.soon.cancelled() => Ending::Interrupted("the worker was stopped".to_owned()),
            by = self.cancel.asked() => Ending::Cancelled(by),
            () = sleep(longest) => Ending::TimedOut(format!("took longer than {longest:?}")),
        }
    }
}

/// Runs a task to its end, outside of this process. Functions run in the executor's lanes.
pub(super) async fn run(order: Order, tools: Tools, stop: Interruption) -> Finished {
    let started = clock::now_utc();
    let ended = match &order.handler {
        Handler::Command(argv) => command(argv, &order, &tools.reaper, &stop).await,
        Handler::Http(call) => tools.http.run(call, &order, &stop).await,
        Handler::Perl if let Some(perl) = &tools.perl => perl.run(&order, &stop).await,
        Handler::Perl | Handler::Function(_) => {
            let why = "a handler without a place to run".to_owned();
            Ended::without_costs(Ending::Interrupted(why))
        }
    };
    finished(order, started, clock::now_utc(), ended)
}

async fn command(argv: &[String], order: &Order, reaper: &Reaper, stop: &Interruption) -> Ended {
    let limit = order.policy.memory_max;
    let (number, policy) = (order.number(), &order.policy);
    let started = command::start(argv, &order.task, number, &order.data, policy, reaper);
    let mut running = match started {
        Ok(running) => running,
        Err(error) => {
            let why = format!("cannot start {}: {error}", argv[0]);
            return Ended::without_costs(Ending::Failed(why));
        }
    };
    let mut tail = Tail::default();
    let attended = supervise_child(&mut running, &order.policy, &mut tail, stop, pending()).await;
    let peak_memory = attended.end.map(|reaped| reaped.peak_rss_kb);
    Ended {
        cpu: attended.end.map(|reaped| reaped.cpu),
        peak_memory,
        ending: memory::told_apart(ending(attended, &tail), limit, peak_memory),
        output: tail.text(),
    }
}

/// The end of a task that was cancelled before it began.
pub(super) fn cancelled(task: Task, owner: Owner, by: String) -> Finished {
    let (row, now) = (task.row, clock::now_utc());
    let execution =
        Execution { error: Some(by), ..execution(task, owner, Outcome::Cancelled, now) };
    Finished { row, execution: Some(execution), then: Then::Delete }
}

/// The ledger's record of an execution, and what becomes of its task.
pub(super) fn finished(order: Order, started: Timestamp, ended: Timestamp, it: Ended) -> Finished {
    let Order { task, policy, history, owner, .. } = order;
    let Consequence { outcome, error, then } =
        consequence(it.ending, &policy, task.attempts, history, ended, fastrand::f64());
    let row = task.row;
    let execution = Execution {
        started,
        cpu: it.cpu,
        peak_memory: it.peak_memory,
        error: error.as_deref().map(masked),
        output: it.output.as_deref().map(masked),
        ..execution(task, owner, outcome, ended)
    };
    let then = match then {
        Then::Hold(hold) => Then::Hold(Hold { reason: masked(&hold.reason), ..hold }),
        then => then,
    };
    Finished { row, execution: Some(execution), then }
}

/// More people read the ledger than the output of the program that printed it.
fn masked(text: &str) -> String {
    redact(text, &[])
}

fn execution(task: Task, owner: Owner, outcome: Outcome, now: Timestamp) -> Execution {
    Execution {
        id: task.id,
        task_type: task.task_type,
        name: task.name,
        lock: LockKey::Ours(owner),
        node: owner.node(),
        outcome,
        started: now,
        ended: now,
        cpu: None,
        peak_memory: None,
        error: None,
        output: None,
    }
}
