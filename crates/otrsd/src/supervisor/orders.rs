//! What an operator asks for: status, reload, restart, stop.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use anyhow::Context as _;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::sync::mpsc::Sender;

use super::{
    Sealed, Supervisor,
    control::{Reply, Request},
    module::{Cause, Module, Phase, Then},
    own_log::OwnLog,
    status::{ModuleStatus, Status, rss_kb},
    systemd,
};
use crate::{
    clock::Moment,
    config::{
        self,
        generation::Generation,
        modules::{Kind, SUPERVISOR},
    },
    logs::ModuleFiles,
};

/// Grace of a second signal or `stop --force`, and of the original's TERM.
pub(super) const FORCED_GRACE: Duration = Duration::from_secs(5);
/// Grace of the original's INT.
pub(super) const ORIGINAL_GRACE: Duration = Duration::from_secs(30);

impl Supervisor {
    pub(super) fn on_request(&mut self, request: Request, reply: Sender<Reply>, now: Moment) {
        let refusal = |text: &str| Reply::Failed { text: text.to_owned() };
        match request {
            Request::Status => {
                let _ = reply.try_send(Reply::Status(Box::new(self.status(now))));
            }
            Request::Stop { force } => {
                self.watches.add_to_the_end(reply, self.modules.keys().cloned().collect());
                let grace = self.configuration().stop_grace;
                self.stop(if force { FORCED_GRACE } else { grace }, now);
            }
            _ if self.stopping.is_some() => {
                let _ = reply.try_send(refusal("the daemon is stopping"));
            }
            Request::Settle => {
                // One that fails again and again is no news.
                let modules = self.modules.iter().filter(|(_, module)| !module.streak.is_loop());
                let awaited = modules.map(|(name, _)| name.clone()).collect();
                self.watches.add(reply, awaited);
            }
            Request::Reload => self.reload(Some(reply), now),
            Request::Restart { module: None } => {
                let all = self.modules.keys().cloned().collect();
                self.restart(all, reply, now);
            }
            Request::Restart { module: Some(name) } if self.modules.contains_key(&name) => {
                self.restart([name].into(), reply, now);
            }
            Request::Restart { module: Some(name) } => {
                let _ = reply.try_send(refusal(&format!("no module {name} is running here")));
            }
        }
    }

    fn status(&self, now: Moment) -> Status {
        let refused = self.configuration().refused.iter();
        let refused = refused.map(|it| ModuleStatus::refused(&it.name, it.problem.to_string()));
        let modules = self.modules.values().map(|module| ModuleStatus::of(module, now));
        let pid = std::process::id();
        Status {
            pid,
            node_id: self.configuration().place.node_id,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started: self.started,
            rss_kb: rss_kb(pid.cast_signed()).unwrap_or_default(),
            stopping: self.stopping.is_some(),
            configuration_error: self.configuration_error.clone(),
            modules: modules.chain(refused).collect(),
        }
    }

    /// Ends every module; the second time, sooner.
    pub(super) fn stop(&mut self, grace: Duration, now: Moment) {
        if self.stopping.is_none() {
            tracing::info!("stopping, with {} s of grace", grace.as_secs());
            systemd::stopping(grace);
        }
        self.stopping = Some(now + grace);
        for name in self.modules.keys().cloned().collect::<Vec<_>>() {
            if let Some(process) = self.modules[&name].process() {
                self.watches.tell(&name, &format!("waiting for {name} (PID {})", process.pid));
            }
            let cause = Cause { reason: "the daemon stops".to_owned(), planned: true };
            self.end(&name, cause, Then::Stop, grace, now);
        }
    }

    fn restart(&mut self, names: BTreeSet<String>, reply: Sender<Reply>, now: Moment) {
        let grace = self.configuration().stop_grace;
        self.watches.add(reply, names.clone());
        for name in names {
            let cause = Cause { reason: "restart asked for".to_owned(), planned: true };
            self.end(&name, cause, Then::Start, grace, now);
        }
    }

    /// Takes over what changed: first the program, then the configuration.
    pub(super) fn reload(&mut self, reply: Option<Sender<Reply>>, now: Moment) {
        if self.stopping.is_some() {
            return;
        }
        systemd::reloading();
        if self.image.is_replaced() && self.probe.is_none() {
            self.start_probe(reply, now);
        } else {
            self.reload_configuration(reply, now);
        }
    }

    /// Reads the configuration again, and starts, stops and restarts only what changed.
    pub(super) fn reload_configuration(&mut self, reply: Option<Sender<Reply>>, now: Moment) {
        let applied = self.read_configuration().map(|()| self.apply_configuration(now));
        match applied {
            Ok(changed) => {
                tracing::info!("reloaded; changed: {changed:?}");
                if let Some(reply) = reply {
                    for problem in &self.configuration().problems {
                        let _ = reply.try_send(Reply::Event { text: problem.to_string() });
                    }
                    self.watches.add(reply, changed);
                }
            }
            Err(error) => {
                let text = format!("{error:#}\nthe daemon runs on with the configuration it has");
                tracing::error!("{text}");
                if let Some(reply) = reply {
                    let _ = reply.try_send(Reply::Failed { text });
                }
            }
        }
        systemd::ready(self.modules.len());
    }

