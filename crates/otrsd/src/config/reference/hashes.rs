//! The keys of hashes, of which there may be many.

use super::{Group, Kind, key};

/// What the columns and the policies hold.
const I16: i64 = i16::MAX as i64;
const U32: i64 = u32::MAX as i64;

pub(crate) const MODULE: Group = Group {
    title: "A module",
    hash: "DaemonModules###NAME",
    about: "The hash `DaemonModules###NAME`; see [Daemon modules](modules.md).",
    keys: &[
        key(
            "Module",
            "",
            "a module of the program, a Perl package of the help desk, or a name for the command",
        ),
        key(
            "Command",
            "",
            "array: the program and its arguments; no shell. It goes before a module of the program with the same name",
        ).is(Kind::Argv),
        key(
            "SleepPost",
            "",
            "seconds between rounds. With it or with `Discard` a command is one round; without them it runs until it ends",
        ).is(Kind::Seconds),
        key("Discard", "", "seconds until the planned restart, counted in rounds").is(Kind::Seconds),
        key(
            "SummaryCommand",
            "",
            "of a command, array: a program that prints the module's Summary as JSON",
        ).is(Kind::Argv),
        key("WorkingDirectory", "", "an absolute directory to run in").is(Kind::Path),
        key("Environment", "", "hash: variables; their values are secrets, as those of `Headers`").is(Kind::Texts),
        key("User", "", "who the process runs as; needs a daemon that root started, or `CAP_SETUID`, `CAP_SETGID` and `CAP_KILL`"),
        key(
            "WatchdogSeconds",
            "",
            "longest time without a finished round; a command reports with `WATCHDOG=1` to `NOTIFY_SOCKET`",
        ).is(Kind::Seconds),
        key(
            "MemoryMax",
            "",
            "bytes (`200M`) of resident memory, looked at every ten seconds; above them the module is discarded after its round",
        ).is(Kind::Bytes),
    ],
};

pub(crate) const TASK_TYPE: Group = Group {
    title: "A type of task",
    hash: "Daemon::SchedulerTaskWorker::TaskType###NAME",
    about: "The hash `Daemon::SchedulerTaskWorker::TaskType###NAME`; see [Tasks](tasks.md).",
    keys: &[
        key(
            "Command",
            "",
            "array: the program and its arguments, no shell. Without any handler tasks of the type are held",
        ).is(Kind::Argv),
        key(
            "User",
            "",
            "who the command runs as, with an environment of its own; as for a module",
        ),
        key("Http", "", "hash, instead of a command: the call of a URL").is(Kind::Hash),
        key("Timeout", "3600, in a help desk 86400", "seconds that one try may take").is(Kind::Seconds),
        key(
            "MemoryMax",
            "0, in a help desk 2G",
            "bytes, or with `K`, `M` or `G`, that a process of the task may take (its data, `RLIMIT_DATA`); more is refused \
             to it. 0 is no limit. For commands and Perl",
        ).is(Kind::Bytes),
        key("Attempts", "1", "tries, if the task does not allow more itself").is(Kind::Whole(1, I16)),
        key(
            "RetryDelay",
            "10",
            "seconds before the second try; doubled for each further one, less up to a quarter by chance",
        ).is(Kind::Seconds),
        key("RetryDelayMax", "3600", "the longest such pause, in seconds").is(Kind::Seconds),
        key(
            "Expires",
            "604800",
            "seconds that a task may be put off (exit 75, an answer that asks for another time, `later`), from the first time; \
             then it is held as failed. 0 is for ever. The ledger must remember as long: `KeepDays`",
        )
        .is(Kind::Seconds),
        key(
            "OnCrash",
            "rerun",
            "what follows a crash: `rerun`, or `keep` for a human to look at it",
        ).is(Kind::OneOf(&["rerun", "keep"])),
        key(
            "OnLeaseLost",
            "kill, in a help desk continue",
            "what becomes of a running task whose worker cannot reach the database for 12 s: `kill`, and it runs on another \
             node; or `continue`: it goes on, and other nodes wait for five minutes before they take it. The same on all nodes",
        ).is(Kind::OneOf(&["kill", "continue"])),
        key(
            "MaximumParallelInstances",
            "0",
            "so many of the type and one name may wait or run; 0 is no limit. More are refused",
        ).is(Kind::Whole(0, U32)),
        key(
            "Priority",
            "0",
            "the lowest number runs first, then who came first. Not in a help desk",
        ).is(Kind::Whole(-I16 - 1, I16)),
        key(
            "TasksPerChild",
            "1",
            "in a help desk: so many tasks one Perl process runs, with fresh objects for each",
        ).is(Kind::Whole(1, U32)),
        key("KeepObjects", "0", "in a help desk: with 1 they are not fresh").is(Kind::Whole(0, 1)),
        key(
            "KeepDays",
            "30 for rows of the ledger, for ever for held tasks",
            "days that the ledger's rows, and tasks held as failed or quarantined, are kept; the ledger tells of their end",
        ).is(Kind::Whole(0, 36_500)),
    ],
};

