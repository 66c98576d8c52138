//! Health and metrics where something is missing.

use std::time::{Duration, Instant};

use crate::{
    cron::{cron, manager},
    door::Door,
    harness::{setting, wait_until},
    tasks::{Database, MANAGER, Tasks, WORKER, registered},
    web::{Web, console},
};

/// What a check of readiness says.
fn check(web: &Web, name: &str) -> String {
    let health = web.curl("/readyz", &[]).json();
    let checks = health["checks"].as_array().unwrap();
    checks.iter().find(|it| it["name"] == name).unwrap()["result"].as_str().unwrap().to_owned()
}

#[test]
fn looking_makes_no_database() {
    let tasks = Tasks::new(
        Database::Sqlite,
        &[cron("Each", "* * * * *", "<Item Key=\"TaskType\">Echo</Item>")],
    );
    tasks.world.configure("10-modules", &[]);
    tasks.world.configure("60-web", &console("127.0.0.1:0"));
    tasks.world.start();
    let web = Web::of(tasks);
    assert!(check(&web, "database").contains("there is none yet"));
    for path in ["/readyz", "/metrics", "/api/v1/overview", "/api/v1/cron", "/", "/schedule"] {
        assert!(web.view(path).status > 0, "{path}");
    }
    assert!(web.view("/metrics").body.contains("otrsd_supervisor_up 1"));
    assert!(!web.tasks.world.path("state/tasks.db").exists());
}

/// Neither a manager that is missing nor one that has died is taken for one that has nothing to do.
#[test]
fn cron_tasks_that_nobody_looks_at_are_no_health() {
    let yearly = cron("Yearly", "0 0 1 1 *", "<Item Key=\"TaskType\">Echo</Item>");
    let web = Web::with(Database::Sqlite, &[yearly]);
    wait_until("a worker", || (check(&web, "worker") == "ok").then_some(()));
    assert!(check(&web, "cron").contains("no manager"), "{}", check(&web, "cron"));
    let modules = [WORKER, MANAGER].map(registered).to_vec();
    let with_manager = [modules, vec![manager("SchedulerCronTaskManager")]].concat();
    web.tasks.world.configure("10-modules", &with_manager);
    web.tasks.world.otrsd(&["reload"]).ok();
    let web = Web::of(web.tasks);
    wait_until("readiness", || (web.curl("/readyz", &[]).status == 200).then_some(()));
    web.tasks
        .sql("UPDATE scheduler_recurrent_task SET last_execution_time = '2020-01-01 00:00:00'");
    wait_until("an instant that is overdue", || {
        check(&web, "cron").contains("was not decided about").then_some(())
    });
}

#[test]
fn a_database_that_is_away_is_told_soon() {
    let tasks = Tasks::new(Database::Postgres, &[]);
    let (door, url) = Door::before(&tasks.url);
    tasks.world.configure("20-database", &[setting("DatabaseURL", &url)]);
    tasks.world.configure("60-web", &console("127.0.0.1:0"));
    tasks.start();
    let web = Web::of(tasks);
    wait_until("readiness", || (web.curl("/readyz", &[]).status == 200).then_some(()));
    door.close();
    wait_until("a database that is away", || (check(&web, "database") != "ok").then_some(()));
    let begin = Instant::now();
    assert_eq!(web.curl("/readyz", &[]).status, 503);
    assert!(begin.elapsed() < Duration::from_secs(8), "{:?}", begin.elapsed());
    // Metrics show the newest look, which may be some seconds old.
    wait_until("a metric of it", || {
        web.view("/metrics").body.contains("otrsd_database_up 0").then_some(())
    });
    door.open();
    wait_until("readiness", || (web.curl("/readyz", &[]).status == 200).then_some(()));
}