    /// At a discard: takes changed files, unless they are broken.
    pub(super) fn refresh_configuration(&mut self) {
        if self.sources.stamp() == self.stamp {
            return;
        }
        if let Err(error) = self.read_configuration() {
            tracing::error!("{error:#}\nthe daemon runs on with the configuration it has");
        }
    }

    fn read_configuration(&mut self) -> anyhow::Result<()> {
        // Taken before reading: a later change is then seen as one.
        self.stamp = self.sources.stamp();
        let read = config::load(&self.sources, &self.registry).and_then(|configuration| {
            let running = self.configuration();
            anyhow::ensure!(
                configuration.place == running.place,
                "NodeID and Daemon::PID::Path cannot change while the daemon runs; stop and start it",
            );
            let generation = Generation::seal(&configuration)?;
            Ok(Sealed { configuration: Arc::new(configuration), generation })
        });
        self.configuration_error = read.as_ref().err().map(|error| format!("{error:#}"));
        let sealed = read?;
        for problem in &sealed.configuration.problems {
            tracing::warn!("{problem}");
        }
        let number = self.generations.last_key_value().map_or(0, |(number, _)| number + 1);
        self.generations.insert(number, sealed);
        Ok(())
    }

    fn apply_configuration(&mut self, now: Moment) -> BTreeSet<String> {
        let new = Arc::clone(self.configuration());
        let mut changed = BTreeSet::new();
        let unequal = self.modules.iter().filter(|(_, module)| !self.is_unchanged(module, &new));
        for name in unequal.map(|(name, _)| name.clone()).collect::<Vec<_>>() {
            let (reason, then) = match new.module(&name) {
                None => ("it is no longer registered", Then::Forget),
                Some(_) => ("its configuration changed", Then::Start),
            };
            let cause = Cause { reason: reason.to_owned(), planned: true };
            self.end(&name, cause, then, new.stop_grace, now);
            changed.insert(name);
        }
        for spec in &new.modules {
            if !self.modules.contains_key(&spec.name) {
                self.modules.insert(spec.name.clone(), Module::new(spec.clone(), now));
                changed.insert(spec.name.clone());
            }
        }
        changed
    }

    /// Whether the module's next life would be started like its newest.
    fn is_unchanged(&self, module: &Module, new: &config::Configuration) -> bool {
        if matches!(module.phase, Phase::Stopping { then: Then::Forget, .. }) {
            return false;
        }
        let old = self.generations.get(&module.generation);
        old.is_some_and(|old| old.configuration.is_same_for(&module.spec.name, new))
    }

    /// Drops the generations that no module's newest life had, but for the newest.
    pub(super) fn forget_unused_generations(&mut self) {
        if self.generations.len() < 2 {
            return;
        }
        let used: BTreeSet<u64> = self.modules.values().map(|it| it.generation).collect();
        let newest = self.generations.last_key_value().map(|(number, _)| *number);
        self.generations.retain(|number, _| Some(*number) == newest || used.contains(number));
    }

    /// After another program renamed the log files.
    pub(super) fn reopen_logs(&mut self, now: Moment) {
        let configuration = Arc::clone(self.configuration());
        if !configuration.log.external_rotation {
            return;
        }
        if self.options.daemonized {
            ModuleFiles::new(&configuration.log, SUPERVISOR, false).reopen_own();
        }
        self.logs_reopened = now;
        let mut renamed = Vec::new();
        for (name, module) in &self.modules {
            let Phase::Running { process, ready } = &module.phase else { continue };
            match module.spec.kind {
                // One that is not ready yet is told when it is.
                Kind::Native | Kind::Rounds(_) if *ready => tell_to_reopen(process.pid),
                // A command knows nothing of its log files: its next life gets new ones.
                Kind::Command(_) if process.logs().any(OwnLog::was_renamed) => {
                    renamed.push(name.clone());
                }
                _ => {}
            }
        }
        for name in renamed {
            let cause = Cause { reason: "its log file was renamed".to_owned(), planned: true };
            self.end(&name, cause, Then::Start, configuration.stop_grace, now);
        }
    }
}

/// Asks a native module to open its log files anew.
pub(super) fn tell_to_reopen(pid: i32) {
    if let Err(error) = kill(Pid::from_raw(pid), Signal::SIGUSR1).context("USR1") {
        tracing::warn!("PID {pid} cannot be told of its renamed log files: {error:#}");
    }
}
