//! Log files with the original's names: `<Name>OUT.log`, `<Name>ERR.log`, renamed to `<Name>OUT-<epoch>.log` when the
//! module starts and kept for some days.
//!
//! A module writes to its files itself: a stalled disk holds up only that module.

pub(crate) mod desk;

use std::{
    fs::{self, DirBuilder, File, Metadata, OpenOptions},
    io::{self, Write as _},
    os::{
        fd::AsFd as _,
        unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    },
    path::{Path, PathBuf},
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use nix::unistd::{dup2_stderr, dup2_stdout};
use task_store::earlier;

use crate::{
    clock,
    config::log::LogSettings,
    logs::desk::{Log, Priority},
    process::own_file,
    text::escape::{log_line, one_line},
};

/// Output may be confidential.
const FILE_MODE: u32 = 0o640;
const DIRECTORY_MODE: u32 = 0o750;
/// How many names are tried when a log is renamed.
const NAMES: usize = 1000;

/// The log files of one module; `None` where the stream is not kept.
#[derive(Clone, Debug)]
pub(crate) struct ModuleFiles {
    pub(crate) out: Option<PathBuf>,
    pub(crate) err: Option<PathBuf>,
}

impl ModuleFiles {
    /// The output of a module in debug mode is always kept: that is the purpose of debug mode.
    pub(crate) fn new(settings: &LogSettings, name: &str, debug: bool) -> Self {
        let file = |stream| settings.directory.join(format!("{name}{stream}.log"));
        Self {
            out: (settings.stdout || debug).then(|| file("OUT")),
            err: settings.stderr.then(|| file("ERR")),
        }
    }

    /// Renames what an earlier incarnation wrote, and deletes what was kept long enough.
    ///
    /// The incarnations of a restart loop share their files for a day; otherwise each would leave some.
    pub(crate) fn rotate(
        &self,
        settings: &LogSettings,
        is_loop: bool,
        now: Timestamp,
    ) -> io::Result<()> {
        if settings.external_rotation {
            return Ok(());
        }
        let keep =
            SignedDuration::from_hours(24 * i64::try_from(settings.days_to_keep).unwrap_or(36_500));
        for file in self.out.iter().chain(&self.err) {
            let is_done = |metadata: Metadata| {
                let is_filled = metadata.is_file() && metadata.len() > 0;
                is_filled && !(is_loop && is_of_today(&metadata, now))
            };
            if file.symlink_metadata().is_ok_and(is_done) {
                fs::rename(file, free_name(file, now.as_second())?)?;
            }
            delete_old(file, earlier(now, keep))?;
        }
        Ok(())
    }

    /// Reopens this process's standard output and error, after another program renamed the files.
    pub(crate) fn reopen_own(&self) {
        let result = (|| {
            if let Some(file) = &self.out {
                dup2_stdout(open(file)?.as_fd())?;
            }
            if let Some(file) = &self.err {
                dup2_stderr(open(file)?.as_fd())?;
            }
            io::Result::Ok(())
        })();
        if let Err(error) = result {
            warn(&format!("cannot open the log files anew: {error}"));
        }
    }
}

/// Opens a log file for appending; a missing one is created.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    own_file::own(path, OpenOptions::new().append(true).create(true).mode(FILE_MODE))
}

/// Creates the directory of log files or of the PID file.
pub(crate) fn make_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(path)
}

/// The log of the installation that this process is a module of.
static ALSO: OnceLock<Log> = OnceLock::new();

/// Whether lines have a time: those of a module go to a log file, those of a command to a terminal.
static TIMED: AtomicBool = AtomicBool::new(false);

/// Marks this process as that of a module: from now on its lines on standard error have their time and severity, as the
/// supervisor's.
pub(crate) fn write_times() {
    TIMED.store(true, Ordering::Relaxed);
}

/// From now on, messages go to that log too.
pub(crate) fn also_into(log: Option<Log>) {
    if let Some(log) = log {
        let _ = ALSO.set(log);
    }
}

/// Logs a warning on standard error. A failure to do so is ignored.
pub(crate) fn warn(line: &str) {
    say(Priority::Error, line);
}

/// Logs information that is no warning.
pub(crate) fn info(line: &str) {
    say(Priority::Notice, line);
}

fn say(priority: Priority, line: &str) {
    static TOLD: AtomicBool = AtomicBool::new(false);
    let now = clock::now_utc();
    let shown = if TIMED.load(Ordering::Relaxed) {
        prefix(priority, now) + &log_line(line)
    } else {
        line.split('\n').map(|it| one_line(it, usize::MAX)).collect::<Vec<_>>().join("\n")
    };
    // One write, because other processes write to the file, too.
    let _ = io::stderr().write_all(format!("{shown}\n").as_bytes());
    let Some(log) = ALSO.get() else { return };
    let now = now.to_zoned(TimeZone::system());
    match log.write(priority, &log_line(line), &now) {
        Err(error) if !TOLD.swap(true, Ordering::Relaxed) => {
            let place = log.place();
            let _ = writeln!(io::stderr(), "the installation's log, {place}: {error}; told once");
        }
        _ => {}
    }
}

