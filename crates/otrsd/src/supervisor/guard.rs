//! The guard: a helper process that waits for the supervisor's death and then ends every process of its run.
//!
//! The kernel's death signal reaches the module processes themselves; only the guard reaches their children and
//! processes that left their session.

use std::{
    ffi::OsStr,
    fs,
    io::{self, PipeWriter, Read as _},
    os::{
        fd::{AsRawFd as _, OwnedFd},
        unix::ffi::OsStrExt as _,
    },
    path::{Path, PathBuf},
    process::ExitCode,
};

use nix::{
    sys::{prctl::set_name, signal::SigSet},
    unistd::geteuid,
};

use super::{cgroup::Cgroup, directories, spawn};
use crate::{
    clock::{self, MonotonicTime},
    config::{daemon_paths::DaemonPaths, sources::Sources},
    process::{is_of, reaper, sweep},
};

/// The running guard, as the supervisor sees it.
#[derive(Debug)]
pub(super) struct Guard {
    pub(super) pid: i32,
    pub(super) since: MonotonicTime,
    /// Closed by the kernel when the supervisor is gone, however it ended.
    alive: PipeWriter,
}

impl Guard {
    pub(super) fn start(program: &OsStr, run: &str, sources: &Sources) -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        let pid = spawn::guard(program, run, &sources.identity(), reader)?;
        Ok(Self { pid, since: clock::now(), alive: writer })
    }

    /// Ends the guard when it is no longer needed, or when another one takes over.
    pub(super) fn dismiss(self) {
        Self::dismiss_earlier(self.pid, self.alive.into());
    }

    /// Ends the guard of an earlier image.
    pub(super) fn dismiss_earlier(pid: i32, alive: OwnedFd) {
        reaper::end(pid);
        // Only after the kill: a guard that sees this end closed ends the run.
        drop(alive);
    }

    pub(super) fn descriptor(&self) -> std::os::fd::RawFd {
        self.alive.as_raw_fd()
    }
}

/// The PID file of the running daemon that was started with `sources`.
///
/// It is read from the arguments of the guard. Thus a daemon is found even when its configuration, which names the PID
/// file, can no longer be read.
pub(crate) fn find_pid_file(sources: &Sources) -> Option<PathBuf> {
    find(sources).map(|(_, path)| path)
}

/// The running supervisor that was started with `sources`, even if its files were moved or removed.
pub(crate) fn supervisor(sources: &Sources) -> Option<i32> {
    let (guard, path) = find(sources)?;
    // In another container the same path is another directory.
    let directory = path.parent()?;
    let theirs = Path::new(&format!("/proc/{guard}/root")).join(directory.strip_prefix("/").ok()?);
    if directories::identity(directory) != directories::identity(&theirs) {
        return None;
    }
    let stat = fs::read_to_string(format!("/proc/{guard}/stat")).ok()?;
    let (_, after) = stat.rsplit_once(')')?;
    let parent: i32 = after.split_whitespace().nth(1)?.parse().ok()?;
    // A guard outlives its supervisor for a moment and then has another parent.
    let pipe = fs::read_link(format!("/proc/{guard}/fd/0")).ok()?;
    let mut held = fs::read_dir(format!("/proc/{parent}/fd")).ok()?.flatten();
    let is_other_end = |entry: fs::DirEntry| fs::read_link(entry.path()).is_ok_and(|it| it == pipe);
    held.any(is_other_end).then_some(parent)
}

/// The guard's process, and the PID file of its supervisor.
fn find(sources: &Sources) -> Option<(i32, PathBuf)> {
    let identity = sources.identity();
    let wanted: Vec<&[u8]> = identity.iter().map(|word| word.as_bytes()).collect();
    let mut processes = fs::read_dir("/proc").ok()?.flatten();
    processes.find_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        // A setuid program has arguments chosen by its caller.
        if !is_of(pid, geteuid().as_raw()) {
            return None;
        }
        let command = fs::read(entry.path().join("cmdline")).ok()?;
        let words: Vec<&[u8]> = command.strip_suffix(b"\0")?.split(|byte| *byte == 0).collect();
        let [_, b"module", b"guard", run, guarded @ ..] = words.as_slice() else { return None };
        let run = str::from_utf8(run).ok().filter(|_| guarded == wanted)?;
        Some((pid, pid_file_of(run)?.to_owned()))
    })
}

/// The guard's process: `otrsd module guard RUN SOURCE…`.
pub(crate) fn watch(run: &str) -> ExitCode {
    let _ = set_name(c"otrsd-guard");
    // The guard must survive signals that end the supervisor; only KILL remains.
    let _ = SigSet::all().thread_block();
    let _ = io::stdin().read_to_end(&mut Vec::new());
    let place = pid_file_of(run).and_then(DaemonPaths::of);
    if let Some(cgroup) = place.and_then(|place| Cgroup::delegated(&place)) {
        cgroup.end_all();
    }
    sweep::run(|mark| mark == run);
    ExitCode::SUCCESS
}

/// A run is named `<PID file>:<lock file's identity>:<random>`.
fn pid_file_of(run: &str) -> Option<&Path> {
    run.rsplitn(3, ':').nth(2).map(Path::new)
}
