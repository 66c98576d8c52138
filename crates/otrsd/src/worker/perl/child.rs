//! A copy of the Perl host: it takes tasks on one connection, and prints on another.

use std::{future::pending, sync::Arc, time::Duration};

use nix::{
    sys::wait::{Id, WaitPidFlag, WaitStatus, waitid},
    unistd::Pid,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::oneshot::error::TryRecvError,
    time::timeout,
};

use super::report::{Outcome, Report, ending_of, is_part, letter};
use crate::{
    process::output::Tail,
    worker::{
        command::Running,
        execution::{Ended, Interruption, Order},
        memory,
        reaper::Reaper,
        supervise::supervise_child,
    },
};

/// The wait for what a child wrote before its end, which has already arrived.
const AT_ONCE: Duration = Duration::from_millis(100);
const CHUNK: usize = 64 << 10;

/// A child that waits for a task.
#[derive(Debug)]
pub(super) struct Child {
    running: Running<UnixStream>,
    tasks: OwnedWriteHalf,
    reports: OwnedReadHalf,
    reaper: Arc<Reaper>,
    /// The type of the tasks that it ran, and how many.
    kind: Option<String>,
    ran: u32,
    is_over: bool,
}

impl Child {
    pub(super) fn new(
        pid: i32,
        control: UnixStream,
        output: UnixStream,
        reaper: &Arc<Reaper>,
    ) -> Self {
        let end = reaper.expect(pid, String::new());
        let (reports, tasks) = control.into_split();
        Self {
            running: Running { leader: Pid::from_raw(pid), end, output },
            tasks,
            reports,
            reaper: Arc::clone(reaper),
            kind: None,
            ran: 0,
            is_over: false,
        }
    }

    /// Whether it can take a task requested for `kind`: a used child takes only tasks of its type.
    pub(super) fn fits(&self, kind: Option<&str>) -> bool {
        self.ran == 0 || self.kind.as_deref() == kind
    }

    pub(super) fn is_fresh(&self) -> bool {
        self.ran == 0
    }

    pub(super) fn lives(&mut self) -> bool {
        matches!(self.running.end.try_recv(), Err(TryRecvError::Empty))
    }

    pub(super) fn may_run_more(&self, order: &Order) -> bool {
        !self.is_over && self.ran < order.policy.tasks_per_child
    }

    /// Runs one task. `None` if it was not started, because the code has changed.
    pub(super) async fn run(&mut self, order: &Order, stop: &Interruption) -> Option<Ended> {
        self.ran += 1;
        self.kind = Some(order.task.task_type.clone());
        self.reaper.mark(self.running.leader.as_raw(), &order.task.id.to_string());
        if is_ours(self.running.leader.as_raw()) {
            memory::limit_of(self.running.leader, order.policy.memory_max);
        }
        let is_last = !self.may_run_more(order);
        let letter = letter(order, is_last);
        let (mut message, mut tail) = (Vec::new(), Tail::default());
        let (reports, tasks) = (&mut self.reports, &mut self.tasks);
        let told = async {
            // A child that died meanwhile reads nothing: its end explains more.
            let _ = tasks.write_all(&letter).await;
            read(reports, &mut message).await;
            if is_last || is_part(&message) {
                pending::<()>().await;
            }
        };
        let attended =
            supervise_child(&mut self.running, &order.policy, &mut tail, stop, told).await;
        if is_part(&message) {
            let _ = timeout(AT_ONCE, read(&mut self.reports, &mut message)).await;
        }
        let report = Report::read(&message);
        let end = attended.end;
        // A child that was to be ended is not reused.
        self.is_over = end.is_some() || report.is_none() || attended.ours.is_some();
        if report.as_ref().is_some_and(|report| report.outcome == Outcome::Stale) {
            return None;
        }
        if end.is_none() {
            print(&self.running.output, &mut tail);
        }
        // All processor time of a child that ran one task belongs to it.
        let whole = end.filter(|_| self.ran == 1).map(|end| end.cpu);
        let peak_memory = end.map(|end| end.peak_rss_kb);
        let cpu = whole.or_else(|| report.as_ref().and_then(Report::cpu));
        let ending = ending_of(report, attended, &tail);
        Some(Ended {
            cpu,
            peak_memory,
            ending: memory::told_apart(ending, order.policy.memory_max, peak_memory),
            output: tail.text(),
        })
    }
}

/// Reads the rest of a report, if it arrives.
async fn read(reports: &mut OwnedReadHalf, message: &mut Vec<u8>) {
    while is_part(message) && matches!(reports.read_buf(message).await, Ok(1..)) {}
}

/// Adds what was printed before the report.
fn print(output: &UnixStream, tail: &mut Tail) {
    let mut chunk = vec![0; CHUNK];
    while let Ok(length @ 1..) = output.try_read(&mut chunk) {
        tail.push(&chunk[..length]);
    }
}

/// Whether a process is a living child of this one: no other process may impersonate one.
pub(super) fn is_ours(pid: i32) -> bool {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    matches!(waitid(Id::Pid(Pid::from_raw(pid)), flags), Ok(WaitStatus::StillAlive))
}
