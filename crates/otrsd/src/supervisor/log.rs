//! The supervisor's own log: lines on standard error, which is a file in the background.

use std::{fmt, io};

use tracing_subscriber::fmt::{
    format::{Writer, debug_fn},
    time::FormatTime,
};

use super::daemonize;
use crate::{
    clock,
    config::{
        log::{LogFormat, LogSettings},
        modules::SUPERVISOR,
    },
    logs::{self, ModuleFiles},
    text::escape::log_line,
};

/// Opens the log. In the background, standard error becomes a log file, so that a panic is recorded too. From then on
/// events go to standard error in any case.
pub(super) fn open(settings: &LogSettings, daemonized: bool) -> anyhow::Result<()> {
    let opened = if daemonized { redirect(settings) } else { Ok(()) };
    subscribe(settings.format);
    opened
}

fn redirect(settings: &LogSettings) -> anyhow::Result<()> {
    let files =
        ModuleFiles::new(&LogSettings { stderr: true, ..settings.clone() }, SUPERVISOR, false);
    files.rotate(settings, false, clock::now_utc())?;
    if let Some(path) = &files.err {
        daemonize::redirect_errors(logs::open(path)?)?;
    }
    Ok(())
}

/// Sends events to standard error from now on.
fn subscribe(format: LogFormat) {
    let subscriber = tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_target(false)
        .with_timer(WallClock)
        // The subscriber would report the error on standard error, and panic when that is what fails.
        .log_internal_errors(false)
        .with_ansi(false);
    match format {
        // The message names the module; the separate field is for programs.
        LogFormat::Text => subscriber
            .fmt_fields(debug_fn(|writer, field, value| match field.name() {
                "message" => writer.write_str(&log_line(&format!("{value:?}"))),
                "pid" => write!(writer, " (PID {value:?})"),
                _ => Ok(()),
            }))
            .init(),
        LogFormat::Json => subscriber.json().flatten_event(true).init(),
    }
}

struct WallClock;

impl FormatTime for WallClock {
    fn format_time(&self, w: &mut Writer<'_>) -> fmt::Result {
        write!(w, "{:.3}", clock::now_utc())
    }
}
