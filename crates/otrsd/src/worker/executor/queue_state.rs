//! The queue state: the tasks that wait, run and are done. It is guarded by a lock that is held only briefly.

use std::{
    collections::{HashMap, VecDeque},
    io,
    time::Duration,
};

use jiff::Timestamp;
use task_store::{Finished, TaskId};

use super::running::RunningFunction;
use crate::{
    clock::{self, MonotonicTime},
    process::output::legible,
    worker::{
        execution::{self, Ended, Order},
        handlers::Handler,
        instrumented::End,
        outcome::Ending,
    },
};

#[derive(Debug, Default)]
pub(super) struct QueueState {
    /// Claimed tasks, in order.
    pub(super) line: VecDeque<Order>,
    /// Running functions, by their rows.
    pub(super) running: HashMap<i64, RunningFunction>,
    /// The lanes that run, or are about to: each occupies a slot.
    pub(super) lanes: usize,
    pub(super) done: Vec<Finished>,
    /// Since when lanes have been idle because no task is queued, and how long they were idle before.
    pub(super) starved_since: Option<MonotonicTime>,
    pub(super) dry: Duration,
    /// When the watchdog checks next; `None` when no function runs.
    pub(super) next_check: Option<MonotonicTime>,
    pub(super) is_stuck: bool,
}

pub(super) fn is_function(order: &Order) -> bool {
    matches!(order.handler, Handler::Function(_))
}

impl QueueState {
    /// Takes the first `room` tasks: the number of functions, which stay queued until their lanes fetch them, and all
    /// other tasks.
    pub(super) fn start(&mut self, room: u32) -> (usize, Vec<Order>) {
        let (mut functions, mut others) = (0, Vec::new());
        for _ in 0..room {
            match self.line.get(functions) {
                Some(order) if is_function(order) => functions += 1,
                Some(_) => others.extend(self.line.remove(functions)),
                None => break,
            }
        }
        self.lanes += functions;
        (functions, others)
    }

    /// A lane found the queue empty.
    pub(super) fn begin_starving(&mut self, now: MonotonicTime) {
        self.starved_since.get_or_insert(now);
    }

    /// A task was queued.
    pub(super) fn end_starving(&mut self, now: MonotonicTime) {
        self.dry += self.starved_since.take().map_or(Duration::ZERO, |since| now.since(since));
    }

    pub(super) fn take_starved(&mut self, now: MonotonicTime) -> Duration {
        let is_dry = self.starved_since.is_some();
        self.end_starving(now);
        self.starved_since = is_dry.then_some(now);
        std::mem::take(&mut self.dry)
    }

    /// Postpones the tasks for whose lanes no threads could be started.
    pub(super) fn cannot_start(&mut self, lanes: usize, error: &io::Error) {
        self.lanes -= lanes;
        for order in self.line.drain(..lanes.min(self.line.len())) {
            let why = Ending::Temporary(format!("cannot start threads: {error}"), Duration::ZERO);
            let now = clock::now_utc();
            self.done.push(execution::finished(order, now, now, Ended::without_costs(why)));
        }
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = i64> {
        let line = self.line.iter().map(|order| order.task.row);
        let done = self.done.iter().map(|finished| finished.row);
        line.chain(self.running.keys().copied()).chain(done)
    }

    pub(super) fn find(&mut self, task: TaskId) -> Option<&mut RunningFunction> {
        self.running.values_mut().find(|it| it.order.task.id == task)
    }

    /// A function has ended, or was dropped. One that was given up before is no longer present.
    pub(super) fn end(&mut self, row: i64, end: Option<End>, now: Timestamp) {
        if let Some(it) = self.running.remove(&row) {
            let cpu = Some(it.cpu.used());
            self.finish(it, end, cpu, now);
        }
    }

    /// Gives up a function that does not end although it must: its outcome is recorded before the process ends.
    pub(super) fn give_up(&mut self, row: i64, now: Timestamp) -> Option<String> {
        let it = self.running.remove(&row)?;
        let task = &it.order.task;
        let complaint = format!(
            "task {} '{}': the function of type '{}' was told to end and does not: this process ends when \
             the rest is done",
            task.id,
            legible(&task.name),
            legible(&task.task_type),
        );
        self.is_stuck = true;
        self.finish(it, None, None, now);
        Some(complaint)
    }

    fn finish(
        &mut self,
        it: RunningFunction,
        end: Option<End>,
        cpu: Option<Duration>,
        now: Timestamp,
    ) {
        let output = it.context.said();
        let ended = Ended {
            ending: crate::worker::executor::lane::ending(it.steps.ours, end),
            cpu,
            peak_memory: None,
            output,
        };
        self.done.push(execution::finished(it.order, it.started, now, ended));
    }
}
