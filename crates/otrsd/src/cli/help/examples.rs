//! The examples of the commands, for `--help` and the manual pages.

use std::fmt::Write as _;

/// A goal, and the command line that achieves it.
pub(super) type Example = (&'static str, &'static str);

/// The examples of a command, by its path.
pub(super) fn of(path: &str) -> &'static [Example] {
    EXAMPLES.iter().find(|(of, _)| *of == path).map_or(&[], |(_, examples)| examples)
}

/// A section of `--help`; empty if there are no examples.
pub(super) fn help(path: &str) -> String {
    let examples = of(path);
    let mut text = if examples.is_empty() { String::new() } else { "Examples:".to_owned() };
    for (number, (purpose, line)) in examples.iter().enumerate() {
        let gap = if number == 0 { "" } else { "\n" };
        let _ = write!(text, "{gap}\n  # {purpose}\n  {line}");
    }
    text
}

/// By the path of the command.
pub(super) const EXAMPLES: &[(&str, &[Example])] = &[
    (
        "otrsd",
        &[
            (
                "Try it: a daemon with a small configuration, in the foreground",
                "otrsd quickstart first",
            ),
            ("Check the configuration, then start the daemon", "otrsd check && otrsd start"),
            ("See what runs", "otrsd status"),
            (
                "Enqueue a task and wait for its result",
                "otrsd task add --type Greet --name World --wait",
            ),
            ("Replace the daemon of a help desk", "otrsd --home /opt/otrs start"),
        ],
    ),
    (
        "otrsd start",
        &[
            ("Start in the background", "otrsd start"),
            ("Run under a service manager or in a container", "otrsd start --foreground"),
            ("Log more for one module", "otrsd start --debug SchedulerTaskWorker"),
        ],
    ),
    (
        "otrsd stop",
        &[
            ("Let running tasks finish within the grace period", "otrsd stop"),
            (
                "Stop within seconds; interrupted tasks run again after the next start",
                "otrsd stop --force",
            ),
        ],
    ),
    (
        "otrsd status",
        &[(
            "Print the names of the modules that are not running",
            "otrsd status --json | jq -r '.modules[] | select(.state != \"running\") | .name'",
        )],
    ),
    ("otrsd reload", &[("Apply changed settings", "otrsd check && otrsd reload")]),
    ("otrsd restart", &[("Restart one module", "otrsd restart SchedulerTaskWorker")]),
    ("otrsd summary", &[("Show one module", "otrsd summary SchedulerCronTaskManager")]),
    (
        "otrsd check",
        &[
            (
                "Check another directory of settings before it is used",
                "otrsd --config /etc/otrsd.new check",
            ),
            ("Check a help desk", "otrsd --home /opt/otrs check"),
        ],
    ),
    (
        "otrsd console-url",
        &[("Open the console with read-only access", "xdg-open \"$(otrsd console-url --view)\"")],
    ),
    (
        "otrsd console-token",
        &[(
            "Create a token for a program that enqueues tasks",
            "otrsd console-token --role operate shop",
        )],
    ),
    ("otrsd quickstart", &[("Use another directory", "otrsd quickstart /tmp/first")]),
    (
        "otrsd completions",
        &[("Install for bash", "otrsd completions bash >/etc/bash_completion.d/otrsd")],
    ),
    (
        "otrsd man",
        &[
            ("Show the page of a command", "otrsd man task add"),
            ("Install all pages", "otrsd man --directory /usr/local/share/man/man1"),
        ],
    ),
    (
        "otrsd config",
        &[
            ("Show the effective settings and their origins", "otrsd config list --origin"),
            ("Look up a setting", "otrsd config describe Timeout"),
        ],
    ),
    (
        "otrsd config get",
        &[
            ("Print one value", "otrsd config get Daemon::Log::LogPath"),
            ("Print a hash as JSON", "otrsd config get DaemonModules###SchedulerTaskWorker"),
        ],
    ),
    (
        "otrsd config list",
        &[(
            "Show where the settings of the task types come from",
            "otrsd config list --origin Daemon::SchedulerTaskWorker::TaskType",
        )],
    ),
    (
        "otrsd config describe",
        &[("Describe the keys of a cron task", "otrsd config describe SchedulerCronTaskManager")],
    ),
    (
        "otrsd task",
        &[
            ("Enqueue a task", "otrsd task add --type Mail --data '{\"to\": \"ann@example.org\"}'"),
            ("Find out why a task does not run", "otrsd task explain 0af3"),
            ("Retry all failed tasks of a type", "otrsd task retry --type Mail"),
        ],
    ),
    (
        "otrsd task add",
        &[
            (
                "Enqueue a task and wait for its result",
                "otrsd task add --type Greet --name World --wait",
            ),
            (
                "Run it in ten minutes, with up to five attempts",
                "otrsd task add --type Mail --data @mail.json --at +10m --attempts 5",
            ),
            (
                "Read the payload from another program",
                "jq -n '{id: 7}' | otrsd task add --type Import --data -",
            ),
            (
                "Do not enqueue it while another one waits or runs",
                "otrsd task add --type Import --name nightly --max-parallel 1",
            ),
        ],
    ),
    (
        "otrsd task list",
        &[
            ("List failed tasks of a type", "otrsd task list --state failed --type Mail"),
            ("List past executions", "otrsd task list --state done"),
            (
                "Print the ids of all waiting tasks",
                "otrsd task list --state waiting --json | jq -r '.[].id'",
            ),
        ],
    ),
    (
        "otrsd task show",
        &[("Show a task by the first characters of its id", "otrsd task show 0af3")],
    ),
    (
        "otrsd task retry",
        &[
            ("Retry two tasks", "otrsd task retry 0af3 1bd9"),
            ("Retry all failed tasks of a type", "otrsd task retry --type Mail"),
            ("Retry all tasks that had no handler", "otrsd task retry --state no-handler"),
        ],
    ),
    ("otrsd task cancel", &[("Cancel a task; a running one is stopped", "otrsd task cancel 0af3")]),
    (
        "otrsd task delete",
        &[("Delete a failed task that is not needed any more", "otrsd task delete 0af3")],
    ),
    ("otrsd task explain", &[("Find out why a task does not run", "otrsd task explain 0af3")]),
    (
        "otrsd task purge",
        &[(
            "Cancel what has waited for more than a week",
            "otrsd task purge --type Mail --before -7d",
        )],
    ),
    (
        "otrsd cron",
        &[
            ("Show the last run and the next fire time of each", "otrsd cron list"),
            ("Run one now and wait for its result", "otrsd cron run Backup --wait"),
        ],
    ),
    (
        "otrsd cron next",
        &[
            ("Show the next five fire times of a cron task", "otrsd cron next Backup"),
            (
                "Try a schedule before it is configured",
                "otrsd cron next --schedule '30 2 * * mon-fri' --time-zone Europe/Berlin",
            ),
            (
                "Show everything that runs on the coming weekend",
                "otrsd cron next --all --from 2026-12-26 --to 2026-12-28",
            ),
            ("Show the last fire times", "otrsd cron next Backup --previous -n 3"),
        ],
    ),
    (
        "otrsd cron run",
        &[("Run a cron task and wait for its result", "otrsd cron run Backup --wait")],
    ),
    ("otrsd cron pause", &[("Skip a cron task until further notice", "otrsd cron pause Backup")]),
    ("otrsd event", &[("Fire an event", "otrsd event fire OrderPlaced --data '{\"order\": 7}'")]),
    (
        "otrsd event fire",
        &[
            ("Fire an event with data", "otrsd event fire OrderPlaced --data '{\"order\": 7}'"),
            ("Read the data from a file", "otrsd event fire OrderPlaced --data @order.json"),
        ],
    ),
    (
        "otrsd worker pause",
        &[
            ("Stop claiming tasks of a type, on all nodes", "otrsd worker pause --type Mail"),
            ("Stop claiming any task on one node, for maintenance", "otrsd worker pause --node 2"),
        ],
    ),
    (
        "otrsd worker resume",
        &[
            ("End the pause of a type", "otrsd worker resume --type Mail"),
            ("End the pause of a node", "otrsd worker resume --node 2"),
        ],
    ),
    (
        "otrsd db",
        &[
            ("Show tables, tasks and workers", "otrsd db status"),
            ("Create the tables before the first start", "otrsd db migrate"),
        ],
    ),
    (
        "otrsd db schema",
        &[("Hand the SQL to a database administrator", "otrsd db schema >otrsd.sql")],
    ),
    (
        "otrsd db adopt",
        &[("Run the tasks of a restored database here", "otrsd db status && otrsd db adopt")],
    ),
    (
        "otrsd db remove",
        &[(
            "Return to the original daemon of a help desk",
            "otrsd --home /opt/otrs stop && otrsd --home /opt/otrs db remove",
        )],
    ),
];
