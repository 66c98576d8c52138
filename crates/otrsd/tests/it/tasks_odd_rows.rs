//! Rows of other programs that hold what they must not, and statements about single tasks that the database refuses:
//! each is shown, and everything else is done.

use std::time::Duration;

use task_store::{HeldState, NewTask, Outcome, State};

use crate::{
    harness::wait_until,
    tasks::{Database, Tasks, on_each_database, shell},
};

on_each_database! {
    a_planned_task_without_a_time_is_quarantined_and_shown
    an_end_that_the_database_refuses_runs_once
    a_row_makes_no_line_of_the_log
}

fn a_planned_task_without_a_time_is_quarantined_and_shown(database: Database) {
    let tasks = Tasks::new(database, &[shell("Echo", "true", &[])]);
    tasks.start();
    let (before, time) = match database {
        Database::Sqlite => ("", "'next tuesday'"),
        Database::Postgres => ("", "'infinity'"),
        Database::MariaDb => ("SET sql_mode = '';", "'0000-00-00 00:00:00'"),
    };
    tasks.sql(&format!(
        "{before} INSERT INTO scheduler_future_task (ident, execution_time, name, task_type, task_data) \
         VALUES (100200300400500600, {time}, 'odd', 'Echo', '{{}}')"
    ));
    let later = NewTask::new("Echo", "later", "{}");
    tasks.plan(&later, Duration::from_secs(1));
    tasks.succeeds(later.id);
    tasks.succeeds(tasks.add_of("Echo", "at once"));
    let shown = wait_until("a degraded worker", || {
        Some(tasks.world.otrsd(&["status"])).filter(|status| status.code == 5)
    });
    let row = "table scheduler_future_task, row 1, column execution_time: expected a time";
    assert!(shown.stdout.contains("leaves rows out: 1, as"), "{shown:?}");
    assert!(shown.stdout.contains(row), "{shown:?}");
    let list = tasks.world.otrsd(&["task", "list", "--state", "quarantined", "--json"]).ok();
    assert!(list.stdout.contains(row), "{list:?}");
    assert!(tasks.world.worker_log().contains(row));
    let list: serde_json::Value = serde_json::from_str(&list.stdout).unwrap();
    let id = list[0]["id"].as_str().unwrap();
    tasks.world.otrsd(&["task", "retry", id]).ok();
    wait_until("a worker that is well", || {
        (tasks.world.otrsd(&["status"]).code == 0).then_some(())
    });
    assert_eq!(tasks.count(State::Future) + tasks.count(State::Held(HeldState::Quarantined)), 0);
}

fn an_end_that_the_database_refuses_runs_once(database: Database) {
    let tasks = Tasks::new(database, &[]);
    let runs = tasks.world.text("runs");
    let script = format!("echo $OTRSD_TASK_NAME >>{runs}");
    tasks.world.configure("30-types", &[shell("Note", &script, &[])]);
    tasks.start();
    // Neither the ledger nor the held tasks take anything of it, and the queue does not let it go.
    for (number, (verb, table)) in
        [("INSERT", "otrsd_execution"), ("INSERT", "otrsd_held"), ("DELETE", "scheduler_task")]
            .into_iter()
            .enumerate()
    {
        tasks.sql(&refusal(database, number, verb, table));
    }
    let refused = tasks.add_of("Note", "refused");
    for number in 0..20 {
        tasks.succeeds(tasks.add_of("Note", &format!("good-{number}")));
    }
    let shown = wait_until("a degraded worker", || {
        Some(tasks.world.otrsd(&["status"])).filter(|status| status.code == 5)
    });
    assert!(shown.stdout.contains("its end cannot be written down: "), "{shown:?}");
    // The next life of the worker does not run it either.
    tasks.world.otrsd(&["restart", "SchedulerTaskWorker"]).ok();
    tasks.succeeds(tasks.add_of("Note", "good-20"));
    let ran = tasks.world.read("runs");
    assert_eq!(ran.lines().filter(|name| *name == "refused").count(), 1, "{ran}");
    assert_eq!(ran.lines().count(), 22, "{ran}");
    // Once that is mended, whoever wants it runs it again.
    for (number, table) in ["otrsd_execution", "otrsd_held", "scheduler_task"].iter().enumerate() {
        let on =
            if database == Database::Postgres { format!(" ON {table}") } else { String::new() };
        tasks.sql(&format!("DROP TRIGGER no_{number}{on}"));
    }
    tasks.sql("UPDATE scheduler_task SET lock_key = 0 WHERE name = 'refused'");
    assert_eq!(tasks.outcome(refused).outcome, Outcome::Success);
}

fn a_row_makes_no_line_of_the_log(database: Database) {
    let tasks = Tasks::new(database, &[shell("Echo", "true", &[])]);
    tasks.start();
    let escape = if database == Database::Postgres { "E" } else { "" };
    let line = match database {
        Database::Sqlite => "'table x' || char(10, 27) || 'forged'".to_owned(),
        _ => format!("{escape}'table x\\n\u{1b}forged'"),
    };
    tasks.sql(&format!(
        "INSERT INTO otrsd_held (ident, task_type, name, task_data, attempts, priority, create_time, state, held, reason) \
         VALUES (100200300400500601, 'Echo', 'odd', '{{}}', 1, 0, '2026-07-01 11:00:00', 'quarantined', 1, {line})"
    ));
    // A worker looks at its begin.
    tasks.world.otrsd(&["restart", "SchedulerTaskWorker"]).ok();
    let log = wait_until("a line about the row", || {
        let log = tasks.world.worker_log();
        log.contains("forged").then_some(log)
    });
    assert!(log.contains(r"table x\n\u{1b}forged"), "{log}");
}

/// Refuses such a statement about tasks of this name.
fn refusal(database: Database, number: usize, verb: &str, table: &str) -> String {
    let row = if verb == "DELETE" { "OLD" } else { "NEW" };
    match database {
        Database::Sqlite => format!(
            "CREATE TRIGGER no_{number} BEFORE {verb} ON {table} WHEN {row}.name = 'refused' \
             BEGIN SELECT RAISE(ABORT, 'not this one'); END"
        ),
        Database::Postgres => format!(
            "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN RAISE EXCEPTION 'not this one'; END $$; \
             CREATE TRIGGER no_{number} BEFORE {verb} ON {table} FOR EACH ROW \
             WHEN ({row}.name = 'refused') EXECUTE FUNCTION refuse()"
        ),
        Database::MariaDb => format!(
            "CREATE TRIGGER no_{number} BEFORE {verb} ON {table} FOR EACH ROW IF {row}.name = 'refused' \
             THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not this one'; END IF"
        ),
    }
}
