//! The sections of a manual page that are not part of the command line: examples, files, variables, exit status.

use std::fmt::Write as _;

/// Terms and their meanings, under a heading.
pub(super) struct Section {
    pub(super) heading: &'static str,
    pub(super) entries: &'static [(&'static str, &'static str)],
}

/// All codes in one line, for `-h`.
pub(super) const SHORT_EXIT_STATUS: &str = "Exit status: 0 success, 1 failure or not running, 2 usage, 3 configuration,\n\
    \x20            4 database, 5 degraded, 6 unknown";

/// The codes of `Failure`.
pub(super) const EXIT_STATUS: Section = Section {
    heading: "Exit status",
    entries: &[
        ("0", "Success."),
        ("1", "The command failed, or the daemon is not running."),
        ("2", "The command line is wrong."),
        ("3", "The configuration is wrong."),
        ("4", "The database refused the request or is not available."),
        ("5", "The daemon runs, but a module is degraded."),
        ("6", "The outcome is unknown: the database did not confirm the change."),
    ],
};

const FILES: Section = Section {
    heading: "Files",
    entries: &[
        ("/etc/otrsd/*.xml", "Settings, if root runs otrsd."),
        ("~/.config/otrsd/*.xml", "Settings, if another user runs it."),
        (
            "/var/lib/otrsd/tasks.db",
            "Tasks, unless DatabaseURL names another database. A user's are in ~/.local/state/otrsd.",
        ),
        (
            "/var/log/otrsd/",
            "Log files. A user's are in ~/.local/state/otrsd/log, those of a help desk in its var/log/Daemon.",
        ),
        (
            "/run/otrsd/",
            "PID file and control socket. A user's are in $XDG_RUNTIME_DIR/otrsd, those of a help desk in its var/run.",
        ),
    ],
};

const ENVIRONMENT: Section = Section {
    heading: "Environment",
    entries: &[
        ("OTRSD_CONFIG", "Paths of settings, separated by colons; --config replaces them."),
        ("OTRS_HOME", "Directory of the help desk; --home replaces it."),
        ("OTRSD_NODE_ID", "The setting NodeID; --node-id replaces it."),
        ("OTRSD_PID_PATH", "The setting Daemon::PID::Path."),
        ("OTRSD_LOG_PATH", "The setting Daemon::Log::LogPath."),
        ("XDG_CONFIG_HOME, XDG_STATE_HOME, XDG_RUNTIME_DIR", "Base directories of a user's files."),
        ("NO_COLOR", "Switches colours off if not empty."),
        ("TZ", "Time zone of the times that are read and shown."),
        ("MANPAGER, PAGER", "Pager of otrsd man."),
    ],
};

/// The sections of otrsd(1), after its examples.
pub(super) const OF_PROGRAM: [&Section; 3] = [&FILES, &ENVIRONMENT, &EXIT_STATUS];

impl Section {
    /// A section of `--help`: short terms and their meanings side by side.
    pub(super) fn help(&self) -> String {
        let mut text = format!("{}:", self.heading);
        for (term, meaning) in self.entries {
            let _ = write!(text, "\n  {term}  {meaning}");
        }
        text
    }
}
