//! Processes: run one to its end, look at one, wait for one.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// For everything that a test waits for, on a loaded machine too.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// What a finished command left.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Outcome {
    /// For comparing all of it at once.
    pub(crate) fn all(&self) -> (i32, &str, &str) {
        (self.code, &self.stdout, &self.stderr)
    }

    /// Fails unless the command succeeded.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        self.failed(0)
    }

    /// Fails unless the command ended with this exit code.
    #[track_caller]
    pub(crate) fn failed(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }
}

/// Waits until `condition` holds; with what follows the one place in all tests that passes time.
#[track_caller]
pub(crate) fn wait_until<T>(what: &str, condition: impl FnMut() -> Option<T>) -> T {
    wait_within(DEADLINE, what, condition)
}

/// As [`wait_until`], for what the clock alone brings.
#[track_caller]
pub(crate) fn wait_within<T>(
    longest: Duration,
    what: &str,
    mut condition: impl FnMut() -> Option<T>,
) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(start.elapsed() < longest, "waited {longest:?} for {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Runs a command to its end, and to the end of whoever holds its output.
#[track_caller]
pub(crate) fn finish(command: Command) -> Outcome {
    finish_within(10 * DEADLINE, command)
}

#[track_caller]
pub(crate) fn finish_within(deadline: Duration, mut command: Command) -> Outcome {
    let name = format!("{command:?}");
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let pid = child.id().cast_signed();
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || sender.send(child.wait_with_output()));
    let Ok(output) = receiver.recv_timeout(deadline) else {
        signal(pid, Signal::SIGKILL);
        panic!("{name} did not end, or left its output open");
    };
    let output = output.unwrap();
    Outcome {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Copies a program. Another process does so: one that this process has open for writing is busy
/// while any other test happens to start something.
#[track_caller]
pub(crate) fn install(from: &Path, to: &Path) {
    let mut command = Command::new("install");
    command.args(["-m", "755"]).args([from, to]);
    finish(command).ok();
}

pub(crate) fn signal(pid: i32, signal: Signal) {
    let _ = kill(Pid::from_raw(pid), signal);
}

pub(crate) fn command_line(pid: i32) -> String {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&line).replace('\0', " ")
}

pub(crate) fn parent(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// Whether the process lives; a zombie does not.
pub(crate) fn is_alive(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// Waits until the process is gone.
#[track_caller]
pub(crate) fn gone(pid: i32) {
    wait_until(&format!("the end of process {pid}"), || (!is_alive(pid)).then_some(()));
}

/// An example program of this crate, built beside the stock program.
pub(crate) fn example(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_otrsd")).with_file_name("examples").join(name);
    assert!(path.exists(), "{} is missing: cargo build --examples", path.display());
    path
}
