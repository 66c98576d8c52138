//! The state that a running supervisor hands to its next image.

use std::{
    collections::BTreeMap,
    env,
    os::fd::{BorrowedFd, FromRawFd as _, OwnedFd, RawFd},
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
};

use anyhow::Context as _;
use jiff::Timestamp;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use serde::{Deserialize, Serialize};

use super::{Sealed, drain::Draining, module::Module};
use crate::{
    config::natives::Natives,
    config::{
        Configuration,
        generation::{Generation, descriptor_in, read_whole, sealed_memory},
        sources::Sources,
    },
};

/// The variable with the descriptor that the next image reads the state from.
pub(crate) const STATE: &str = "OTRSD_STATE_FD";

/// The exit code of a probe that can take over; another program is unlikely to end with it.
pub(super) const CAN_TAKE_OVER: u8 = 114;

/// What the next image takes over. Its format is a contract between versions: fields are only added, with a default.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct State<P = Past> {
    pub(super) past: P,
    /// Absolute, while those of the command line may be relative to another directory.
    pub(super) paths: Vec<PathBuf>,
    /// The installation.
    #[serde(default)]
    pub(super) home: Option<PathBuf>,
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
    /// Processes that finish their work beside their successors.
    #[serde(default)]
    pub(super) draining: Vec<Draining>,
    pub(super) started: Timestamp,
    pub(super) run: String,
    /// The host's name at the start; empty if an earlier version wrote this.
    #[serde(default)]
    pub(super) host: String,
    pub(super) last_instance: u64,
    /// The number of the image that writes this.
    pub(super) image: u64,
}

impl State {
    /// The state that an earlier image left to this one, if there is one.
    pub(super) fn inherited() -> anyhow::Result<Option<Self>> {
        let Some(number) = env::var_os(STATE) else { return Ok(None) };
        let bytes = read_whole(&descriptor_in(&number)?.into())?;
        Ok(Some(serde_json::from_slice(&bytes)?))
    }
}

impl<P: Serialize> State<P> {
    /// Seals the state in memory, for the next image or for a probe.
    pub(super) fn seal(&self) -> anyhow::Result<OwnedFd> {
        sealed_memory(c"otrsd-state", &serde_json::to_vec(self)?)
    }

    pub(super) fn descriptors(&self) -> impl Iterator<Item = RawFd> {
        let generations = self.generations.iter().map(|(_, number)| *number);
        generations.chain(self.pid_file).chain([self.control, self.inbox, self.guard.1])
    }
}

/// `otrsd module takeover-check`: does this binary understand the running supervisor's state?
pub(crate) fn check(natives: &Natives) -> ExitCode {
    let understood = State::inherited().and_then(|state| {
        let state = state.context("no state was handed over")?;
        let sources = Sources::new(state.home.as_deref(), &state.paths, None)?;
        restore_all(&state.generations, natives, &sources)
    });
    match understood {
        Ok(_) => ExitCode::from(CAN_TAKE_OVER),
        Err(error) => {
            crate::logs::warn(&format!("this version cannot take over: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// The generations that an earlier image sealed. One that this version refuses is left out, as long as there is
/// another.
pub(super) fn restore_all(
    generations: &[(u64, RawFd)],
    natives: &Natives,
    sources: &Sources,
) -> anyhow::Result<BTreeMap<u64, Sealed>> {
    let mut restored = BTreeMap::new();
    let mut refusal = None;
    for (number, descriptor) in generations {
        match restore(*descriptor, natives, sources) {
            Ok(sealed) => drop(restored.insert(*number, sealed)),
            Err(error) => refusal = Some(error),
        }
    }
    match refusal {
        Some(error) if restored.is_empty() => Err(error),
        _ => Ok(restored),
    }
}

fn restore(descriptor: RawFd, natives: &Natives, sources: &Sources) -> anyhow::Result<Sealed> {
    let generation = Generation::adopt(adopt(descriptor)?);
    let settings = generation.contents()?.settings;
    let configuration =
        Configuration::interpret(settings, Vec::new(), natives, &sources.places).usable()?;
    Ok(Sealed { configuration: Arc::new(configuration), generation })
}

/// Sets whether the descriptor stays open when another program is executed.
pub(super) fn keep_across_exec(number: RawFd, keep: bool) -> nix::Result<()> {
    let flags = if keep { FdFlag::empty() } else { FdFlag::FD_CLOEXEC };
    #[expect(unsafe_code, reason = "the descriptors are held by their owners, known by number")]
    // SAFETY: every number comes from an owner that this supervisor holds.
    let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
    fcntl(descriptor, FcntlArg::F_SETFD(flags)).map(drop)
}

/// Takes ownership of a descriptor of the earlier image.
pub(super) fn adopt(number: RawFd) -> nix::Result<OwnedFd> {
    keep_across_exec(number, false)?;
    #[expect(unsafe_code, reason = "the earlier image left this descriptor open for us")]
    // SAFETY: it is open, as F_SETFD has just shown, and each number is adopted once.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}
