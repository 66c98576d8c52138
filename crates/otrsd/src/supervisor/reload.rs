//! A reload: the changed configuration is read, compared, and applied where it differs.

use std::{collections::BTreeSet, sync::Arc};

use tokio::sync::mpsc::Sender;

use super::{
    Sealed, Supervisor,
    control::Reply,
    directories::Directories,
    module::{Cause, Module, Phase, Then},
    systemd,
};
use crate::{
    clock::MonotonicTime,
    config::{self, generation::Generation, log::LogSettings, modules::SUPERVISOR},
    logs::ModuleFiles,
};

impl Supervisor {
    /// Applies what changed: first the program, then the configuration.
    pub(super) fn reload(&mut self, reply: Option<Sender<Reply>>, now: MonotonicTime) {
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
    pub(super) fn reload_configuration(
        &mut self,
        reply: Option<Sender<Reply>>,
        now: MonotonicTime,
    ) {
        let log = self.configuration().log.clone();
        let applied = self.read_configuration().map(|()| self.apply_configuration(now));
        self.take_over_log(&log);
        match applied {
            Ok(changed) => {
                tracing::info!("reloaded; changed: {changed:?}");
                if let Some(reply) = reply {
                    // After an upgrade, also those that wait for their turn.
                    self.watches.add(reply, changed.union(&self.outdated).cloned().collect());
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
        systemd::ready(self.past.modules.len());
    }

    /// The supervisor's own log follows its directory; a change of its format applies from the next start.
    fn take_over_log(&mut self, old: &LogSettings) {
        let configuration = Arc::clone(self.configuration());
        let new = &configuration.log;
        if new.directory != old.directory {
            self.directories = Directories::of(&configuration);
        }
        if self.options.daemonized && new.directory != old.directory {
            let own = LogSettings { stderr: true, ..new.clone() };
            ModuleFiles::new(&own, SUPERVISOR, false).reopen_own();
        }
        if new.format != old.format {
            tracing::warn!("Daemon::Log::Format counts from the next start of the daemon");
        }
    }

    /// At a discard: applies changed files, unless they are broken.
    pub(super) fn refresh_configuration(&mut self) {
        if self.sources.stamp() == self.stamp {
            return;
        }
        if let Err(error) = self.read_configuration() {
            tracing::error!("{error:#}\nthe daemon runs on with the configuration it has");
        }
    }

    fn read_configuration(&mut self) -> anyhow::Result<()> {
        // Taken before reading, so that a later change is still noticed.
        self.stamp = self.sources.stamp();
        let read = config::load_to_run(&self.sources, &self.natives).and_then(|configuration| {
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

    fn apply_configuration(&mut self, now: MonotonicTime) -> BTreeSet<String> {
        let new = Arc::clone(self.configuration());
        let mut changed = BTreeSet::new();
        let unequal =
            self.past.modules.iter().filter(|(_, module)| !self.is_unchanged(module, &new));
        for name in unequal.map(|(name, _)| name.clone()).collect::<Vec<_>>() {
            let is_refused = new.refused.iter().any(|refused| refused.name == name);
            let (reason, then) = match new.module(&name) {
                // It keeps running as it was registered before.
                None if is_refused => continue,
                None => ("it is no longer registered", Then::Forget),
                Some(_) => ("its configuration changed", Then::Start),
            };
            let cause = Cause::asked(reason);
            self.end(&name, cause, then, None, now);
            changed.insert(name);
        }
        for spec in &new.modules {
            if !self.past.modules.contains_key(&spec.name) {
                self.past.modules.insert(spec.name.clone(), Module::new(spec.clone(), now));
                changed.insert(spec.name.clone());
            }
        }
        changed
    }

    /// Whether the module's next incarnation would be started like its newest.
    fn is_unchanged(&self, module: &Module, new: &config::Configuration) -> bool {
        if matches!(module.phase, Phase::Stopping { then: Then::Forget, .. }) {
            return false;
        }
        let old = self.generations.get(&module.generation);
        old.is_some_and(|old| old.configuration.is_same_for(&module.spec.name, new))
    }

    /// Drops the generations that are neither the newest nor that of a module's newest incarnation.
    pub(super) fn forget_unused_generations(&mut self) {
        if self.generations.len() < 2 {
            return;
        }
        let used: BTreeSet<u64> = self.past.modules.values().map(|it| it.generation).collect();
        let newest = self.generations.last_key_value().map(|(number, _)| *number);
        self.generations.retain(|number, _| Some(*number) == newest || used.contains(number));
    }
}
