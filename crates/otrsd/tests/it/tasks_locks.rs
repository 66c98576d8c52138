//! Locks in the tables that no living worker keeps.

use std::time::Duration;

use task_store::{NewTask, State};

use crate::tasks::{Database, Tasks, on_each_database, shell};

on_each_database! {
    what_nobody_remembers_is_free_again
}

/// Node 7 once had a worker; node 8 has a Perl process, whose locks are its own for minutes.
fn what_nobody_remembers_is_free_again(database: Database) {
    let tasks = Tasks::new(database, &[shell("Echo", "true", &[])]);
    tasks.start();
    tasks.world.otrsd(&["stop"]).ok();
    let waiting = tasks.add_of("Echo", "waiting");
    let theirs = tasks.add_of("Echo", "theirs");
    let planned = NewTask::new("Echo", "planned", "{}");
    tasks.plan(&planned, Duration::ZERO);
    for (table, name, key) in [
        ("scheduler_task", "waiting", 100_712_345_678_i64),
        ("scheduler_future_task", "planned", 100_712_345_678),
        ("scheduler_task", "theirs", 100_800_004_711),
    ] {
        tasks.sql(&format!("UPDATE {table} SET lock_key = {key} WHERE name = '{name}'"));
    }
    tasks.start();
    tasks.succeeds(waiting);
    tasks.succeeds(planned.id);
    assert_eq!(tasks.get(theirs).unwrap().state, State::Running);
    let log = tasks.world.worker_log();
    for table in ["scheduler_task", "scheduler_future_task"] {
        assert!(log.contains(&format!("{table} row 1: ")), "{log}");
    }
    assert_eq!(log.matches("its lock 100712345678 was not kept by anybody").count(), 2, "{log}");
}
