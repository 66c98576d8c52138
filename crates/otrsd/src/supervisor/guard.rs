//! The guard: a helper that waits for the supervisor's death and then ends everything of its run.
//!
//! The kernel's death signal reaches the module processes themselves; their children, and what left
//! its session, only the guard.

use std::{
    io::{self, PipeWriter, Read as _},
    os::fd::{AsRawFd as _, OwnedFd},
    process::ExitCode,
};

use nix::{
    sys::{
        prctl::set_name,
        signal::{SigSet, Signal, kill},
    },
    unistd::Pid,
};

use super::{spawn, sweep};

/// The running guard, seen from the supervisor.
#[derive(Debug)]
pub(super) struct Guard {
    pub(super) pid: i32,
    /// Closed by the kernel when the supervisor is gone, however it went.
    alive: PipeWriter,
}

impl Guard {
    pub(super) fn start(program: &std::ffi::OsStr, run: &str) -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        let pid = spawn::guard(program, run, reader)?;
        Ok(Self { pid, alive: writer })
    }

    /// Ends the guard of an earlier image, before its pipe is closed.
    pub(super) fn dismiss(pid: i32, alive: OwnedFd) {
        let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        drop(alive);
    }

    pub(super) fn descriptor(&self) -> std::os::fd::RawFd {
        self.alive.as_raw_fd()
    }
}

/// The guard's process: `otrsd module guard RUN`.
pub(crate) fn watch(run: &str) -> ExitCode {
    let _ = set_name(c"otrsd-guard");
    // A guard that a signal ends guards nothing; KILL remains.
    let _ = SigSet::all().thread_block();
    let _ = io::stdin().read_to_end(&mut Vec::new());
    sweep::run(|mark| mark == run);
    ExitCode::SUCCESS
}
