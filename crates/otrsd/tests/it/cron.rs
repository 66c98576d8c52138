//! Cron tasks, from the settings to the ledger.

use jiff::Timestamp;
use task_store::{CronRun, RunStatus};

use crate::{
    harness::wait_until,
    registration::module,
    tasks::{Database, Tasks, on_each_database, shell},
};

const MANAGER: &str = "Kernel::System::Daemon::DaemonModules::SchedulerCronTaskManager";

on_each_database! {
    a_command_runs_at_its_due_instants
    two_managers_decide_each_instant_once
}

pub(crate) fn cron(key: &str, schedule: &str, work: &str) -> String {
    format!(
        "<Setting Name=\"Daemon::SchedulerCronTaskManager::Task###{key}\" Required=\"1\" Valid=\"1\">\
         <Value><Hash><Item Key=\"Schedule\">{schedule}</Item>{work}</Hash></Value></Setting>\n"
    )
}

pub(crate) fn manager(name: &str) -> String {
    module(name).key("Module", MANAGER).xml()
}

/// All occurrences of a cron task, oldest first.
pub(crate) fn occurrences(tasks: &Tasks, name: &str) -> Vec<CronRun> {
    let all = tasks.store().cron_runs("Cron", name, Timestamp::UNIX_EPOCH, 10_000);
    tasks.block(all).unwrap_or_default()
}

/// Waits until so many due instants of a cron task are accounted for, one a second.
#[track_caller]
pub(crate) fn accounted(tasks: &Tasks, name: &str, count: usize) -> Vec<CronRun> {
    let all = wait_until(&format!("{count} occurrences of {name}"), || {
        Some(occurrences(tasks, name)).filter(|all| all.len() >= count)
    });
    for pair in all.windows(2) {
        assert_eq!(pair[1].due.as_second() - pair[0].last_due.as_second(), 1, "{all:?}");
    }
    all
}

fn a_command_runs_at_its_due_instants(database: Database) {
    let echo = "<Item Key=\"Command\"><Array><Item>/bin/sh</Item><Item>-c</Item>\
                <Item>echo ran</Item></Array></Item>";
    let settings = [
        cron("Tick", "* * * * * *", echo),
        cron("Bad", "61 * * * *", echo),
        cron("Typed", "* * * * * *", "<Item Key=\"TaskType\">Echo</Item>"),
        shell("Echo", "echo typed", &[]),
        manager("SchedulerCronTaskManager"),
    ];
    let tasks = Tasks::new(database, &settings);
    let check = tasks.world.otrsd(&["check"]);
    assert!(check.stdout.contains("Task###Bad: 'Schedule': minute"), "{}", check.stdout);
    tasks.start();
    for (name, output) in [("Tick", "ran\n"), ("Typed", "typed\n")] {
        let all = accounted(&tasks, name, 3);
        let ran = all.iter().find(|it| it.status == RunStatus::Ran).and_then(|it| it.task).unwrap();
        assert_eq!(tasks.succeeds(ran).output.as_deref(), Some(output));
    }
    let summary = wait_until("a status", || {
        let text = tasks.world.otrsd(&["summary"]).ok().stdout;
        text.contains("Success").then_some(text)
    });
    assert!(summary.contains("Last Execution") && summary.contains("Tick"), "{summary}");
}

fn two_managers_decide_each_instant_once(database: Database) {
    let settings = [
        cron("Tick", "* * * * * *", "<Item Key=\"TaskType\">Echo</Item>"),
        shell("Echo", "true", &[]),
        manager("One"),
        manager("Two"),
    ];
    let tasks = Tasks::new(database, &settings);
    tasks.start();
    accounted(&tasks, "Tick", 5);
}