const WEIGHTS: [(Priority, &str); 2] = [(Priority::Error, "ERROR"), (Priority::Notice, " INFO")];

/// The prefix of a line, as the supervisor's has it.
fn prefix(priority: Priority, now: Timestamp) -> String {
    let weight = WEIGHTS.iter().find(|(it, _)| *it == priority).map_or("", |(_, weight)| weight);
    format!("{now:.3} {weight} ")
}

/// A line of a module's log without the time and severity that this program added.
pub(crate) fn without_time(line: &str) -> &str {
    let said = line.split_once(' ').filter(|(time, _)| time.parse::<Timestamp>().is_ok());
    let said = said.and_then(|(_, rest)| {
        WEIGHTS.iter().find_map(|(_, weight)| rest.strip_prefix(weight)?.strip_prefix(' '))
    });
    said.unwrap_or(line)
}

/// Deletes the empty log files, as the original does when it stops.
pub(crate) fn delete_empty(settings: &LogSettings) {
    if settings.external_rotation {
        return;
    }
    for entry in fs::read_dir(&settings.directory).into_iter().flatten().flatten() {
        let is_log = parse_name(&entry.file_name().to_string_lossy()).is_some();
        if is_log && entry.metadata().is_ok_and(|metadata| metadata.len() == 0) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// A name with a second in it that is not taken: a rename must not overwrite an earlier log.
fn free_name(file: &Path, second: i64) -> io::Result<PathBuf> {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let names = (second..).take(NAMES);
    let mut names = names.map(|second| file.with_file_name(format!("{stem}-{second}.log")));
    let taken =
        || io::Error::other(format!("{stem}-{second}.log and the names after it are taken"));
    names.find(|name| name.symlink_metadata().is_err()).ok_or_else(taken)
}

/// Deletes the renamed logs of `file` that are older than `until` or empty.
fn delete_old(file: &Path, until: Timestamp) -> io::Result<()> {
    let Some(directory) = file.parent() else { return Ok(()) };
    let current = file.file_stem().unwrap_or_default().to_string_lossy();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some((stem, Some(second))) = parse_name(&name.to_string_lossy()) else { continue };
        let Ok(metadata) = entry.metadata() else { continue };
        let old = second <= until.as_second() || metadata.len() == 0;
        if stem == current && old && !metadata.is_dir() {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

/// Without birth times in the file system, all files count as young.
fn is_of_today(file: &Metadata, now: Timestamp) -> bool {
    let birth = file.created().ok().and_then(|birth| Timestamp::try_from(birth).ok());
    birth.is_none_or(|birth| now.duration_since(birth) < SignedDuration::from_hours(24))
}

/// The process of another daemon may have been faster.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Splits `TestDaemonOUT-1795406737.log` into stem and second; `None` for other files.
fn parse_name(name: &str) -> Option<(String, Option<i64>)> {
    let base = name.strip_suffix(".log")?;
    let is_stem = |stem: &str| stem.ends_with("OUT") || stem.ends_with("ERR");
    if is_stem(base) {
        return Some((base.to_owned(), None));
    }
    let (stem, second) = base.rsplit_once('-')?;
    Some((stem.to_owned(), Some(second.parse().ok()?))).filter(|_| is_stem(stem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_its_time_and_is_found_again_without() {
        let now = Timestamp::from_second(1_795_406_737).unwrap();
        for (priority, line) in [
            (Priority::Error, "2026-11-23T04:05:37.000Z ERROR A: Run failed"),
            (Priority::Notice, "2026-11-23T04:05:37.000Z  INFO A: Run failed"),
        ] {
            assert_eq!(format!("{}A: Run failed", prefix(priority, now)), line);
            assert_eq!(without_time(line), "A: Run failed");
        }
        for foreign in ["plain", "", "2026-11-23T04:05:37Z of a program", "ERROR x"] {
            assert_eq!(without_time(foreign), foreign);
        }
    }

    #[test]
    fn only_our_log_files_are_recognised() {
        let log = |stem: &str, second| Some((stem.to_owned(), second));
        for (name, expected) in [
            ("TestDaemonOUT.log", log("TestDaemonOUT", None)),
            ("TestDaemonERR-1795406737.log", log("TestDaemonERR", Some(1_795_406_737))),
            ("a-bOUT-5.log", log("a-bOUT", Some(5))),
            ("TestDaemonOUT-today.log", None),
            ("TestDaemon.log", None),
            ("TestDaemonOUT.log.gz", None),
            ("access-17.log", None),
        ] {
            assert_eq!(parse_name(name), expected, "{name}");
        }
    }
}
