//! The record of a module's exit: how its process ended.

use std::{fmt, time::Duration};

use jiff::Timestamp;
use nix::sys::signal::Signal;
use serde::{Deserialize, Serialize};

/// The end of one incarnation of a module.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Exit {
    /// Absent when the process could not be started.
    pub(crate) pid: Option<i32>,
    pub(crate) at: Timestamp,
    /// What the kernel reports, for programs.
    pub(crate) code: Option<i32>,
    pub(crate) signal: Option<i32>,
    /// For people: `exit 1`, `signal 9 (SIGKILL)`, `cannot start: …`.
    pub(crate) how: String,
    /// Whether the end was planned: by the module (discard), by an operator, or by a reload.
    pub(crate) planned: bool,
    /// Why it was planned, or what went wrong.
    pub(crate) reason: String,
    pub(crate) uptime_seconds: f64,
    pub(crate) peak_rss_kb: u64,
    pub(crate) last_stderr_line: Option<String>,
}

/// The kernel's account of an end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum End {
    Code(i32),
    Signal(i32),
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Code(code) => write!(f, "exit {code}"),
            Self::Signal(number) => match Signal::try_from(number) {
                Ok(signal) => write!(f, "signal {number} ({signal})"),
                Err(_) => write!(f, "signal {number}"),
            },
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.how)?;
        if !self.reason.is_empty() {
            write!(f, ", {}", self.reason)?;
        }
        if self.pid.is_some() {
            let uptime = Duration::from_secs_f64(self.uptime_seconds.max(0.0));
            write!(f, ", after {uptime:.1?}, peak {} kB", self.peak_rss_kb)?;
        }
        match &self.last_stderr_line {
            // A native module's reason is also the line that it wrote.
            Some(line) if self.reason.is_empty() || self.planned => write!(f, ": {line}"),
            _ => Ok(()),
        }
    }
}

impl End {
    pub(crate) fn code(self) -> Option<i32> {
        if let Self::Code(code) = self { Some(code) } else { None }
    }

    pub(crate) fn signal(self) -> Option<i32> {
        if let Self::Signal(signal) = self { Some(signal) } else { None }
    }
}

const LONGEST_TEXT: usize = 500;

/// Makes a module's text fit for terminals and logs: no control characters, and a limited length.
pub(crate) fn printable(text: &str) -> String {
    let legible = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
    text.chars().take(LONGEST_TEXT).map(legible).collect()
}
