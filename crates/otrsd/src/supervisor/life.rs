//! The life cycle of modules: starts, ends, messages, and deadlines.

use std::time::Duration;

use nix::{
    sys::signal::{Signal, kill, killpg},
    unistd::Pid,
};

use super::{
    Supervisor,
    guard::Guard,
    module::{Cause, Limit, Module, Phase, Process, Then},
    own_log::OwnLog,
    restart::{Ending, Streak},
};
use crate::{
    clock::{self, MonotonicTime},
    config::modules::{Kind, ModuleSpec},
    process::{
        exit::{End, Exit},
        marks,
        reaper::{self, Reaped},
        sweep,
    },
};

/// The time after the watchdog's ABRT, for a core dump.
pub(super) const ABORT_GRACE: Duration = Duration::from_secs(5);

impl Supervisor {
    /// Reaps every dead child.
    pub(super) fn reap(&mut self, now: MonotonicTime) {
        while let Some(pid) = reaper::next_dead() {
            if self.name_of(pid.as_raw()).is_some() || self.is_draining(pid.as_raw()) {
                reaper::end_group(pid);
            }
            let Some(reaped) = reaper::take(pid) else { continue };
            self.hear_last_words(now);
            if reaped.pid == self.held.guard.pid {
                self.plan_guard(now.since(self.held.guard.since), now);
            } else if self.probe.as_ref().is_some_and(|probe| probe.pid == reaped.pid) {
                self.on_probed(reaped.end, now);
            } else if let Some(name) = self.name_of(reaped.pid) {
                self.on_exit(&name, reaped, now);
            } else if !self.on_drained(reaped, now) {
                // Adopted from a module; its own children are now adopted by the supervisor.
                tracing::debug!("adopted process {} ended: {}", reaped.pid, reaped.end);
                self.end_strays();
            }
        }
    }

    /// Replaces a guard that was killed, when the replacement is due: without one the run is unguarded.
    pub(super) fn renew_guard(&mut self, now: MonotonicTime) {
        if self.guard_due.is_none_or(|due| due > now) {
            return;
        }
        self.guard_due = None;
        match Guard::start(&self.program, &self.past.run, &self.sources) {
            Ok(guard) => self.held.guard = guard,
            Err(error) => {
                tracing::error!("the guard is gone and no other starts: {error}");
                self.plan_guard(Duration::ZERO, now);
            }
        }
    }

    fn plan_guard(&mut self, uptime: Duration, now: MonotonicTime) {
        let delay = self.guard_streak.delay(Ending::Failed, uptime, now, fastrand::f64());
        self.guard_due = Some(now + delay);
    }

    pub(super) fn name_of(&self, pid: i32) -> Option<String> {
        let mut modules = self.past.modules.iter();
        modules
            .find(|(_, module)| module.process().is_some_and(|process| process.pid == pid))
            .map(|(name, _)| name.clone())
    }

    /// Ends adopted children whose incarnation is over.
    pub(super) fn end_strays(&self) {
        let newest = self.past.modules.values().filter_map(Module::process);
        let draining = self.past.draining.iter().map(|draining| &draining.process);
        let living: Vec<(i32, u64)> =
            newest.chain(draining).map(|process| (process.pid, process.instance)).collect();
        let is_module = |pid| living.iter().any(|(leader, _)| *leader == pid);
        let is_over = |mark: &str| {
            mark.parse()
                .is_ok_and(|instance: u64| living.iter().all(|(_, living)| *living != instance))
        };
        sweep::strays(|pid| sweep::mark(pid, marks::INSTANCE), is_module, is_over);
    }

