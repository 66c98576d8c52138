//! Starting processes. The supervisor does so nowhere else, and only on its main thread: the kernel sends the death
//! signal when the *thread* that started a child ends.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io::{self, PipeReader},
    os::{
        fd::{BorrowedFd, RawFd},
        unix::process::CommandExt as _,
    },
    process::{Command, Stdio},
};

use nix::{
    fcntl::{FcntlArg, FdFlag, fcntl},
    sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction},
    unistd::{getpid, setsid, write},
};

use crate::{
    config::{
        generation::{self, Generation},
        identity,
        modules::{Kind, ModuleSpec},
        sources::Sources,
    },
    process::{
        Change, Identity, die_with,
        marks::{INSTANCE, MODULE, RUN},
        sd_notify,
    },
};

/// Variables that concern only the supervisor and its parent.
const OUR_OWN: [&str; 12] = [
    sd_notify::SOCKET,
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
    "LISTEN_FDS",
    "LISTEN_PID",
    "LISTEN_FDNAMES",
    super::daemonize::DAEMONIZED,
    super::state::STATE,
    // Set by a daemon that started this one as a module.
    RUN,
    INSTANCE,
    MODULE,
    generation::DESCRIPTOR,
];
/// This program as it was when the image started, whatever its path holds now.
const THIS_IMAGE: &str = "/proc/self/exe";

/// Everything that a new process of a module gets.
pub(super) struct Launch<'a> {
    pub(super) spec: &'a ModuleSpec,
    pub(super) generation: &'a Generation,
    pub(super) stdout: Stdio,
    pub(super) stderr: Stdio,
    /// The program name that `ps` shows.
    pub(super) program: &'a OsStr,
    pub(super) run: &'a str,
    pub(super) instance: u64,
    pub(super) host: &'a str,
    pub(super) notify: &'a str,
    pub(super) cgroup: Option<File>,
    /// Whether the process, and everything that it starts, may gain privileges.
    pub(super) new_privileges: bool,
    pub(super) debug: bool,
}

/// Starts a module's process and returns its PID, which is also its session and process group.
pub(super) fn module(launch: Launch<'_>) -> io::Result<i32> {
    let spec = launch.spec;
    let mut command = if let Kind::Command(argv) | Kind::Perl { argv, .. } = &spec.kind {
        let (program, arguments) = argv.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let mut command = Command::new(program);
        command.args(arguments);
        let hears = matches!(spec.kind, Kind::Perl { .. });
        command.args((launch.debug && hears).then_some("--debug"));
        command
    } else {
        let mut command = this_image(launch.program);
        command.args(["module", "run", &spec.name]);
        command.args(launch.debug.then_some("--debug"));
        command
    };
    let config = spec.kind.is_ours().then(|| launch.generation.descriptor());
    clean_environment(&mut command);
    let user = spec.user.as_deref().map(Identity::of).transpose()?;
    if let Some(user) = &user {
        command.env_clear().envs(user.environment());
    }
    command
        .envs(spec.variables())
        .env(RUN, launch.run)
        .env(INSTANCE, launch.instance.to_string())
        .env(MODULE, &spec.name)
        .env(sd_notify::SOCKET, launch.notify)
        .envs(config.map(|_| (identity::HOST, launch.host)))
        .envs(config.map(|number| (generation::DESCRIPTOR, number.to_string())))
        .envs(spec.watchdog.map(|longest| ("WATCHDOG_USEC", longest.as_micros().to_string())))
        .stdin(Stdio::null())
        .stdout(launch.stdout)
        .stderr(launch.stderr);
    if let Some(directory) = &spec.working_directory {
        command.current_dir(directory);
    }
    let change = Change { user, new_privileges: launch.new_privileges };
    in_child(&mut command, change, config.into_iter().collect(), launch.cgroup);
    start(&mut command)
}

/// Starts this program as a helper that must survive the supervisor: no death signal, no run mark.
pub(super) fn guard(
    program: &OsStr,
    run: &str,
    sources: &[OsString],
    alive: PipeReader,
) -> io::Result<i32> {
    let mut command = this_image(program);
    clean_environment(&mut command);
    command
        .args(["module", "guard", run])
        .args(sources)
        .stdin(alive)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    #[expect(unsafe_code, reason = "a session of its own, so that no terminal reaches it")]
    // SAFETY: setsid is async-signal-safe.
    unsafe {
        command.pre_exec(|| Ok(setsid().map(drop)?));
    }
    start(&mut command)
}

/// Starts the binary at `path` to ask whether it can take over from this one.
pub(super) fn probe(path: &OsStr, state: RawFd, inherited: Vec<RawFd>) -> io::Result<i32> {
    let mut command = Command::new(path);
    clean_environment(&mut command);
    command.args(["module", "takeover-check"]).env(super::state::STATE, state.to_string());
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let change = Change { user: None, new_privileges: true };
    in_child(&mut command, change, inherited, None);
    start(&mut command)
}

fn this_image(program: &OsStr) -> Command {
    let mut command = Command::new(THIS_IMAGE);
    command.arg0(program);
    command
}

fn clean_environment(command: &mut Command) {
    for variable in Sources::variables().chain(OUR_OWN) {
        command.env_remove(variable);
    }
}

/// Dropping the handle does not wait; the reaper does.
fn start(command: &mut Command) -> io::Result<i32> {
    let child = command.spawn()?;
    i32::try_from(child.id()).map_err(io::Error::other)
}

/// The child's work between fork and exec: only system calls, without allocation.
fn in_child(command: &mut Command, change: Change, inherited: Vec<RawFd>, cgroup: Option<File>) {
    let parent = getpid();
    let prepare = move || -> nix::Result<()> {
        default_signals()?;
        setsid()?;
        if let Some(cgroup) = &cgroup {
            write(cgroup, b"0")?;
        }
        change.make()?;
        for number in &inherited {
            keep_open(*number)?;
        }
        die_with(parent)
    };
    #[expect(unsafe_code, reason = "std offers no other place between fork and exec")]
    // SAFETY: the closure makes async-signal-safe system calls only.
    unsafe {
        command.pre_exec(move || Ok(prepare()?));
    }
}

/// A caller may ignore signals (`nohup`) or block them; children would inherit both.
fn default_signals() -> nix::Result<()> {
    let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    for signal in
        [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM, Signal::SIGUSR1]
    {
        #[expect(unsafe_code, reason = "handlers are set by sigaction alone")]
        // SAFETY: the default action runs no handler of this program.
        unsafe {
            sigaction(signal, &default)?;
        }
    }
    SigSet::empty().thread_set_mask()
}

#[expect(unsafe_code, reason = "the descriptor is held by number across fork")]
fn keep_open(number: RawFd) -> nix::Result<()> {
    // SAFETY: the parent keeps the descriptor open while it starts this child.
    let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
    fcntl(descriptor, FcntlArg::F_SETFD(FdFlag::empty())).map(drop)
}
