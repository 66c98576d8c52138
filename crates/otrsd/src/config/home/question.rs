//! A query to a short Perl process. Its answer is held in memory, never in a file.

use std::{
    env,
    fs::File,
    io::{self, Seek as _, Write as _},
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::bail;
use nix::{
    sys::memfd::{MFdFlags, memfd_create},
    unistd::getpid,
};

use crate::{
    config::{generation::read_whole, home::owner},
    process::{die_with, ends_within, leave_caller, pidfd},
};

const DEADLINE: Duration = Duration::from_secs(30);
/// How much of the standard error output is reported.
const COMPLAINT: usize = 4 << 10;

/// What the command prints to standard output and to standard error.
///
/// The caller checks that the answer is complete: in a supervisor the reaper gets the exit status.
///
/// # Errors
///
/// The command cannot start, or does not end.
pub(crate) fn ask(argv: &[String], directory: &Path) -> anyhow::Result<(Vec<u8>, String)> {
    run(argv, directory, Stdio::null())
}

/// As [`ask`], with standard input for the command.
///
/// # Errors
///
/// Those of [`ask`].
pub(crate) fn ask_with(
    argv: &[String],
    directory: &Path,
    input: &[u8],
) -> anyhow::Result<(Vec<u8>, String)> {
    let mut file = File::from(memfd_create(c"otrsd-question", MFdFlags::MFD_CLOEXEC)?);
    file.write_all(input)?;
    file.rewind()?;
    run(argv, directory, file.into())
}

fn run(argv: &[String], directory: &Path, input: Stdio) -> anyhow::Result<(Vec<u8>, String)> {
    let memory = || memfd_create(c"otrsd-answer", MFdFlags::MFD_CLOEXEC).map(File::from);
    let (answer, complaint) = (memory()?, memory()?);
    let mut command = Command::new(&argv[0]);
    command.args(&argv[1..]).current_dir(directory).stdin(input);
    command.stdout(answer.try_clone()?).stderr(complaint.try_clone()?);
    if let Some(user) = owner::left_root() {
        command.env_clear().envs(user.environment());
    }
    let parent = getpid();
    #[expect(unsafe_code, reason = "std offers no other place between fork and exec")]
    // SAFETY: the closure makes async-signal-safe system calls only.
    unsafe {
        command.pre_exec(move || Ok(leave_caller().and_then(|()| die_with(parent))?));
    }
    let mut child = command.spawn().map_err(|error| not_started(&argv[0], error))?;
    let end = pidfd(i32::try_from(child.id())?)?;
    let is_over = ends_within(&end, Some(DEADLINE))?;
    if !is_over {
        child.kill()?;
    }
    let _ = child.wait();
    if !is_over {
        bail!("{} did not end within {DEADLINE:?}", argv[0]);
    }
    let mut complaint = read_whole(&complaint)?;
    complaint.truncate(COMPLAINT);
    Ok((read_whole(&answer)?, String::from_utf8_lossy(&complaint).trim().to_owned()))
}

fn not_started(program: &str, error: io::Error) -> anyhow::Error {
    if error.kind() == io::ErrorKind::NotFound {
        let path = env::var_os("PATH").unwrap_or_default();
        let path = path.to_string_lossy();
        return anyhow::anyhow!("{program} is not in PATH ({path}): install it, or correct PATH");
    }
    anyhow::Error::from(error).context(format!("cannot start {program}"))
}
