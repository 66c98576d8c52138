//! The generic agent's jobs, from the table of the web interface to the ledger.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use task_store::RunStatus;

use crate::{
    harness::wait_until,
    registration::module,
    tasks::{Database, Tasks, on_each_database, shell},
};

const MANAGER: &str = "SchedulerGenericAgentTaskManager";
const PACKAGE: &str = "Kernel::System::Daemon::DaemonModules::SchedulerGenericAgentTaskManager";

on_each_database! {
    a_job_runs_with_its_keys
}

/// As a real installation has it, without its index.
const TABLE: &str = "CREATE TABLE generic_agent_jobs (job_name VARCHAR(200) NOT NULL, \
                     job_key VARCHAR(200) NOT NULL, job_value VARCHAR(200) NULL)";

fn insert(tasks: &Tasks, job: &str, keys: &[(&str, &str)]) {
    let rows: Vec<_> =
        keys.iter().map(|(key, value)| format!("('{job}', '{key}', '{value}')")).collect();
    tasks.sql(&format!("INSERT INTO generic_agent_jobs VALUES {}", rows.join(", ")));
}

/// Due each ten minutes.
fn clock() -> Vec<(&'static str, &'static str)> {
    const HOURS: [&str; 24] = [
        "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16",
        "17", "18", "19", "20", "21", "22", "23",
    ];
    let minutes = ["0", "10", "20", "30", "40", "50"].map(|it| ("ScheduleMinutes", it));
    let days = ["0", "1", "2", "3", "4", "5", "6"].map(|it| ("ScheduleDays", it));
    let hours = HOURS.map(|it| ("ScheduleHours", it));
    [&[("Valid", "1")][..], &minutes, &hours, &days].concat()
}

fn a_job_runs_with_its_keys(database: Database) {
    let settings =
        [shell("GenericAgent", "cat", &[]), module(MANAGER).key("Module", PACKAGE).xml()];
    let tasks = Tasks::new(database, &settings);
    tasks.start();
    let summary = || tasks.world.otrsd(&["summary", MANAGER]).ok().stdout;
    let nothing = "There are currently no generic agent recurring tasks configured.";
    assert!(summary().contains(nothing), "no such table: {}", summary());
    tasks.sql(TABLE);
    insert(
        &tasks,
        "Close",
        &[clock(), vec![("NewStateID", "3"), ("QueueIDs", "1"), ("QueueIDs", "2")]].concat(),
    );
    insert(&tasks, "Damaged", &[clock(), vec![("ScheduleDays", "Sonntag")]].concat());
    insert(&tasks, "Off", &[&[("Valid", "0")], &clock()[1..]].concat());
    let manager = tasks.world.running(MANAGER);
    tasks.world.otrsd(&["restart", MANAGER]).ok();
    tasks.world.running_anew(MANAGER, manager);
    let row = || tasks.block(tasks.store().recurrents("GenericAgent")).unwrap();
    wait_until("the first sight", || (row().len() == 1).then_some(()));
    // As if nobody had been there for the last hour.
    tasks.world.otrsd(&["stop"]).ok();
    let hour_ago = Timestamp::now() - SignedDuration::from_mins(61);
    let text = task_store::wall_clock(hour_ago, &TimeZone::UTC);
    tasks.sql(&format!("UPDATE scheduler_recurrent_task SET last_execution_time = '{text}'"));
    tasks.start();
    let ran = wait_until("the newest due instant to run", || {
        let all = tasks.store().cron_runs("GenericAgent", "Close", Timestamp::UNIX_EPOCH, 99);
        tasks.block(all).ok()?.into_iter().find(|it| it.status == RunStatus::Ran)
    });
    let letter = tasks.succeeds(ran.task.unwrap()).output.unwrap();
    for text in ["\"Name\":\"Close\"", "\"NewStateID\":\"3\"", "\"QueueIDs\":[\"1\",\"2\"]"] {
        assert!(letter.contains(text), "{text} in {letter}");
    }
    let shown = wait_until("its status", || Some(summary()).filter(|it| it.contains("Success")));
    assert!(shown.contains("| Close ") && !shown.contains("Off"), "{shown}");
    let log = tasks.world.read(&format!("log/{MANAGER}ERR.log"));
    assert_eq!(log.matches("job 'Damaged'").count(), 1, "{log}");
    // Deleted in the web interface.
    tasks.sql("DELETE FROM generic_agent_jobs");
    let manager = tasks.world.running(MANAGER);
    tasks.world.otrsd(&["restart", MANAGER]).ok();
    tasks.world.running_anew(MANAGER, manager);
    wait_until("its row to go", || row().is_empty().then_some(()));
}
