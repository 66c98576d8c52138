//! Hashes with arbitrary names, and their keys.

use super::{Group, Kind, key};

/// The range of the columns and the policies.
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
            "built-in module, Perl package of the help desk, or a name for the command",
        ),
        key(
            "Command",
            "",
            "array: program and arguments, run without a shell. Takes precedence over a built-in module of the same name",
        ).is(Kind::Argv),
        key(
            "SleepPost",
            "",
            "seconds between rounds. With `SleepPost` or `Discard`, each run of a command is one round; without them a command runs until it exits",
        ).is(Kind::Seconds),
        key("Discard", "", "seconds until the planned restart, counted in rounds").is(Kind::Seconds),
        key(
            "SummaryCommand",
            "",
            "array, for a command: program that prints the module's Summary as JSON",
        ).is(Kind::Argv),
        key("WorkingDirectory", "", "directory to run in").is(Kind::Path),
        key("Environment", "", "hash: environment variables. Their values are secrets, as those of `Headers`").is(Kind::Texts),
        key("User", "", "user that the process runs as; requires a daemon started by root, or `CAP_SETUID`, `CAP_SETGID` and `CAP_KILL`"),
        key(
            "WatchdogSeconds",
            "",
            "longest time without a finished round; a command reports by sending `WATCHDOG=1` to `NOTIFY_SOCKET`",
        ).is(Kind::Seconds),
        key(
            "MemoryMax",
            "",
            "limit of resident memory in bytes (`200M`), checked every ten seconds; a module above it is discarded after its round",
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
            "array: program and arguments, run without a shell. Tasks of a type without a handler are held",
        ).is(Kind::Argv),
        key(
            "User",
            "",
            "user that the command runs as, with an environment of its own; requirements as for a module",
        ),
        key("Http", "", "hash, in place of a command: HTTP request").is(Kind::Hash),
        key("Timeout", "3600, in a help desk 86400", "seconds that one attempt may take").is(Kind::Seconds),
        key(
            "MemoryMax",
            "0, in a help desk 2G",
            "limit of data memory (`RLIMIT_DATA`) of each process of the task, in bytes or with `K`, `M` or `G`; allocations beyond it fail. 0: no limit. Applies to commands and Perl",
        ).is(Kind::Bytes),
        key("Attempts", "1", "maximum number of attempts, unless the task itself allows more").is(Kind::Whole(1, I16)),
        key(
            "RetryDelay",
            "10",
            "seconds before the second attempt; doubled for each further one, minus a random part of up to a quarter",
        ).is(Kind::Seconds),
        key("RetryDelayMax", "3600", "longest delay between attempts, in seconds").is(Kind::Seconds),
        key(
            "Expires",
            "604800",
            "seconds that a task may be postponed (exit 75, `later`, an HTTP answer that asks for another time), counted from the first postponement; then it is held as failed. 0: forever. `KeepDays` must not be shorter",
        )
        .is(Kind::Seconds),
        key(
            "OnCrash",
            "rerun",
            "after a crash: `rerun` runs the task again, `keep` holds it for inspection",
        ).is(Kind::OneOf(&["rerun", "keep"])),
        key(
            "OnLeaseLost",
            "kill, in a help desk continue",
            "running task of a worker that cannot reach the database for 12 s: `kill` ends it, and another node runs it again; `continue` lets it finish, and other nodes reclaim it only after five minutes. Must be the same on all nodes",
        ).is(Kind::OneOf(&["kill", "continue"])),
        key(
            "MaximumParallelInstances",
            "0",
            "limit of waiting and running tasks of this type and the same name; further ones are refused. 0: no limit",
        ).is(Kind::Whole(0, U32)),
        key(
            "Priority",
            "0",
            "the lowest number runs first; tasks of the same priority run in the order of their arrival. Not in a help desk",
        ).is(Kind::Whole(-I16 - 1, I16)),
        key(
            "TasksPerChild",
            "1",
            "in a help desk: number of tasks that one Perl process runs, each with fresh objects",
        ).is(Kind::Whole(1, U32)),
        key("KeepObjects", "0", "in a help desk, 1: tasks of one process share their objects").is(Kind::Whole(0, 1)),
        key(
            "KeepDays",
            "30 for rows of the ledger, forever for held tasks",
            "days that rows of the ledger, and tasks held as failed or quarantined, are kept; the ledger records the deletion of tasks",
        ).is(Kind::Whole(0, 36_500)),
    ],
};

