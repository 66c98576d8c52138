//! Daemonizing: the program executes itself in a session of its own and reports through a pipe. There is no fork
//! without exec, and none of the caller's descriptors stays open.

use std::{
    env,
    io::{self, Read as _, Write as _},
    os::unix::process::CommandExt as _,
    process::{Command, Stdio},
};

use nix::{
    libc,
    unistd::{dup2_stderr, dup2_stdout, setsid},
};

/// Set only in the background process.
pub(crate) const DAEMONIZED: &str = "OTRSD_DAEMONIZED";
/// Printed by the background process when the daemon runs.
const STARTED: &str = "started";

/// The result of a start in the background.
pub(crate) enum Begin {
    Started,
    /// The process ended with this exit code and this message.
    Failed(u8, String),
}

/// Executes this command line again in the background; returns when the daemon runs or has failed.
pub(crate) fn into_background() -> io::Result<Begin> {
    let (mut reader, writer) = io::pipe()?;
    let mut arguments = env::args_os();
    let mut command = Command::new("/proc/self/exe");
    command.arg0(arguments.next().unwrap_or_default()).args(arguments).env(DAEMONIZED, "1");
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    #[expect(unsafe_code, reason = "std offers no other place between fork and exec")]
    // SAFETY: setsid is async-signal-safe.
    unsafe {
        command.pre_exec(|| Ok(setsid().map(drop)?));
    }
    let mut child = command.spawn()?;
    // The command holds the other end of the pipe.
    drop(command);
    let mut said = String::new();
    reader.read_to_string(&mut said)?;
    if let Some(before) = said.strip_suffix(STARTED) {
        print_errors(before);
        return Ok(Begin::Started);
    }
    let code = child.wait()?.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
    Ok(Begin::Failed(code, said.trim_end().to_owned()))
}

/// Prints the warnings of a successful start.
fn print_errors(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Whether this process is the background process.
pub(crate) fn is_background() -> bool {
    env::var_os(DAEMONIZED).is_some()
}

/// Detaches from the caller's descriptors: closes them in the background, otherwise keeps them from the modules.
pub(crate) fn shed_descriptors() {
    let flags = if is_background() { 0 } else { libc::CLOSE_RANGE_CLOEXEC };
    #[expect(unsafe_code, reason = "nix has no close_range")]
    // SAFETY: called before this process opened a descriptor above 2.
    unsafe {
        libc::syscall(libc::SYS_close_range, 3, u32::MAX, flags);
    }
}

/// Tells the caller that the daemon runs, and detaches from its terminal.
pub(crate) fn report_started() -> io::Result<()> {
    let null = std::fs::OpenOptions::new().write(true).open("/dev/null")?;
    let mut stdout = io::stdout();
    stdout.write_all(STARTED.as_bytes())?;
    stdout.flush()?;
    dup2_stdout(&null)?;
    Ok(())
}

pub(crate) fn redirect_errors(to: impl std::os::fd::AsFd) -> io::Result<()> {
    Ok(dup2_stderr(to)?)
}
