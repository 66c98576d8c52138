//! A changed binary replaces the running supervisor in place: the same process executes it, and the
//! locks, sockets and children stay. First the new binary is asked whether it can take over.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    env,
    ffi::{CString, OsStr},
    os::{
        fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd},
        unix::ffi::OsStrExt as _,
    },
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use jiff::Timestamp;
use nix::{
    fcntl::{FcntlArg, FdFlag, fcntl},
    unistd::execve,
};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::Sender;

use super::{
    Sealed, Supervisor,
    control::Reply,
    exit::End,
    module::{Cause, Module, Phase, Then},
    spawn,
};
use crate::{
    clock::Moment,
    config::{
        Configuration,
        generation::{Generation, descriptor_in, read_whole, sealed_memory},
        modules::Kind,
        sources::Sources,
    },
    module::registry::Registry,
};

/// Names the descriptor that the next image reads the state from.
pub(crate) const STATE: &str = "OTRSD_STATE_FD";

/// A binary that is not ours would hardly end with it.
const CAN_TAKE_OVER: u8 = 114;
/// How long the next outdated module waits for the end of the one before.
const RENEWAL_PATIENCE: Duration = Duration::from_secs(5);
const PROBE_DEADLINE: Duration = Duration::from_secs(10);

/// What the next image takes over. Its form is a contract between versions: fields are only added,
/// with a default.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) past: Past,
    /// Absolute, while the command line's may be relative to another directory.
    pub(super) paths: Vec<PathBuf>,
    pub(super) generations: Vec<(u64, RawFd)>,
    pub(super) pid_file: [RawFd; 2],
    pub(super) control: RawFd,
    pub(super) inbox: RawFd,
    pub(super) guard: (i32, RawFd),
}

/// What happened so far in this run.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Past {
    pub(super) modules: BTreeMap<String, Module>,
    pub(super) started: Timestamp,
    pub(super) run: String,
    pub(super) last_instance: u64,
    /// The number of the image that writes this.
    pub(super) image: u64,
}

/// A new binary that is being asked whether it can take over.
pub(super) struct Probe {
    pub(super) pid: i32,
    pub(super) deadline: Moment,
    reply: Option<Sender<Reply>>,
}

impl State {
    /// The state that an earlier image left to this one, if there is one.
    pub(super) fn inherited() -> anyhow::Result<Option<Self>> {
        let Some(number) = env::var_os(STATE) else { return Ok(None) };
        let bytes = read_whole(&descriptor_in(&number)?.into())?;
        Ok(Some(serde_json::from_slice(&bytes)?))
    }

    fn descriptors(&self) -> impl Iterator<Item = RawFd> {
        let generations = self.generations.iter().map(|(_, number)| *number);
        generations.chain(self.pid_file).chain([self.control, self.inbox, self.guard.1])
    }
}