pub(crate) const HTTP: Group = Group {
    title: "A call",
    hash: "Daemon::SchedulerTaskWorker::TaskType###NAME###Http",
    about: "The hash `Http` of a type of task. The values of `Headers` are secrets: only `config get` shows them, and only to users who may read the file.",
    keys: &[
        key("URL", "", "`http://…` or `https://…`"),
        key("Method", "POST", "method of the request")
            .is(Kind::OneOf(&["POST", "PUT", "PATCH", "DELETE", "GET"])),
        key("Headers", "", "hash: additional headers").is(Kind::Texts),
    ],
};

pub(crate) const CRON_TASK: Group = Group {
    title: "A cron task",
    hash: "Daemon::SchedulerCronTaskManager::Task###NAME",
    about: "The hash `Daemon::SchedulerCronTaskManager::Task###NAME`; see [Tasks by the clock](cron.md).",
    keys: &[
        key("Schedule", "", "schedule. A cron task without one is skipped, and `check` reports it").is(Kind::Schedule),
        key(
            "TaskName",
            "the setting's NAME",
            "name of its tasks, unique among cron tasks",
        ),
        key(
            "Command",
            "",
            "array: program and arguments, run without a shell; standard input is the task's JSON",
        ).is(Kind::Argv),
        key(
            "User",
            "",
            "user that the command runs as, with an environment of its own; requirements as for a module",
        ),
        key(
            "Timeout",
            "3600",
            "seconds that a run of `Command` may take. A `Module` has the timeout of the type Cron; fetching and sending mail (`MailAccountFetch`, `MailQueue`) may take at most 3600",
        ).is(Kind::Seconds),
        key(
            "TaskType",
            "",
            "in place of a command: type of the task that is enqueued; the policy of that type applies",
        ),
        key("Data", "", "with `TaskType`: payload of the task").is(Kind::Any),
        key(
            "Module",
            "",
            "as in the original: Perl package. Without an installation its tasks are held until there is a command",
        ),
        key("Function", "", "as in the original: function of the package"),
        key("Params", "", "as in the original: array of the function's parameters").is(Kind::Any),
        key(
            "MaximumParallelInstances",
            "1",
            "limit of its waiting and running tasks; a run that would exceed it is skipped. 0: no limit",
        ).is(Kind::Whole(0, U32)),
        key(
            "TimeZone",
            "UTC",
            "time zone of the schedule; the default in a help desk is the zone of its own schedules",
        ).is(Kind::Zone),
        key(
            "MissedRuns",
            "latest",
            "runs that were due while no manager was running: `latest` makes up for the latest, `none` only for one that is at most a minute late, `all` for all",
        ).is(Kind::OneOf(&["latest", "none", "all"])),
        key("MissedRunsLimit", "100", "with `all`: maximum number of missed runs to make up for, the latest ones").is(Kind::Whole(1, 1_000_000)),
    ],
};

pub(crate) const EVENT: Group = Group {
    title: "A task at an event",
    hash: "Daemon::Event###NAME",
    about: "The hash `Daemon::Event###NAME`. Not in a help desk, which has event handlers of its own.",
    keys: &[
        key("Event", "", "name of the event"),
        key("TaskType", "", "type of the task that is enqueued; the policy of that type applies"),
        key("TaskName", "the event", "name of the task"),
        key(
            "Data",
            "the event's",
            "hash: added to the event's data as the task's payload; overrides keys of the same name",
        ).is(Kind::Hash),
        key("Delay", "0", "seconds from the event to the scheduled time of the task").is(Kind::Seconds),
        key(
            "Filter",
            "",
            "hash: the task is enqueued only if the event's data has these top-level keys with these values",
        ).is(Kind::Texts),
    ],
};