    fn on_exit(&mut self, name: &str, reaped: Reaped, now: MonotonicTime) {
        let Some(module) = self.past.modules.get_mut(name) else { return };
        let (process, cause, then) = match std::mem::replace(&mut module.phase, Phase::Stopped) {
            Phase::Running { process, .. } => {
                let cause = own_cause(&process, reaped);
                (process, cause, Then::Start)
            }
            Phase::Stopping { process, cause, then, .. } => (process, cause, then),
            phase @ (Phase::Waiting { .. } | Phase::Stopped) => {
                module.phase = phase;
                return;
            }
        };
        let uptime = now.since(process.since);
        let ending = cause.ending;
        let exit = exit_of(&process, reaped, cause, now);
        self.watches.tell(name, &format!("{name} ended: {exit}"));
        if exit.planned {
            tracing::info!(module = name, pid = reaped.pid, "{name} ended: {exit}");
        } else {
            tracing::warn!(module = name, pid = reaped.pid, "{name} failed: {exit}");
        }
        module.remember(exit, now);
        if let Some(cgroup) = &self.held.cgroup {
            cgroup.end(name, process.instance);
        }
        self.end_strays();
        self.follow(name, then, ending, uptime, now);
    }

    /// Decides what follows the end of a process.
    pub(super) fn follow(
        &mut self,
        name: &str,
        then: Then,
        ending: Ending,
        uptime: Duration,
        now: MonotonicTime,
    ) {
        let Some(module) = self.past.modules.get_mut(name) else { return };
        match then {
            Then::Start => {
                let delay = module.streak.delay(ending, uptime, now, fastrand::f64());
                module.phase = Phase::Waiting { until: now + delay };
                if !delay.is_zero() {
                    tracing::info!("{name} starts again in {:.1} s", delay.as_secs_f64());
                    self.watches.fail(name);
                }
                self.refresh_configuration();
                if delay.is_zero() {
                    if ending == Ending::Discarded {
                        self.watches.pass(name);
                    }
                    self.start(name, now);
                }
            }
            Then::Stop => module.phase = Phase::Stopped,
            Then::Forget => drop(self.past.modules.remove(name)),
        }
    }

    /// Asks a module's process to end; it is killed when its grace period is over.
    pub(super) fn end(
        &mut self,
        name: &str,
        cause: Cause,
        then: Then,
        grace: Option<Duration>,
        now: MonotonicTime,
    ) {
        let Some(module) = self.past.modules.get_mut(name) else { return };
        let process = match std::mem::replace(&mut module.phase, Phase::Stopped) {
            Phase::Running { process, .. } => {
                ask_to_end(&module.spec, process.pid, then);
                process
            }
            // Asked before: the earlier deadline and the newer purpose apply.
            Phase::Stopping { process, asked, limit, cause, then: before } => {
                if then == Then::Stop && before != Then::Stop {
                    ask_to_end(&module.spec, process.pid, then);
                }
                let limit = limit.min(Limit::after(grace, now));
                module.phase = Phase::Stopping { process, asked, limit, cause, then };
                return;
            }
            Phase::Waiting { .. } if then == Then::Start => {
                module.streak = Streak::default();
                module.phase = Phase::Waiting { until: now };
                return;
            }
            Phase::Waiting { .. } | Phase::Stopped => {
                if then == Then::Forget {
                    self.past.modules.remove(name);
                }
                return;
            }
        };
        let limit = Limit::after(grace, now);
        module.phase = Phase::Stopping { process, asked: now, limit, cause, then };
    }

    /// Kills processes whose lease is over, because their peers may treat them as dead by now. A process that is
    /// stopped or hangs cannot release its work itself, and its children would continue.
    fn end_leases(&mut self, now: MonotonicTime) {
        let newest = self.past.modules.values_mut().filter_map(Module::process_mut);
        let draining = self.past.draining.iter_mut().map(|draining| &mut draining.process);
        for process in newest.chain(draining) {
            if process.lease.take_if(|moment| *moment <= now).is_some() {
                tracing::error!("PID {} did not renew its lease and is killed", process.pid);
                process.failure = Some("its lease was not renewed".to_owned());
                let _ = kill(Pid::from_raw(process.pid), Signal::SIGKILL);
            }
        }
    }

