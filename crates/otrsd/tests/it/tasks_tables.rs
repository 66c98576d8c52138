//! Tables that are missing, or that the daemon may not make.

use std::env;

use task_store::NewTask;

use crate::{
    harness::{setting, wait_until},
    tasks::{Database, Tasks, on_each_database, raw, shell},
};

on_each_database! {
    a_missing_table_is_named
    a_table_that_goes_away_is_named
    a_missing_column_is_named
    a_command_waits_for_tables_that_are_being_made
}

const AGAIN: &str = "the database is there again";

fn tasks(database: Database) -> Tasks {
    Tasks::new(database, &[shell("Echo", "true", &[])])
}

/// Waits until the worker said something so often in all.
#[track_caller]
fn told(tasks: &Tasks, text: &str, times: usize) {
    let count = || tasks.world.worker_log().matches(text).count();
    wait_until(&format!("{times} times '{text}', in:\n{}", tasks.world.worker_log()), || {
        (count() >= times).then_some(())
    });
    assert_eq!(count(), times, "{}", tasks.world.worker_log());
}

fn a_missing_table_is_named(database: Database) {
    let tasks = tasks(database);
    tasks.start();
    for (number, table) in [
        "scheduler_task",
        "scheduler_future_task",
        "scheduler_recurrent_task",
        "otrsd_execution",
        "otrsd_held",
        "otrsd_occurrence",
        "otrsd_instance",
        "otrsd_limit",
        "otrsd_cron_pause",
        "otrsd_pause",
    ]
    .into_iter()
    .enumerate()
    {
        tasks.world.otrsd(&["stop"]).ok();
        tasks.sql(&format!("DROP TABLE {table}"));
        tasks.world.start();
        told(&tasks, &format!("not as they should be: missing: {table}; `otrsd db migrate`"), 1);
        let status = tasks.world.otrsd(&["db", "status"]);
        assert!(
            status.code == 4 && status.stdout.contains(&format!("Missing tables: {table}. Run")),
            "{status:?}"
        );
        let made = tasks.world.otrsd(&["db", "migrate"]).ok().stdout;
        assert!(made.ends_with(&format!("created {table}\n")), "{made}");
        told(&tasks, AGAIN, number + 1);
        tasks.succeeds(tasks.add_of("Echo", table));
    }
    // Without the memory it is an empty database, which becomes ours.
    tasks.world.otrsd(&["stop"]).ok();
    tasks.sql("DROP TABLE otrsd_schema");
    tasks.start();
    tasks.succeeds(tasks.add_of("Echo", "last"));
    assert!(tasks.world.otrsd(&["db", "status"]).ok().stdout.contains("up to date"));
}

/// Under the eyes of a worker that works.
fn a_table_that_goes_away_is_named(database: Database) {
    let tasks = tasks(database);
    // Else a manager that starts late may be about to make what is missing.
    tasks.world.otrsd(&["db", "migrate"]).ok();
    tasks.start();
    let kept = tasks.add_of("Echo", "first");
    tasks.succeeds(kept);
    tasks.sql("ALTER TABLE otrsd_execution RENAME TO elsewhere");
    let task = NewTask::new("Echo", "meanwhile", "{}");
    tasks.add(&task);
    wait_until("a word about the table", || {
        let log = tasks.world.worker_log();
        (log.contains("otrsd_execution") && log.contains("`otrsd db schema` prints")).then_some(())
    });
    tasks.sql("ALTER TABLE elsewhere RENAME TO otrsd_execution");
    tasks.succeeds(task.id);
    assert_eq!(tasks.executions(kept).len(), 1);
    assert_eq!(tasks.world.worker_log().matches("as they should be").count(), 1);
}

/// Whoever starts the daemon and adds a task with the next command needs no pause between.
fn a_command_waits_for_tables_that_are_being_made(database: Database) {
    let tasks = tasks(database);
    tasks.world.otrsd(&["start"]).ok();
    let added =
        tasks.world.otrsd(&["task", "add", "--type", "Echo", "--name", "first"]).ok().stdout;
    tasks.succeeds(added.trim().parse().unwrap());
}

