//! One run of one task, from the start of its handler to its end: of a command, to that of its last process.

use std::{future::pending, sync::Arc, time::Duration};

use jiff::Timestamp;
use nix::sys::signal::Signal;
use serde_json::Value;
use task_store::{Execution, Finished, History, LockKey, Outcome, Owner, Task, Then};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{
    cancel::Cancel,
    command::{self, Running},
    handlers::Handler,
    http,
    outcome::{Consequence, Ending, consequence},
    output::Tail,
    reaper::Reaper,
};
use crate::{
    clock::{self, Moment},
    config::task_types::TaskType,
    supervisor::{exit::End, reaper::Reaped},
};

/// Between TERM and KILL.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// The exit code of `sysexits.h` that asks for another try.
const TEMPORARY: i32 = 75;

/// What an execution needs.
#[derive(Clone, Debug)]
pub(super) struct Order {
    pub(super) task: Task,
    pub(super) data: Value,
    pub(super) handler: Handler,
    pub(super) policy: Arc<TaskType>,
    pub(super) history: History,
    pub(super) owner: Owner,
    /// Since when it waits for its start.
    pub(super) claimed: Moment,
}

impl Order {
    /// The task for people.
    pub(super) fn title(&self) -> String {
        format!("{} ({} {})", self.task.id, self.task.task_type, self.task.name)
    }

    /// Which try it is.
    pub(super) fn number(&self) -> u32 {
        self.history.failed.saturating_add(1)
    }
}

/// What executions outside of this process are made with, shared by all of a life.
#[derive(Clone, Debug)]
pub(super) struct Tools {
    pub(super) reaper: Arc<Reaper>,
    pub(super) http: Arc<http::Client>,
}

/// The end of an execution, and what it cost where that was measured.
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

/// The ways in which a worker ends executions that are not over.
#[derive(Clone, Debug, Default)]
pub(super) struct Interruption {
    /// TERM, and KILL after the usual patience: this worker is to end.
    pub(super) soon: CancellationToken,
    /// KILL: the tasks may be another's already.
    pub(super) now: CancellationToken,
    /// As `now`, for what goes on when the lease is lost.
    pub(super) gone: CancellationToken,
    /// TERM, and KILL after the usual patience: nobody wants the task any more.
    pub(super) cancel: Arc<Cancel>,
}

impl Interruption {
    /// Resolves when an execution must end that may take `longest`: with what that makes of it.
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

/// Runs a task to its end, outside of this process. Functions have their lanes.
pub(super) async fn run(order: Order, tools: Tools, stop: Interruption) -> Finished {
    let started = clock::wall();
    let ended = match &order.handler {
        Handler::Command(argv) => command(argv, &order, &tools.reaper, &stop).await,
        Handler::Http(call) => tools.http.run(call, &order, &stop).await,
        Handler::Function(_) => {
            let why = "a function without a lane".to_owned();
            Ended::without_costs(Ending::Interrupted(why))
        }
    };
    finished(order, started, clock::wall(), ended)
}

async fn command(argv: &[String], order: &Order, reaper: &Reaper, stop: &Interruption) -> Ended {
    let mut tail = Tail::default();
    let (ending, last) =
        match command::start(argv, &order.task, order.number(), &order.data, reaper) {
            Ok(mut running) => attend(&mut running, &order.policy, &mut tail, stop).await,
            Err(error) => (Ending::Failed(format!("cannot start {}: {error}", argv[0])), None),
        };
    Ended {
        ending,
        cpu: last.map(|reaped| reaped.cpu),
        peak_memory: last.map(|reaped| reaped.peak_rss_kb),
        output: tail.text(),
    }
}

/// Reads, waits, and ends the handler when it must end.
async fn attend(
    running: &mut Running,
    policy: &TaskType,
    tail: &mut Tail,
    stop: &Interruption,
) -> (Ending, Option<Reaped>) {
    let mut ours = None;
    let mut open = true;
    let timeout = sleep(policy.timeout);
    let kill = sleep(Duration::MAX);
    tokio::pin!(timeout, kill);
    let reaped = loop {
        tokio::select! {
            end = &mut running.end => break end.ok(),
            _ = tail.fill(&mut running.output), if open => { open = false; continue }
            () = &mut timeout, if ours.is_none() => {
                ours = Some(Ending::TimedOut(format!("took longer than {:?}", policy.timeout)));
            }
            () = stop.soon.cancelled(), if ours.is_none() => {
                ours = Some(Ending::Interrupted("the worker was stopped".to_owned()));
            }
            by = stop.cancel.asked(), if ours.is_none() => ours = Some(Ending::Cancelled(by)),
            () = stop.now.cancelled(), if !matches!(ours, Some(Ending::Interrupted(_))) => {
                ours = Some(Ending::Interrupted("the worker lost its place".to_owned()));
                running.signal(Signal::SIGKILL);
                continue;
            }
            () = &mut kill, if ours.is_some() => {
                running.signal(Signal::SIGKILL);
                kill.as_mut().reset(tokio::time::Instant::now() + PATIENCE);
                continue;
            }
            () = pending() => {}
        }
        running.signal(Signal::SIGTERM);
        kill.as_mut().reset(tokio::time::Instant::now() + PATIENCE);
    };
    tail.drain(&mut running.output).await;
    (ending(ours, reaped.map(|reaped| reaped.end), tail), reaped)
}

/// What a handler's end means. One that succeeds in spite of our TERM has succeeded.
fn ending(ours: Option<Ending>, end: Option<End>, tail: &Tail) -> Ending {
    let explained = |what: String| match tail.last_line() {
        Some(line) => format!("{what}: {line}"),
        None => what,
    };
    match (end, ours) {
        (Some(End::Code(0)), None | Some(Ending::Interrupted(_))) => Ending::Success,
        (_, Some(ours)) => ours,
        (Some(End::Code(TEMPORARY)), None) => {
            Ending::Temporary(explained(format!("exit {TEMPORARY}")), Duration::ZERO)
        }
        (Some(end @ End::Code(_)), None) => Ending::Failed(explained(end.to_string())),
        (Some(end), None) => Ending::Crashed(explained(end.to_string())),
        (None, None) => Ending::Interrupted("its process was lost".to_owned()),
    }
}

/// The end of a task that nobody wants any more, before it began.
pub(super) fn cancelled(task: Task, owner: Owner, by: String) -> Finished {
    let (row, now) = (task.row, clock::wall());
    let execution =
        Execution { error: Some(by), ..execution(task, owner, Outcome::Cancelled, now) };
    Finished { row, execution: Some(execution), then: Then::Delete }
}

/// What is written down of an execution, and what becomes of its task.
pub(super) fn finished(order: Order, started: Timestamp, ended: Timestamp, it: Ended) -> Finished {
    let Order { task, policy, history, owner, .. } = order;
    let Consequence { outcome, error, then } =
        consequence(it.ending, &policy, task.attempts, history, ended, fastrand::f64());
    let row = task.row;
    let execution = Execution {
        started,
        cpu: it.cpu,
        peak_memory: it.peak_memory,
        error,
        output: it.output,
        ..execution(task, owner, outcome, ended)
    };
    Finished { row, execution: Some(execution), then }
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