    /// Starts, kills and aborts what is due.
    pub(super) fn on_time(&mut self, now: MonotonicTime) {
        self.end_leases(now);
        self.end_draining(now);
        let is_due = |module: &Module| module.deadline().is_some_and(|moment| moment <= now);
        let due = self.past.modules.iter().filter(|(_, module)| is_due(module));
        for name in due.map(|(name, _)| name.clone()).collect::<Vec<_>>() {
            let Some(module) = self.past.modules.get_mut(&name) else { continue };
            match &mut module.phase {
                Phase::Waiting { .. } => {
                    self.refresh_configuration();
                    self.start(&name, now);
                }
                Phase::Stopping { process, limit, .. } => {
                    let group = Pid::from_raw(process.pid);
                    if limit.last_call.take_if(|moment| *moment <= now).is_some() {
                        call_last(&module.spec, process.pid);
                    }
                    if limit.kill.is_some_and(|moment| moment <= now) {
                        tracing::warn!("{name} (PID {group}) did not end in time and is killed");
                        let _ = killpg(group, Signal::SIGKILL);
                        limit.kill = Some(now + ABORT_GRACE);
                    }
                }
                Phase::Running { process, .. } => {
                    let reason = "no finished round within WatchdogSeconds".to_owned();
                    tracing::error!("{name} (PID {}): {reason}", process.pid);
                    let _ = kill(Pid::from_raw(process.pid), Signal::SIGABRT);
                    let cause = Cause { reason, ending: Ending::Failed };
                    let process = process.clone();
                    let limit = Limit { last_call: None, kill: Some(now + ABORT_GRACE) };
                    let then = Then::Start;
                    module.phase = Phase::Stopping { process, asked: now, limit, cause, then };
                }
                Phase::Stopped => {}
            }
        }
    }
}

/// A native module ends its own children, and distinguishes a stop (TERM: soon) from a planned change (INT: after the
/// work that it has begun). A command and its children are signalled together, because a shell would not pass the
/// signal on.
pub(super) fn ask_to_end(spec: &ModuleSpec, pid: i32, then: Then) {
    let pid = Pid::from_raw(pid);
    let _ = match spec.kind {
        Kind::Command(_) => killpg(pid, Signal::SIGTERM),
        _ if then != Then::Stop => kill(pid, Signal::SIGINT),
        _ => kill(pid, Signal::SIGTERM),
    };
}

/// Asks once more, shortly before the kill: the whole group, and a native module by QUIT, since it has received TERM
/// before.
pub(super) fn call_last(spec: &ModuleSpec, pid: i32) {
    let pid = Pid::from_raw(pid);
    let _ = killpg(pid, Signal::SIGTERM);
    if spec.kind.is_ours() {
        let _ = kill(pid, Signal::SIGQUIT);
    }
}

/// The record of the end of a process.
pub(super) fn exit_of(process: &Process, reaped: Reaped, cause: Cause, now: MonotonicTime) -> Exit {
    Exit {
        pid: Some(reaped.pid),
        at: clock::now_utc(),
        code: reaped.end.code(),
        signal: reaped.end.signal(),
        how: reaped.end.to_string(),
        planned: cause.ending != Ending::Failed,
        reason: cause.reason,
        uptime_seconds: now.since(process.since).as_secs_f64(),
        peak_rss_kb: reaped.peak_rss_kb,
        last_stderr_line: process.err.as_ref().and_then(OwnLog::last_line),
    }
}

/// The cause of an end that was not requested: exit code 0 is the module's own planned end.
pub(super) fn own_cause(process: &Process, reaped: Reaped) -> Cause {
    if reaped.end != End::Code(0) {
        let reason = process.failure.clone().unwrap_or_default();
        return Cause { reason, ending: Ending::Failed };
    }
    let said = process.discard.as_ref().map(|reason| format!("discarded: {reason}"));
    let reason = said.unwrap_or_else(|| "discarded".to_owned());
    Cause { reason, ending: Ending::Discarded }
}
