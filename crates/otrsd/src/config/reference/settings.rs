//! Settings with fixed names.

use super::{Group, Kind, key};

pub(super) const DAEMON: Group = Group {
    title: "The daemon",
    hash: "",
    about: "The variables `OTRSD_NODE_ID`, `OTRSD_PID_PATH` and `OTRSD_LOG_PATH` override the files.",
    keys: &[
        key("NodeID", "1", "number of this node in a cluster, 1 to 999").is(Kind::Whole(1, 999)),
        key(
            "Daemon::PID::Path",
            "`/run/otrsd`, for a user `$XDG_RUNTIME_DIR/otrsd`, for a help desk its `var/run`",
            "directory of the PID file and the control socket",
        )
        .is(Kind::Path),
        key(
            "Daemon::NewPrivileges",
            "0, in a help desk always 1",
            "1: processes of modules and tasks may gain privileges, for example by `sudo` or another setuid program",
        )
        .is(Kind::Whole(0, 1)),
        key(
            "Daemon::StopGrace",
            "30, in a help desk 300",
            "grace period: seconds that modules have to end at a stop; tasks have 8 seconds less",
        )
        .is(Kind::Whole(0, 86_400)),
    ],
};

pub(super) const LOG: Group = Group {
    title: "Log files",
    hash: "",
    about: "Each module has `<Name>OUT.log` and `<Name>ERR.log`; the supervisor has its own.",
    keys: &[
        key(
            "Daemon::Log::LogPath",
            "`/var/log/otrsd`, for a user `$XDG_STATE_HOME/otrsd/log`, for a help desk its `var/log/Daemon`",
            "directory of the log files",
        ).is(Kind::Path),
        key(
            "Daemon::Log::RotationType",
            "otrs",
            "`otrs`: a log file is renamed when its module starts; `external`: another program renames it, and the signal USR1 reopens it. The package sets `external`",
        ).is(Kind::OneOf(&["otrs", "znuny", "otobo", "external"])),
        key("Daemon::Log::DaysToKeep", "1", "days that a renamed log file is kept").is(Kind::Whole(0, 36_500)),
        key(
            "Daemon::Log::STDOUT",
            "0",
            "1: standard output goes to the log file; 0: to the terminal of a daemon in the foreground, otherwise nowhere",
        ).is(Kind::Truth),
        key("Daemon::Log::STDERR", "1", "the same for standard error").is(Kind::Truth),
        key(
            "Daemon::Log::Format",
            "text",
            "format of the supervisor's log: `text` or `json`; takes effect at the next start",
        ).is(Kind::OneOf(&["text", "json"])),
    ],
};

pub(super) const DATABASE: Group = Group {
    title: "The database",
    hash: "",
    about: "A help desk uses the database of its installation.",
    keys: &[
        key(
            "DatabaseURL",
            "`sqlite:/var/lib/otrsd/tasks.db`, for a user below `$XDG_STATE_HOME`",
            "`sqlite:/PATH`, `postgres://…` or `mysql://…`",
        ),
        key(
            "DatabasePasswordFile",
            "",
            "file whose first line is the password, in place of one in the URL; with systemd's `LoadCredential=database:…`, `/run/credentials/otrsd.service/database`",
        )
        .is(Kind::Path),
        key("OTRSTimeZone", "UTC", "time zone of the local times in the original's columns")
            .is(Kind::Zone),
    ],
};

pub(super) const WORKER: Group = Group {
    title: "The task worker",
    hash: "",
    about: "",
    keys: &[key(
        "Daemon::SchedulerTaskWorker::MaximumWorkers",
        "5",
        "number of tasks that run at once on a node",
    )
    .is(Kind::Whole(1, 10_000))],
};

pub(super) const CRON: Group = Group {
    title: "The cron manager",
    hash: "",
    about: "",
    keys: &[key(
        "Daemon::SchedulerCronTaskManager::Dialect",
        "vixie, in a help desk perl",
        "rules for schedules: `vixie` as cronie, `perl` as the original's `Schedule::Cron::Events`",
    )
    .is(Kind::OneOf(&["vixie", "perl"]))],
};

pub(super) const CONSOLE: Group = Group {
    title: "The web console",
    hash: "",
    about: "Settings of the module `WebConsole`; see [The web console](console.md).",
    keys: &[
        key(
            "WebConsole::Listen",
            "127.0.0.1:8440",
            "loopback address of this host, or `unix:/path` for a proxy; port 0 selects a free one",
        ),
        key("WebConsole::AllowedHosts", "", "array: host names of the proxy").is(Kind::List),
        key(
            "WebConsole::Tokens###NAME",
            "",
            "hash: `Role` (`view` or `operate`) and `SHA256` of a token; `otrsd console-token` prints the setting",
        ).is(Kind::Texts),
        key(
            "WebConsole::AddableTypes",
            "all that a setting describes; in a help desk none",
            "array: task types that the API may enqueue; never `Cron`, `AsynchronousExecutor` and `GenericAgent`",
        ).is(Kind::List),
        key(
            "WebConsole::DatabaseURL",
            "`DatabaseURL`",
            "URL of the same database for [a database user of the console's own](console.md#a-database-user-of-its-own)",
        ),
        key("WebConsole::OpenMetrics", "0", "1: `/metrics` needs no login").is(Kind::Whole(0, 1)),
    ],
};

pub(super) const HOME: Group = Group {
    title: "Only in a help desk",
    hash: "",
    about: "These settings go into its `Kernel/Config.pm` or into a file as described above.",
    keys: &[
        key(
            "Daemon::PerlModules",
            "0",
            "1: all daemon modules, including the scheduler's, run in the installation's Perl",
        ).is(Kind::Whole(0, 1)),
        key(
            "Daemon::MixedCluster",
            "1",
            "1: nodes that run the original may use the same database; otrsd avoids what would conflict with them",
        ).is(Kind::Whole(0, 1)),
        key(
            "Daemon::SchedulerTaskWorker::HostIdle",
            "600",
            "seconds without a task after which the Perl process for tasks ends",
        ).is(Kind::Whole(0, 2_678_400)),
        key(
            "Daemon::SchedulerTaskWorker::NotificationRecipientEmail",
            "the installation's",
            "recipient of the mails about failed tasks",
        ),
        key(
            "Daemon::SchedulerTaskWorker::FailureMail",
            "digest",
            "`digest`: a mail at the first failure of a task, then one per period about the others; `single`: a mail for each failure; `off`: none",
        ).is(Kind::OneOf(&["digest", "single", "off"])),
        key("Daemon::SchedulerTaskWorker::FailureMailPeriod", "3600", "period of `digest`, in seconds").is(Kind::Whole(0, 2_678_400)),
        key(
            "Daemon::SchedulerTaskWorker::FailureMailEnvelopeSender",
            "as for other mail",
            "envelope sender: an address, or `<>` for none, which prevents bounces",
        ),
    ],
};
