//! A progress line on a terminal: it says what the command waits for, and is removed afterwards.

use std::io::{self, IsTerminal as _, Write as _};

use crate::text::escape::one_line;

/// Shows nothing unless standard error is a terminal.
#[derive(Debug)]
pub(super) struct Progress {
    is_on: bool,
    shown: usize,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self { is_on: io::stderr().is_terminal(), shown: 0 }
    }

    /// Whether the line is shown.
    pub(super) fn is_on(&self) -> bool {
        self.is_on
    }

    /// Replaces the line.
    pub(super) fn show(&mut self, text: &str) {
        const TURNING: [char; 4] = ['|', '/', '-', '\\'];
        if self.is_on {
            let text = one_line(text, usize::MAX);
            say(&format!("\r\x1b[K{} {text}", TURNING[self.shown % TURNING.len()]));
            self.shown += 1;
        }
    }

    /// Removes the line before permanent output.
    pub(super) fn clear(&mut self) {
        if self.shown > 0 {
            self.shown = 0;
            say("\r\x1b[K");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

fn say(text: &str) {
    let mut stderr = io::stderr().lock();
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}
