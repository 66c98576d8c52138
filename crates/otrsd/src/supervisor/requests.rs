//! The requests of an operator: status, reload, restart, stop.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use anyhow::Context as _;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::sync::mpsc::Sender;

use super::{
    Supervisor,
    control::{Reply, Request},
    module::{Cause, Limit, Phase, Then},
    own_log::OwnLog,
    status::{ModuleStatus, Status, rss_kb},
    systemd,
};
use crate::{clock::MonotonicTime, config::modules::SUPERVISOR, logs::ModuleFiles};

/// The grace period of a second signal or `stop --force`, and of the original's TERM.
pub(super) const FORCED_GRACE: Duration = Duration::from_secs(5);
/// The grace period of the original's INT.
pub(super) const ORIGINAL_GRACE: Duration = Duration::from_secs(30);

impl Supervisor {
    pub(super) fn on_request(
        &mut self,
        request: Request,
        reply: Sender<Reply>,
        now: MonotonicTime,
    ) {
        let refusal = |text: &str| Reply::Failed { text: text.to_owned() };
        match request {
            Request::Status => {
                let _ = reply.try_send(Reply::Status(Box::new(self.status(now))));
            }
            Request::Stop { force } => {
                self.watches.add_to_the_end(reply, self.past.modules.keys().cloned().collect());
                let grace = self.configuration().stop_grace;
                self.stop(if force { FORCED_GRACE } else { grace }, now);
            }
            _ if self.stopping.is_some() => {
                let _ = reply.try_send(refusal("the daemon is stopping"));
            }
            Request::Settle => {
                // A module that fails again and again is not reported.
                let modules =
                    self.past.modules.iter().filter(|(_, module)| !module.streak.is_loop());
                let awaited = modules.map(|(name, _)| name.clone()).collect();
                self.watches.add(reply, awaited);
            }
            Request::Reload => self.reload(Some(reply), now),
            Request::Restart { module: None } => {
                let all = self.past.modules.keys().cloned().collect();
                self.restart(all, reply, now);
            }
            Request::Restart { module: Some(name) } if self.past.modules.contains_key(&name) => {
                self.restart([name].into(), reply, now);
            }
            Request::Restart { module: Some(name) } => {
                let refused = self.configuration().refused.iter().find(|it| it.name == name);
                let why = refused.map(|it| it.problem.to_string());
                let why = why.unwrap_or_else(|| format!("no module {name} is running here"));
                let _ = reply.try_send(refusal(&why));
            }
        }
    }

    fn status(&self, now: MonotonicTime) -> Status {
        let (running, refused): (Vec<_>, Vec<_>) = self
            .configuration()
            .refused
            .iter()
            .partition(|refused| self.past.modules.contains_key(&refused.name));
        let refused =
            refused.into_iter().map(|it| ModuleStatus::refused(&it.name, it.problem.to_string()));
        let modules = self.past.modules.iter().map(|(name, module)| {
            let stale = running.iter().find(|refused| refused.name == *name);
            let stale = stale.map(|it| format!("runs as registered before: {}", it.problem));
            ModuleStatus::of(module, self.draining(name), stale, now)
        });
        let pid = std::process::id();
        Status {
            pid,
            node_id: self.configuration().place.node_id,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            image: self.past.image,
            started: self.past.started,
            rss_kb: rss_kb(pid.cast_signed()).unwrap_or_default(),
            stopping: self.stopping.is_some(),
            sources: self.sources.places_read(),
            degraded: self.directories.trouble.clone(),
            configuration_error: self.configuration_error.clone(),
            configuration_problems: self.configuration().problems.clone(),
            modules: modules.chain(refused).collect(),
        }
    }

    /// Ends every module; a second request shortens the grace period.
    pub(super) fn stop(&mut self, grace: Duration, now: MonotonicTime) {
        if self.stopping.is_none() {
            tracing::info!("stopping, with {} s of grace", grace.as_secs());
            systemd::stopping(grace);
        }
        self.stopping = Some(now + grace);
        for name in self.past.modules.keys().cloned().collect::<Vec<_>>() {
            if let Some(process) = self.past.modules[&name].process() {
                self.watches.tell(&name, &format!("waiting for {name} (PID {})", process.pid));
            }
            let cause = Cause::asked("the daemon stops");
            self.end(&name, cause, Then::Stop, Some(grace), now);
        }
        self.stop_draining(Limit::after(Some(grace), now));
    }

    fn restart(&mut self, names: BTreeSet<String>, reply: Sender<Reply>, now: MonotonicTime) {
        let grace = self.configuration().stop_grace;
        self.watches.add(reply, names.clone());
        for name in names {
            let cause = Cause::asked("restart asked for");
            self.end(&name, cause, Then::Start, Some(grace), now);
        }
    }

    /// Reopens the log files after another program renamed them.
    pub(super) fn reopen_logs(&mut self, now: MonotonicTime) {
        let configuration = Arc::clone(self.configuration());
        if !configuration.log.external_rotation {
            return;
        }
        if self.options.daemonized {
            ModuleFiles::new(&configuration.log, SUPERVISOR, false).reopen_own();
        }
        self.logs_reopened = now;
        self.draining_natives().for_each(tell_to_reopen);
        let mut renamed = Vec::new();
        for (name, module) in &self.past.modules {
            let Phase::Running { process, ready } = &module.phase else { continue };
            match &module.spec.kind {
                kind if kind.is_ours() && module.spec.user.is_none() => {
                    // A module that is not ready is told when it becomes ready.
                    ready.then(|| tell_to_reopen(process.pid));
                }
                // A command cannot reopen its log files, and a process of another user may not be allowed to: the next
                // incarnation gets new ones.
                _ if process.logs().any(OwnLog::was_renamed) => {
                    renamed.push(name.clone());
                }
                _ => {}
            }
        }
        for name in renamed {
            let cause = Cause::asked("its log file was renamed");
            self.end(&name, cause, Then::Start, None, now);
        }
    }
}

/// Asks a native module to reopen its log files.
pub(super) fn tell_to_reopen(pid: i32) {
    if let Err(error) = kill(Pid::from_raw(pid), Signal::SIGUSR1).context("USR1") {
        tracing::warn!("PID {pid} cannot be told of its renamed log files: {error:#}");
    }
}