fn a_missing_column_is_named(database: Database) {
    let tasks = tasks(database);
    tasks.start();
    tasks.sql("ALTER TABLE otrsd_execution RENAME COLUMN peak_memory TO other");
    let task = NewTask::new("Echo", "meanwhile", "{}");
    tasks.add(&task);
    wait_until("a word about the column", || {
        let log = tasks.world.worker_log();
        (log.contains("peak_memory") && log.contains("otrsd_execution")).then_some(())
    });
    tasks.sql("ALTER TABLE otrsd_execution RENAME COLUMN other TO peak_memory");
    tasks.succeeds(task.id);
}

/// A user of the server who may use tables and not make them.
struct Restricted {
    name: String,
    /// The test's database as this user.
    url: String,
    administrator: String,
}

impl Restricted {
    fn new(tasks: &Tasks) -> Self {
        let name = format!("restricted_{}", fastrand::u32(..));
        let (scheme, rest) = tasks.url.split_once("://").unwrap();
        let url = format!("{scheme}://{name}:secret@{}", rest.split_once('@').unwrap().1);
        let create = if scheme == "postgres" {
            format!("CREATE ROLE {name} LOGIN PASSWORD 'secret'")
        } else {
            let database = tasks.url.rsplit_once('/').unwrap().1;
            format!(
                "CREATE USER {name}@'127.0.0.1' IDENTIFIED BY 'secret'; \
                 GRANT SELECT, INSERT, UPDATE, DELETE ON {database}.* TO {name}@'127.0.0.1'"
            )
        };
        tasks.sql(&create);
        Self { name, url, administrator: tasks.url.clone() }
    }

    /// What an administrator does with the output of `db schema`.
    fn made_by_administrator(&self, tasks: &Tasks, statements: &str) {
        let name = &self.name;
        let rights = if self.url.starts_with("postgres") {
            format!(
                "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {name}; \
                 GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {name}"
            )
        } else {
            String::new()
        };
        let all = format!("{statements}{rights}");
        tasks.block(raw(&self.administrator, &all)).unwrap();
    }
}

#[test]
fn postgres_without_the_right_to_create() {
    without_the_right_to_create(Database::Postgres);
}

#[test]
fn mariadb_without_the_right_to_create() {
    without_the_right_to_create(Database::MariaDb);
}

fn without_the_right_to_create(database: Database) {
    assert!(env::var_os("OTRSD_TEST_POSTGRES").is_some(), "see scripts/databases");
    let tasks = tasks(database);
    let user = Restricted::new(&tasks);
    tasks.world.configure("20-database", &[setting("DatabaseURL", &user.url)]);
    tasks.world.start();
    told(
        &tasks,
        "let a user who may create tables run `otrsd db migrate`, or an administrator what `otrsd db schema` prints",
        1,
    );
    let log = tasks.world.worker_log();
    assert!(
        log.contains("are scheduler_task, scheduler_future_task, ") && log.contains("otrsd_held"),
        "{log}"
    );
    assert!(log.contains("20-database.xml:") && !log.contains("secret"), "{log}");
    let refused = tasks.world.otrsd(&["db", "migrate"]);
    assert!(
        refused.code == 4 && refused.stderr.contains("`otrsd db schema` prints"),
        "{refused:?}"
    );
    let statements = tasks.world.otrsd(&["db", "schema"]).ok().stdout;
    user.made_by_administrator(&tasks, &statements);
    told(&tasks, AGAIN, 1);
    tasks.succeeds(tasks.add_of("Echo", "one"));
    let status = tasks.world.otrsd(&["db", "status"]).ok().stdout;
    assert!(status.contains("up to date, version"), "{status}");
    assert!(tasks.block(tasks.store().identity()).unwrap().is_some(), "a copy is to be noticed");
}
