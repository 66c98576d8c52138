//! `Daemon::Log::*`: where output goes, and how long it is kept.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sysconfig::{Problem, SysConfig};

use super::{default_paths::DefaultPaths, problem, reference, text};
use crate::config::home::{self, Home};

/// The log settings of one generation.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub(crate) struct LogSettings {
    pub(crate) directory: PathBuf,
    /// Standard output goes to `<Name>OUT.log`; otherwise to the terminal, or nowhere when daemonized.
    pub(crate) stdout: bool,
    /// Standard error goes to `<Name>ERR.log`.
    pub(crate) stderr: bool,
    pub(crate) days_to_keep: u64,
    /// Another program rotates the logs; they are only reopened on request.
    pub(crate) external_rotation: bool,
    pub(crate) format: LogFormat,
}

/// The format of the supervisor's log lines.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// The directory of the logs, for callers that only have the settings.
pub(crate) fn directory(settings: &SysConfig) -> PathBuf {
    let given = text(settings, "Daemon::Log::LogPath").map(PathBuf::from);
    given.filter(|path| path.is_absolute()).unwrap_or_else(|| match text(settings, home::SETTING) {
        Some(directory) => Home::at(Path::new(directory)).log_directory(),
        None => DefaultPaths::of_this_user().log,
    })
}

impl LogSettings {
    /// Whether modules write to the same files as with `other`.
    pub(crate) fn is_same_for_modules(&self, other: &Self) -> bool {
        let of = |it: &Self| (it.directory.clone(), it.stdout, it.stderr, it.external_rotation);
        of(self) == of(other)
    }

    pub(super) fn interpret(
        settings: &SysConfig,
        directory: PathBuf,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let switch = |name| matches!(text(settings, name), Some(on) if !matches!(on, "" | "0"));
        let mut one_of = |name: &str, [first, last]: [&str; 2], same: &[&str]| {
            let given = text(settings, name).unwrap_or_default().to_lowercase();
            if given == first || given == last {
                return given;
            }
            if same.contains(&given.as_str()) {
                return first.to_owned();
            }
            let what = format!("'{given}' is neither '{first}' nor '{last}'; '{first}' is used");
            problems.push(problem(settings, name, what));
            first.to_owned()
        };
        // OTOBO, and the code of Znuny 7, have names of their own for the type: all mean that the daemon rotates.
        let rotation =
            one_of("Daemon::Log::RotationType", ["otrs", "external"], &["znuny", "otobo"]);
        let format = one_of("Daemon::Log::Format", ["text", "json"], &[]);
        Self {
            directory,
            stdout: switch("Daemon::Log::STDOUT"),
            stderr: switch("Daemon::Log::STDERR"),
            days_to_keep: reference::whole(settings, "Daemon::Log::DaysToKeep").max(1),
            external_rotation: rotation == "external",
            format: if format == "json" { LogFormat::Json } else { LogFormat::Text },
        }
    }
}
