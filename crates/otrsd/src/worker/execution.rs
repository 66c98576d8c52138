//! One run of one task, from the start of its handler to the end of its last process.

use std::{future::pending, sync::Arc, time::Duration};

use jiff::Timestamp;
use nix::sys::signal::Signal;
use serde_json::Value;
use task_store::{Execution, Finished, History, LockKey, Owner, Task};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{
    command::{self, Running},
    outcome::{Consequence, Ending, consequence},
    output::Tail,
    reaper::Reaper,
};
use crate::{
    clock,
    config::task_types::TaskType,
    supervisor::{exit::End, reaper::Reaped},
};

/// Between TERM and KILL.
const PATIENCE: Duration = Duration::from_secs(5);
/// The exit code of `sysexits.h` that asks for another try.
const TEMPORARY: i32 = 75;

/// What an execution needs.
#[derive(Clone, Debug)]
pub(super) struct Order {
    pub(super) task: Task,
    pub(super) data: Value,
    pub(super) argv: Vec<String>,
    pub(super) policy: Arc<TaskType>,
    pub(super) history: History,
    pub(super) owner: Owner,
}

impl Order {
    /// The task for people.
    pub(super) fn title(&self) -> String {
        format!("{} ({} {})", self.task.id, self.task.task_type, self.task.name)
    }
}

/// The two ways in which a worker ends executions that are not over.
#[derive(Clone, Debug, Default)]
pub(super) struct Interruption {
    /// TERM, and KILL after the usual patience: this worker is to end.
    pub(super) soon: CancellationToken,
    /// KILL: the tasks may be another's already.
    pub(super) now: CancellationToken,
}

/// Runs a task to its end.
pub(super) async fn run(order: Order, reaper: Arc<Reaper>, stop: Interruption) -> Finished {
    let started = clock::wall();
    let Order { task, argv, history, .. } = &order;
    let number = history.failed.saturating_add(1);
    let mut tail = Tail::default();
    let (ending, last) = match command::start(argv, task, number, &order.data, &reaper) {
        Ok(mut running) => attend(&mut running, &order.policy, &mut tail, &stop).await,
        Err(error) => (Ending::Failed(format!("cannot start {}: {error}", argv[0])), None),
    };
    finished(&order, started, ending, last, &tail)
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
            Ending::Temporary(explained(format!("exit {TEMPORARY}")))
        }
        (Some(end @ End::Code(_)), None) => Ending::Failed(explained(end.to_string())),
        (Some(end), None) => Ending::Crashed(explained(end.to_string())),
        (None, None) => Ending::Interrupted("its process was lost".to_owned()),
    }
}

fn finished(
    order: &Order,
    started: Timestamp,
    ending: Ending,
    reaped: Option<Reaped>,
    tail: &Tail,
) -> Finished {
    let ended = clock::wall();
    let Order { task, policy, history, owner, .. } = order;
    let Consequence { outcome, error, then } =
        consequence(ending, policy, task.attempts, *history, ended, fastrand::f64());
    let execution = Execution {
        id: task.id,
        task_type: task.task_type.clone(),
        name: task.name.clone(),
        lock: LockKey::Ours(*owner),
        node: owner.node(),
        outcome,
        started,
        ended,
        cpu: reaped.map(|reaped| reaped.cpu),
        peak_memory: reaped.map(|reaped| reaped.peak_rss_kb),
        error,
        output: tail.text(),
    };
    Finished { row: task.row, execution: Some(execution), then }
}
