//! A configuration full of extreme values: the daemon starts, runs tasks and stops.

use std::fmt::Write as _;

use crate::{
    harness::setting,
    registration::module,
    tasks::{Database, Tasks, shell},
};

const EXTREMES: [&str; 9] = [
    "0",
    "-1",
    "999999999999",
    "9223372036854775807",
    "18446744073709551616",
    "1e308",
    "NaN",
    "",
    "~",
];
const NUMBERS: [&str; 10] = [
    "Timeout",
    "Attempts",
    "RetryDelay",
    "RetryDelayMax",
    "KeepDays",
    "MaximumParallelInstances",
    "Priority",
    "TasksPerChild",
    "MemoryMax",
    "KeepObjects",
];

fn hash(name: &str, items: &[(&str, &str)]) -> String {
    let mut text = format!("<Setting Name='{name}' Valid='1'><Value><Hash>");
    for (key, value) in items {
        let _ = write!(text, "<Item Key='{key}'>{value}</Item>");
    }
    text + "</Hash></Value></Setting>\n"
}

/// Types that fail once, cron tasks, events, modules, and single settings: each number with each extreme.
fn settings() -> [Vec<String>; 3] {
    let (mut types, mut others, mut single) = (Vec::new(), Vec::new(), Vec::new());
    for (number, value) in EXTREMES.iter().enumerate() {
        for key in NUMBERS {
            types.push(shell(&format!("{key}{number}"), "exit 1", &[(key, value)]));
        }
        let all: Vec<_> =
            ["RetryDelay", "RetryDelayMax", "Attempts"].map(|key| (key, *value)).into();
        types.push(shell(&format!("All{number}"), "exit 1", &all));
        let retried = [("Attempts", "2"), ("RetryDelay", value), ("RetryDelayMax", value)];
        types.push(shell(&format!("Retried{number}"), "exit 1", &retried));
        let cron = "Daemon::SchedulerCronTaskManager::Task###";
        for key in ["Timeout", "MaximumParallelInstances", "MissedRunsLimit"] {
            let items = [
                ("Schedule", "* * * * *"),
                ("Command", "/bin/true"),
                ("MissedRuns", "all"),
                (key, value),
            ];
            others.push(hash(&format!("{cron}{key}{number}"), &items));
        }
        let event = [("Event", "Created"), ("TaskType", "Good"), ("Delay", value)];
        others.push(hash(&format!("Daemon::Event###E{number}"), &event));
        for key in ["SleepPost", "Discard", "WatchdogSeconds"] {
            let one = module(&format!("{key}{number}")).shell("sleep 1000").key(key, value);
            others.push(one.xml());
        }
    }
    for (name, value) in [
        ("Daemon::StopGrace", "1e308"),
        ("Daemon::Log::DaysToKeep", "18446744073709551615"),
        ("Daemon::SchedulerTaskWorker::MaximumWorkers", "-9223372036854775808"),
        ("Daemon::SchedulerTaskWorker::HostIdle", "999999999999"),
        ("Daemon::SchedulerTaskWorker::FailureMailPeriod", "9223372036854775807"),
    ] {
        single.push(setting(name, value));
    }
    [types, others, single]
}

#[test]
fn a_configuration_full_of_extremes_runs_tasks() {
    let [types, others, single] = settings();
    let tasks = Tasks::new(Database::Sqlite, &types);
    let manager = module("SchedulerCronTaskManager")
        .key("Module", "Kernel::System::Daemon::DaemonModules::SchedulerCronTaskManager");
    let good = shell("Good", "true", &[]);
    let world = &tasks.world;
    world.configure("40-others", &others);
    world.configure("50-single", &[single.concat(), manager.xml(), good]);
    tasks.start();
    let worker = world.running("SchedulerTaskWorker");
    for number in 0..EXTREMES.len() {
        for name in NUMBERS.iter().copied().chain(["All", "Retried"]) {
            // A type that was refused has no handler; its tasks wait.
            tasks.add_of(&format!("{name}{number}"), "x");
        }
    }
    world.otrsd(&["event", "fire", "Created"]);
    let at = ["-9999-01-02T01:59:59Z", "9999-12-30T22:00:00Z"];
    for at in at {
        world.otrsd(&["task", "add", "--type", "Good", "--name", "x", "--at", at]);
    }
    world.otrsd(&["cron", "next", "--all", "--from", "9999-12-30T21:00:00Z"]).ok();
    for number in 0..3 {
        let name = format!("last{number}");
        world.otrsd(&["task", "add", "--type", "Good", "--name", &name, "--wait"]).ok();
    }
    assert_eq!(world.running("SchedulerTaskWorker"), worker, "the worker died");
    assert_eq!(world.status().module("SchedulerCronTaskManager").restarts, 0);
    for log in [
        "Supervisor",
        "SchedulerTaskWorker",
        "SchedulerCronTaskManager",
        "SchedulerFutureTaskManager",
    ] {
        let said = world.read(&format!("log/{log}ERR.log"));
        assert!(!said.contains("panicked"), "{said}");
    }
    assert_eq!(world.otrsd(&["stop"]).ok().stdout.lines().last(), Some("stopped"));
}