pub(crate) const HTTP: Group = Group {
    title: "A call",
    hash: "Daemon::SchedulerTaskWorker::TaskType###NAME###Http",
    about: "The hash `Http` of a type of task. The values of `Headers` are secrets: only `config get` shows them, to whom the file shows them too.",
    keys: &[
        key("URL", "", "`http://…` or `https://…`"),
        key("Method", "POST", "`POST`, `PUT`, `PATCH`, `DELETE` or `GET`")
            .is(Kind::OneOf(&["POST", "PUT", "PATCH", "DELETE", "GET"])),
        key("Headers", "", "hash: what is sent beside the usual").is(Kind::Texts),
    ],
};

pub(crate) const CRON_TASK: Group = Group {
    title: "A cron task",
    hash: "Daemon::SchedulerCronTaskManager::Task###NAME",
    about: "The hash `Daemon::SchedulerCronTaskManager::Task###NAME`; see [Tasks by the clock](cron.md).",
    keys: &[
        key("Schedule", "", "when. Without it the cron task is skipped, and `check` says so").is(Kind::Schedule),
        key(
            "TaskName",
            "the setting's NAME",
            "the name of its tasks; no two cron tasks have the same",
        ),
        key(
            "Command",
            "",
            "array: the program and its arguments, no shell; the task's JSON is on standard input",
        ).is(Kind::Argv),
        key(
            "User",
            "",
            "who the command runs as, with an environment of its own; as for a module",
        ),
        key(
            "Timeout",
            "3600",
            "seconds that a run of `Command` may take. A `Module` has the timeout of the type Cron, and the fetching and sending \
             of mail (`MailAccountFetch`, `MailQueue`) at most 3600",
        ).is(Kind::Seconds),
        key(
            "TaskType",
            "",
            "instead of a command, the type of the task that is added; its policy counts",
        ),
        key("Data", "", "with `TaskType`: the task's data").is(Kind::Any),
        key(
            "Module",
            "",
            "the original's: a Perl package. Without an installation its tasks wait, held, for a command",
        ),
        key("Function", "", "the original's: the function of the package"),
        key("Params", "", "the original's: array of its parameters").is(Kind::Any),
        key(
            "MaximumParallelInstances",
            "1",
            "so many of its tasks may wait or run; an instant that finds more is skipped. 0 is no limit",
        ).is(Kind::Whole(0, U32)),
        key(
            "TimeZone",
            "UTC",
            "the zone whose clocks the schedule means; in a help desk that whose clocks its own schedules mean",
        ).is(Kind::Zone),
        key(
            "MissedRuns",
            "latest",
            "of instants at which no manager ran: `latest` runs the newest, `none` runs one only if it is at most a minute \
             late, `all` runs all",
        ).is(Kind::OneOf(&["latest", "none", "all"])),
        key("MissedRunsLimit", "100", "with `all`: the most that run, the newest of them").is(Kind::Whole(1, 1_000_000)),
    ],
};

pub(crate) const EVENT: Group = Group {
    title: "A task at an event",
    hash: "Daemon::Event###NAME",
    about: "The hash `Daemon::Event###NAME`. Without a help desk, which has its own event handlers.",
    keys: &[
        key("Event", "", "the name of the event"),
        key("TaskType", "", "the type of the task that is added; its policy counts"),
        key("TaskName", "the event", "the task's name"),
        key(
            "Data",
            "the event's",
            "hash: what the task's data has beside the event's; where both have a key, this counts",
        ).is(Kind::Hash),
        key("Delay", "0", "seconds after the event that the task is due").is(Kind::Seconds),
        key(
            "Filter",
            "",
            "hash: the task is added only if the event's data has these keys at its top, with these values",
        ).is(Kind::Texts),
    ],
};
