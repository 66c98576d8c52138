//! Settings that are no hashes of anybody's own.

use super::{Group, Kind, key};

pub(super) const DAEMON: Group = Group {
    title: "The daemon",
    hash: "",
    about: "`OTRSD_NODE_ID`, `OTRSD_PID_PATH` and `OTRSD_LOG_PATH` of the environment go before the files.",
    keys: &[
        key("NodeID", "1", "this node's number in a cluster, 1 to 999").is(Kind::Whole(1, 999)),
        key(
            "Daemon::PID::Path",
            "`/run/otrsd`, of a user `$XDG_RUNTIME_DIR/otrsd`, of a help desk its `var/run`",
            "directory of the PID file and the control socket",
        )
        .is(Kind::Path),
        key(
            "Daemon::NewPrivileges",
            "0, in a help desk always 1",
            "with 1, what modules and tasks start may gain rights, as by `sudo` or another setuid program",
        )
        .is(Kind::Whole(0, 1)),
        key(
            "Daemon::StopGrace",
            "30, in a help desk 300",
            "seconds that modules and tasks have to end at a stop; tasks have 8 of them less",
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
            "`/var/log/otrsd`, of a user `$XDG_STATE_HOME/otrsd/log`, of a help desk its `var/log/Daemon`",
            "their directory",
        ).is(Kind::Path),
        key(
            "Daemon::Log::RotationType",
            "otrs",
            "`otrs`: a log is renamed when its module starts; `external`: another program renames it, and USR1 opens it anew. \
             The package sets `external`",
        ).is(Kind::OneOf(&["otrs", "znuny", "otobo", "external"])),
        key("Daemon::Log::DaysToKeep", "1", "days that a renamed log is kept").is(Kind::Whole(0, 36_500)),
        key(
            "Daemon::Log::STDOUT",
            "0",
            "1: standard output goes to the file; 0: to the terminal of a daemon in the foreground, else nowhere",
        ).is(Kind::Truth),
        key("Daemon::Log::STDERR", "1", "the same of standard error").is(Kind::Truth),
        key(
            "Daemon::Log::Format",
            "text",
            "lines of the supervisor's log: `text` or `json`; from the next start on",
        ).is(Kind::OneOf(&["text", "json"])),
    ],
};

pub(super) const DATABASE: Group = Group {
    title: "The database",
    hash: "",
    about: "In a help desk it is the installation's.",
    keys: &[
        key(
            "DatabaseURL",
            "`sqlite:/var/lib/otrsd/tasks.db`, of a user below `$XDG_STATE_HOME`",
            "`sqlite:/PATH`, `postgres://…` or `mysql://…`",
        ),
        key(
            "DatabasePasswordFile",
            "",
            "file whose first line is the database's password, instead of one in the URL; with systemd's \
             `LoadCredential=database:…`, `/run/credentials/otrsd.service/database`",
        )
        .is(Kind::Path),
        key("OTRSTimeZone", "UTC", "the zone of wall clock times in the original's columns")
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
        "so many tasks run at once on a node",
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
        "`vixie`: schedules as cronie reads them; `perl`: as the original's `Schedule::Cron::Events`",
    ).is(Kind::OneOf(&["vixie", "perl"]))],
};

pub(super) const CONSOLE: Group = Group {
    title: "The web console",
    hash: "",
    about: "The module `WebConsole`; see [its chapter](console.md).",
    keys: &[
        key(
            "WebConsole::Listen",
            "127.0.0.1:8440",
            "an address of this host alone, or `unix:/path` for a proxy; port 0 takes any free one",
        ),
        key("WebConsole::AllowedHosts", "", "array: the names by which a proxy is called").is(Kind::List),
        key(
            "WebConsole::Tokens###NAME",
            "",
            "hash: `Role` (`view` or `operate`) and `SHA256` of a token; `otrsd console-token` prints it",
        ).is(Kind::Texts),
        key(
            "WebConsole::AddableTypes",
            "all that a setting describes; in a help desk none",
            "array: the types of tasks that the API adds; never `Cron`, `AsynchronousExecutor` and `GenericAgent`",
        ).is(Kind::List),
        key(
            "WebConsole::DatabaseURL",
            "`DatabaseURL`",
            "the same database by [a user of the console's own](console.md#a-database-user-of-its-own)",
        ),
        key("WebConsole::OpenMetrics", "0", "1: `/metrics` needs no login").is(Kind::Whole(0, 1)),
    ],
};

pub(super) const HOME: Group = Group {
    title: "Only in a help desk",
    hash: "",
    about: "In its `Kernel/Config.pm`, or in a file as above.",
    keys: &[
        key(
            "Daemon::PerlModules",
            "0",
            "1: all daemon modules run in the installation's Perl, the scheduler's too",
        ).is(Kind::Whole(0, 1)),
        key(
            "Daemon::MixedCluster",
            "1",
            "1: nodes that run the original may be on the database, and what they would fight with is left out",
        ).is(Kind::Whole(0, 1)),
        key(
            "Daemon::SchedulerTaskWorker::HostIdle",
            "600",
            "seconds without a task after which the Perl process that runs them ends",
        ).is(Kind::Whole(0, 2_678_400)),
        key(
            "Daemon::SchedulerTaskWorker::NotificationRecipientEmail",
            "the installation's",
            "whom a mail tells of tasks that failed",
        ),
        key(
            "Daemon::SchedulerTaskWorker::FailureMail",
            "digest",
            "`digest`: the first failure of a task at once, all others of it once a period; `single`: a mail of each; `off`: none",
        ).is(Kind::OneOf(&["digest", "single", "off"])),
        key("Daemon::SchedulerTaskWorker::FailureMailPeriod", "3600", "that period, in seconds").is(Kind::Whole(0, 2_678_400)),
        key(
            "Daemon::SchedulerTaskWorker::FailureMailEnvelopeSender",
            "as all mail",
            "an address, or `<>` for none, so that no bounce comes back",
        ),
    ],
};
