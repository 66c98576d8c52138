//! A standard output that survives a full disk.

use std::{
    fmt::Write as _,
    io::{self, Write as _},
    sync::{Mutex, PoisonError},
};

use crate::process::sd_notify;

/// Counts the lines that could not be written, and reports their number as soon as a line can be.
#[derive(Debug, Default)]
pub(super) struct Output {
    lost: Mutex<u64>,
}

impl Output {
    pub(super) fn say(&self, line: &str) {
        let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::with_capacity(line.len() + 1);
        if *lost > 0 {
            let _ = writeln!(text, "otrsd: {lost} lines were lost here");
        }
        text.push_str(line);
        text.push('\n');
        let mut stdout = io::stdout().lock();
        match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
            Ok(()) => *lost = 0,
            Err(error) => {
                *lost += 1;
                if *lost == 1 {
                    // The supervisor's log may be on another disk.
                    let _ = sd_notify::send(&format!("X_OUTPUT_LOST={error}"));
                }
            }
        }
    }
}
