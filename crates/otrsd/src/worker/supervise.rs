//! The supervision of a process that runs a task: its output is read, its end is awaited, and it is ended when it must.

use std::{future::pending, time::Duration};

use nix::sys::signal::Signal;
use tokio::{
    io::AsyncRead,
    time::{Instant, sleep},
};

use super::{
    command::Running,
    execution::{Interruption, PATIENCE},
    outcome::Ending,
};
use crate::{
    config::task_types::TaskType,
    process::{exit::End, output::Tail, reaper::Reaped},
};

/// The exit code of `sysexits.h` that asks for another attempt.
const TEMPORARY: i32 = 75;

/// The end of a supervised execution.
#[derive(Debug)]
pub(super) struct Attended {
    /// Why the worker ended it, if it did.
    pub(super) ours: Option<Ending>,
    /// The end of the process; `None` if it lives on, or was lost.
    pub(super) end: Option<Reaped>,
}

/// Supervises a process until its end, or until `told` reports that its task is over.
pub(super) async fn supervise_child(
    running: &mut Running<impl AsyncRead + Unpin>,
    policy: &TaskType,
    tail: &mut Tail,
    stop: &Interruption,
    told: impl Future<Output = ()>,
) -> Attended {
    let mut ours = None;
    let mut open = true;
    let timeout = sleep(policy.timeout);
    let kill = sleep(Duration::MAX);
    tokio::pin!(timeout, kill, told);
    let end = loop {
        tokio::select! {
            end = &mut running.end => break end.ok(),
            () = &mut told => return Attended { ours, end: None },
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
                kill.as_mut().reset(Instant::now() + PATIENCE);
                continue;
            }
            () = pending() => {}
        }
        running.signal(Signal::SIGTERM);
        kill.as_mut().reset(Instant::now() + PATIENCE);
    };
    tail.drain(&mut running.output).await;
    Attended { ours, end }
}

/// The meaning of a command's end. A command that succeeds despite the worker's TERM has succeeded.
pub(super) fn ending(attended: Attended, tail: &Tail) -> Ending {
    match (attended.end.map(|reaped| reaped.end), attended.ours) {
        (Some(End::Code(0)), None | Some(Ending::Interrupted(_))) => Ending::Success,
        (_, Some(ours)) => ours,
        (Some(End::Code(TEMPORARY)), None) => {
            Ending::Temporary(tail.explain(format!("exit {TEMPORARY}")), Duration::ZERO)
        }
        (Some(end @ End::Code(_)), None) => Ending::Failed(tail.explain(end.to_string())),
        (Some(end), None) => Ending::Crashed(tail.explain(end.to_string())),
        (None, None) => Ending::Interrupted("its process was lost".to_owned()),
    }
}