/// `otrsd module takeover-check`: does this binary understand the running supervisor's state?
pub(crate) fn check(registry: &Registry) -> ExitCode {
    let understood = State::inherited().and_then(|state| {
        let state = state.context("no state was handed over")?;
        let sources = Sources::new(&state.paths, None)?;
        restore_all(&state.generations, registry, &sources)
    });
    match understood {
        Ok(_) => ExitCode::from(CAN_TAKE_OVER),
        Err(error) => {
            crate::logs::complain(&format!("this version cannot take over: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// The generations that an earlier image sealed. One that this version refuses is left out, as long
/// as there is another.
pub(super) fn restore_all(
    generations: &[(u64, RawFd)],
    registry: &Registry,
    sources: &Sources,
) -> anyhow::Result<BTreeMap<u64, Sealed>> {
    let mut restored = BTreeMap::new();
    let mut refusal = None;
    for (number, descriptor) in generations {
        match restore(*descriptor, registry, sources) {
            Ok(sealed) => drop(restored.insert(*number, sealed)),
            Err(error) => refusal = Some(error),
        }
    }
    match refusal {
        Some(error) if restored.is_empty() => Err(error),
        _ => Ok(restored),
    }
}

fn restore(descriptor: RawFd, registry: &Registry, sources: &Sources) -> anyhow::Result<Sealed> {
    let generation = Generation::adopt(adopt(descriptor)?);
    let settings = generation.contents()?.settings;
    let configuration = Configuration::interpret(settings, Vec::new(), registry, &sources.places)?;
    Ok(Sealed { configuration: Arc::new(configuration), generation })
}

impl Supervisor {
    pub(super) fn start_probe(&mut self, reply: Option<Sender<Reply>>, now: Moment) {
        let probed = self.image.ensure_program().and_then(|()| {
            let state = self.state()?;
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

    pub(super) fn on_probed(&mut self, end: End, now: Moment) {
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

    pub(super) fn check_probe(&mut self, now: Moment) {
        if let Some(probe) = self.probe.as_mut().filter(|probe| probe.deadline <= now) {
            probe.deadline = now + PROBE_DEADLINE;
            let _ = nix::sys::signal::kill(
                nix::unistd::Pid::from_raw(probe.pid),
                nix::sys::signal::Signal::SIGKILL,
            );
        }
    }

    fn keep_image(&mut self, why: &str) {
        let path = self.image.path.display();
        tracing::error!("the new program {path} cannot take over, the running one stays: {why}");
        self.image.accept_file();
    }

    fn state(&self) -> anyhow::Result<OwnedFd> {
        sealed_memory(c"otrsd-state", &serde_json::to_vec(&self.carried()?)?)
    }

    fn carried(&self) -> anyhow::Result<State> {
        // Modules have no copy: what is written down is what will be read.
        let modules = serde_json::from_value(serde_json::to_value(&self.modules)?)?;
        let generations = self.generations.iter();
        Ok(State {
            past: Past {
                modules,
                started: self.started,
                run: self.run.clone(),
                last_instance: self.last_instance,
                image: self.image.number,
            },
            paths: self.sources.paths.clone(),
            generations: generations
                .map(|(number, sealed)| (*number, sealed.generation.descriptor()))
                .collect(),
            pid_file: self.pid_file.descriptors(),
            control: self.control.descriptor(),
            inbox: self.inbox.descriptor(),
            guard: (self.guard.pid, self.guard.descriptor()),
        })
    }

    /// Executes the new binary, with all signals blocked: one in between would find no handler and end
    /// the daemon. Returns if that fails, or if the daemon is to stop.
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
        let state = self.state()?;
        let carried = self.carried()?;
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
    pub(super) fn renew_next_outdated(&mut self, now: Moment) {
        if self.stopping.is_some() {
            return;
        }
        let (modules, image) = (&self.modules, self.image.number);
        self.outdated
            .retain(|name| modules.get(name).is_some_and(|module| runs_earlier(module, image)));
        // One with a long round must not keep the others waiting.
        let is_ending = |name: &String| match &modules[name].phase {
            Phase::Stopping { asked, .. } => now.since(*asked) < RENEWAL_PATIENCE,
            _ => false,
        };
        let is_coming = |module: &Module| module.ready_deadline().is_some_and(|due| due > now);
        if self.outdated.iter().any(is_ending) || self.modules.values().any(is_coming) {
            return;
        }
        let is_asked = |name: &&String| matches!(self.modules[*name].phase, Phase::Stopping { .. });
        let next = self.outdated.iter().find(|name| !is_asked(name));
        let Some(name) = next.cloned() else { return };
        let cause = Cause::asked("the program was replaced");
        self.end(&name, cause, Then::Start, None, now);
    }

    /// When the next outdated module stops waiting.
    pub(super) fn renewal_deadline(&self, now: Moment) -> Option<Moment> {
        let outdated = self.outdated.iter().filter_map(|name| self.modules.get(name));
        let asked = outdated.filter_map(|module| match &module.phase {
            Phase::Stopping { asked, .. } => Some(*asked + RENEWAL_PATIENCE),
            _ => None,
        });
        asked.filter(|until| *until > now).min()
    }
}

/// Whether the module's process is our binary, of an earlier image.
pub(super) fn runs_earlier(module: &Module, image: u64) -> bool {
    let ours = !matches!(module.spec.kind, Kind::Command(_));
    ours && module.process().is_some_and(|process| process.image != image)
}

fn keep_across_exec(number: RawFd, keep: bool) -> nix::Result<()> {
    let flags = if keep { FdFlag::empty() } else { FdFlag::FD_CLOEXEC };
    #[expect(unsafe_code, reason = "the descriptors are held by their owners, known by number")]
    // SAFETY: every number comes from an owner that this supervisor holds.
    let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
    fcntl(descriptor, FcntlArg::F_SETFD(flags)).map(drop)
}

/// Takes a descriptor of the earlier image into possession.
pub(super) fn adopt(number: RawFd) -> nix::Result<OwnedFd> {
    keep_across_exec(number, false)?;
    #[expect(unsafe_code, reason = "the earlier image left this descriptor open for us")]
    // SAFETY: it is open, as F_SETFD has just shown, and each number is adopted once.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}
