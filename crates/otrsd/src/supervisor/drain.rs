//! Draining processes: a process that has handed over takes no new work and finishes what it has begun, beside its
//! successor.
//!
//! A module sends `X_HANDOVER=1` at its discard, or when it was asked to end for a planned change. The next incarnation
//! starts at once; the draining one has no time limit, except that of a stop. A module that sends `X_SUCCESSOR=1` first
//! keeps working as before until it sends the other message, when its successor can take over.

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde::{Deserialize, Serialize};

use super::{
    Supervisor,
    life::{ABORT_GRACE, ask_to_end, call_last, exit_of, own_cause},
    module::{Cause, Limit, Phase, Process, Then},
    restart::Ending,
    status::Earlier,
};
use crate::{
    clock::MonotonicTime,
    config::modules::{Kind, ModuleSpec},
    process::reaper::Reaped,
};

/// A process that drains while its successor already runs.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Draining {
    pub(super) spec: ModuleSpec,
    pub(super) process: Process,
    pub(super) limit: Limit,
    /// Its successor has not taken over yet.
    #[serde(default)]
    pub(super) goes_on: bool,
    /// Why it was asked to end; `None` for its own discard.
    cause: Option<Cause>,
}

impl Draining {
    /// The next deadline: its kill, or the end of its lease.
    pub(super) fn deadline(&self) -> Option<MonotonicTime> {
        self.limit.deadline().into_iter().chain(self.process.lease).min()
    }
}

impl Supervisor {
    /// Handles the handover of a process: its successor starts. During a stop, or when the module is to be removed,
    /// there is no successor, and the process simply ends.
    pub(super) fn hand_over(&mut self, name: &str, goes_on: bool, now: MonotonicTime) {
        let Some(module) = self.past.modules.get_mut(name) else { return };
        let (process, cause) = match std::mem::replace(&mut module.phase, Phase::Stopped) {
            Phase::Running { process, .. } => (process, None),
            Phase::Stopping { process, cause, then: Then::Start, .. } => (process, Some(cause)),
            other => {
                module.phase = other;
                return;
            }
        };
        let uptime = now.since(process.since);
        let ending = cause.as_ref().map_or(Ending::Discarded, |cause| cause.ending);
        tracing::info!(
            module = name,
            pid = process.pid,
            "{name} hands over, and ends what it began"
        );
        module.ended = Some(now);
        let spec = module.spec.clone();
        let limit = Limit::default();
        self.past.draining.push(Draining { spec, process, limit, goes_on, cause });
        self.follow(name, Then::Start, ending, uptime, now);
    }

    /// Records the end of a draining process; returns false if the process is not a draining one.
    pub(super) fn on_drained(&mut self, reaped: Reaped, now: MonotonicTime) -> bool {
        let mut draining = self.past.draining.iter();
        let Some(position) = draining.position(|it| it.process.pid == reaped.pid) else {
            return false;
        };
        let Draining { spec, process, cause, .. } = self.past.draining.remove(position);
        let cause = cause.unwrap_or_else(|| own_cause(&process, reaped));
        let name = &spec.name;
        let exit = exit_of(&process, reaped, cause, now);
        tracing::info!(module = name, pid = reaped.pid, "{name} has ended what it began: {exit}");
        self.watches.tell(name, &format!("{name} (PID {}) ended: {exit}", reaped.pid));
        if let Some(module) = self.past.modules.get_mut(name) {
            module.keep_exit(exit);
        }
        if let Some(cgroup) = &self.held.cgroup {
            cgroup.end(name, process.instance);
        }
        self.end_strays();
        true
    }

    /// Asks the draining processes to end within the limit of a stop.
    pub(super) fn stop_draining(&mut self, limit: Limit) {
        for draining in &mut self.past.draining {
            let (name, pid) = (&draining.spec.name, draining.process.pid);
            self.watches.tell(name, &format!("waiting for {name} (PID {pid})"));
            ask_to_end(&draining.spec, pid, Then::Stop);
            draining.limit = draining.limit.min(limit);
        }
    }

    /// Kills the draining processes whose limit is exceeded.
    pub(super) fn end_draining(&mut self, now: MonotonicTime) {
        for Draining { spec, process, limit, .. } in &mut self.past.draining {
            let group = Pid::from_raw(process.pid);
            if limit.last_call.take_if(|moment| *moment <= now).is_some() {
                call_last(spec, process.pid);
            }
            if limit.kill.is_some_and(|moment| moment <= now) {
                tracing::warn!("{} (PID {group}) did not end in time and is killed", spec.name);
                let _ = kill(group, Signal::SIGKILL);
                limit.kill = Some(now + ABORT_GRACE);
            }
        }
    }

    /// The draining processes of a module, for `status`.
    pub(super) fn draining(&self, name: &str) -> Vec<Earlier> {
        let own = self.past.draining.iter().filter(|draining| draining.spec.name == name);
        own.map(|it| Earlier { pid: it.process.pid, note: it.process.note.clone() }).collect()
    }

    pub(super) fn is_draining(&self, pid: i32) -> bool {
        self.past.draining.iter().any(|it| it.process.pid == pid)
    }

    pub(super) fn draining_mut(&mut self, pid: i32) -> Option<&mut Draining> {
        self.past.draining.iter_mut().find(|it| it.process.pid == pid)
    }

    /// The draining processes of native modules, which reopen their log files on request.
    pub(super) fn draining_natives(&self) -> impl Iterator<Item = i32> {
        let natives = self.past.draining.iter().filter(|it| it.spec.kind == Kind::Native);
        natives.map(|draining| draining.process.pid)
    }
}
