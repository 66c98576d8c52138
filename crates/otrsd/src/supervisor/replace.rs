//! The upgrade in place: the same process executes a changed binary, and the locks, sockets and children stay. First
//! the new binary is asked whether it can take over.

use std::{
    convert::Infallible,
    env,
    ffi::{CString, OsStr},
    os::{fd::AsRawFd as _, unix::ffi::OsStrExt as _},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, execve},
};
use tokio::sync::mpsc::Sender;

use super::{
    Supervisor,
    control::Reply,
    module::{Cause, Module, Phase, Then},
    spawn,
    state::{CAN_TAKE_OVER, Past, STATE, State, keep_across_exec},
};
use crate::{clock::MonotonicTime, process::exit::End};

/// How long the next outdated module waits for the end of the one before.
const RENEWAL_PATIENCE: Duration = Duration::from_secs(5);
const PROBE_DEADLINE: Duration = Duration::from_secs(10);

/// A new binary that is being asked whether it can take over.
pub(super) struct Probe {
    pub(super) pid: i32,
    pub(super) deadline: MonotonicTime,
    reply: Option<Sender<Reply>>,
}

impl Supervisor {
    pub(super) fn start_probe(&mut self, reply: Option<Sender<Reply>>, now: MonotonicTime) {
        let probed = self.image.ensure_program().and_then(|()| {
            let state = self.state().seal()?;
            let generations = self.generations.values().map(|it| it.generation.descriptor());
            let inherited = generations.chain([state.as_raw_fd()]).collect();
            Ok(spawn::probe(self.image.path.as_os_str(), state.as_raw_fd(), inherited)?)
        });
        match probed {
            Ok(pid) => self.probe = Some(Probe { pid, deadline: now + PROBE_DEADLINE, reply }),
            Err(error) => {
                self.keep_image(&format!("{error:#}"));
                self.reload_configuration(reply, now);
            }
        }
    }

    pub(super) fn on_probed(&mut self, end: End, now: MonotonicTime) {
        let Some(probe) = self.probe.take() else { return };
        if self.stopping.is_some() {
            return;
        }
        if end == End::Code(CAN_TAKE_OVER.into()) {
            if let Some(reply) = &probe.reply {
                let _ = reply.try_send(Reply::Replacing);
            }
            self.replacing = true;
            return;
        }
        self.keep_image(&format!("it ended with {end}"));
        self.reload_configuration(probe.reply, now);
    }

    pub(super) fn check_probe(&mut self, now: MonotonicTime) {
        if let Some(probe) = self.probe.as_mut().filter(|probe| probe.deadline <= now) {
            probe.deadline = now + PROBE_DEADLINE;
            let _ = kill(Pid::from_raw(probe.pid), Signal::SIGKILL);
        }
    }

    fn keep_image(&mut self, why: &str) {
        let path = self.image.path.display();
        tracing::error!("the new program {path} cannot take over, the running one stays: {why}");
        self.image.accept_file();
    }

    fn state(&self) -> State<&Past> {
        let generations = self.generations.iter();
        State {
            past: &self.past,
            paths: self.sources.paths.clone(),
            home: self.sources.home.as_ref().map(|home| home.directory().to_owned()),
            generations: generations
                .map(|(number, sealed)| (*number, sealed.generation.descriptor()))
                .collect(),
            pid_file: self.held.pid_file.descriptors(),
            control: self.held.control.descriptor(),
            inbox: self.held.inbox.descriptor(),
            guard: (self.held.guard.pid, self.held.guard.descriptor()),
        }
    }

    /// Executes the new binary with all signals blocked, because a signal in between would find no handler and end the
    /// daemon. Returns if that fails, or if the daemon is to stop.
    pub(super) fn replace_image(&mut self) {
        self.replacing = false;
        if self.stopping.is_some() {
            return;
        }
        tracing::info!("{} takes over", self.image.path.display());
        let Err(error) = self.execute();
        self.keep_image(&format!("{error:#}"));
    }

    fn execute(&self) -> anyhow::Result<Infallible> {
        let carried = self.state();
        let state = carried.seal()?;
        let arguments = env::args_os().map(|argument| CString::new(argument.as_bytes()));
        let arguments = arguments.collect::<Result<Vec<_>, _>>()?;
        let variables = env::vars_os()
            .filter(|(name, _)| name != OsStr::new(STATE))
            .map(|(name, value)| CString::new([name.as_bytes(), b"=", value.as_bytes()].concat()));
        let mut variables = variables.collect::<Result<Vec<_>, _>>()?;
        variables.push(CString::new(format!("{STATE}={}", state.as_raw_fd()))?);
        let path = CString::new(self.image.path.as_os_str().as_bytes())?;
        let inherited = || carried.descriptors().chain([state.as_raw_fd()]);
        let result = inherited()
            .try_for_each(|number| keep_across_exec(number, true))
            .and_then(|()| execve(&path, &arguments, &variables));
        let _ = inherited().try_for_each(|number| keep_across_exec(number, false));
        Ok(result?)
    }

    /// Discards, one after the other, the modules that still run an earlier image.
    pub(super) fn renew_next_outdated(&mut self, now: MonotonicTime) {
        if self.stopping.is_some() {
            return;
        }
        let (modules, image) = (&self.past.modules, self.past.image);
        self.outdated
            .retain(|name| modules.get(name).is_some_and(|module| runs_earlier(module, image)));
        // A module with a long round must not delay the others.
        let is_ending = |name: &String| match &modules[name].phase {
            Phase::Stopping { asked, .. } => now.since(*asked) < RENEWAL_PATIENCE,
            _ => false,
        };
        let is_coming = |module: &Module| module.ready_deadline().is_some_and(|due| due > now);
        if self.outdated.iter().any(is_ending) || self.past.modules.values().any(is_coming) {
            return;
        }
        let is_asked =
            |name: &&String| matches!(self.past.modules[*name].phase, Phase::Stopping { .. });
        let next = self.outdated.iter().find(|name| !is_asked(name));
        let Some(name) = next.cloned() else { return };
        let cause = Cause::asked("the program was replaced");
        self.end(&name, cause, Then::Start, None, now);
    }

    /// When the next outdated module stops waiting.
    pub(super) fn renewal_deadline(&self, now: MonotonicTime) -> Option<MonotonicTime> {
        let outdated = self.outdated.iter().filter_map(|name| self.past.modules.get(name));
        let asked = outdated.filter_map(|module| match &module.phase {
            Phase::Stopping { asked, .. } => Some(*asked + RENEWAL_PATIENCE),
            _ => None,
        });
        asked.filter(|until| *until > now).min()
    }
}

/// Whether the module's process runs this program as an earlier image.
pub(super) fn runs_earlier(module: &Module, image: u64) -> bool {
    module.spec.kind.is_ours() && module.process().is_some_and(|process| process.image != image)
}
