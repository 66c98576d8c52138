//! What a role sees of the console, and what the console's own process may do.

use std::fs;

use task_store::{HeldState, Outcome, State};

use crate::{
    cron::{cron, manager},
    harness::{setting, wait_until},
    tasks::{Database, Tasks, on_each_database, shell},
    web::{Answer, Web, console},
};

on_each_database! {
    what_tasks_bring_along_is_for_operators
}

const WORDS: [&str; 3] = ["the-payload", "the-argument", "the-last-line"];

/// Wherever it might stand: pages, answers, explanations, settings, metrics, and what a search betrays.
fn what_tasks_bring_along_is_for_operators(database: Database) {
    let says =
        shell("Says", "echo said the-output; echo the-last-line >&2; : the-argument; exit 3", &[]);
    let web = Web::with(database, &[says]);
    let body = r#"{"type": "Says", "name": "one", "data": {"what": "the-payload"}, "attempts": 1}"#;
    let id = web.post("/api/v1/tasks", body).json()[0]["id"].as_str().unwrap().to_owned();
    web.tasks.held(id.parse().unwrap(), HeldState::Failed);
    let one = format!("/tasks/{id}");
    let places = [
        "/",
        "/tasks?state=failed",
        "/tasks?state=done",
        &one,
        "/modules",
        "/modules/SchedulerTaskWorker",
        "/statistics",
        "/schedule",
        "/settings?text=Says",
        "/metrics",
        "/api/v1/overview",
        "/api/v1/modules",
        "/api/v1/settings",
        "/api/v1/tasks?state=failed",
        "/api/v1/tasks?state=done",
        "/api/v1/statistics",
    ];
    let api = [format!("/api/v1/tasks/{id}"), format!("/api/v1/tasks/{id}/explain")];
    let mut seen = String::new();
    for place in places.into_iter().chain(api.iter().map(String::as_str)) {
        let viewed = web.view(place);
        assert_eq!(viewed.status, 200, "{place}: {viewed:?}");
        for word in WORDS.into_iter().chain(["the-output"]) {
            assert!(!viewed.body.contains(word), "{word} in {place}: {viewed:?}");
        }
        seen.push_str(&web.operate(place, &[]).body);
    }
    for word in WORDS {
        assert!(seen.contains(word), "an operator sees {word}");
    }
    let found = |answer: Answer| answer.json()["tasks"].as_array().unwrap().len();
    let search = "/api/v1/tasks?state=done&text=the-last-line";
    assert_eq!((found(web.view(search)), found(web.operate(search, &[]))), (0, 1));
    assert_eq!(found(web.view("/api/v1/tasks?state=done&text=one")), 1);
}

#[test]
fn the_console_starts_nothing() {
    let web = Web::new(Database::Sqlite);
    let pid = web.tasks.world.running("WebConsole");
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    for line in ["NoNewPrivs:\t1", "Seccomp:\t2"] {
        assert!(status.contains(line), "{line}: {status}");
    }
    let worker = web.tasks.world.running("SchedulerTaskWorker");
    let status = fs::read_to_string(format!("/proc/{worker}/status")).unwrap();
    assert!(status.contains("Seccomp:\t0"), "tasks are programs: {status}");
}

#[test]
fn on_postgres_the_console_has_a_user_of_its_own() {
    the_console_has_a_user_of_its_own(Database::Postgres);
}

#[test]
fn on_mariadb_the_console_has_a_user_of_its_own() {
    the_console_has_a_user_of_its_own(Database::MariaDb);
}

/// With the rights that its chapter names, everything goes on and nothing more does.
fn the_console_has_a_user_of_its_own(database: Database) {
    let page = include_str!("../../../../docs/console.md");
    let (_, chapter) = page.split_once("## A database user of its own").unwrap();
    let blocks: Vec<&str> =
        chapter.split("```sql\n").skip(1).map(|it| it.split("```").next().unwrap()).collect();
    let limited = shell("One", "sleep 600", &[("MaximumParallelInstances", "1")]);
    let types = [shell("Echo", "true", &[]), shell("No", "exit 3", &[]), limited];
    let tasks = Tasks::new(database, &types);
    let (server, name) = tasks.url.rsplit_once('/').unwrap();
    let (scheme, place) = (server.split_once("://").unwrap().0, server.rsplit_once('@').unwrap().1);
    let (user, own) = (format!("{name}_w"), format!("{scheme}://{name}_w@{place}/{name}"));
    let (create, account, grants) = if database == Database::Postgres {
        (format!("CREATE ROLE {user} LOGIN"), user, blocks[0].to_owned())
    } else {
        let account = format!("{user}@'127.0.0.1'");
        let grants = blocks[1].replace("ON tasks.", &format!("ON {name}."));
        (format!("CREATE USER {account}"), account, grants.replace("@localhost", ""))
    };
    tasks.world.otrsd(&["db", "migrate"]).ok();
    tasks.sql(&create);
    for grant in grants.split(';').map(str::trim).filter(|it| !it.is_empty()) {
        tasks.sql(&grant.replace("TO console", &format!("TO {account}")));
    }
    let cron = cron("Backup", "0 3 * * *", "<Item Key=\"TaskType\">Echo</Item>");
    let settings =
        [setting("WebConsole::DatabaseURL", &own), cron, manager("SchedulerCronTaskManager")];
    tasks.world.configure("60-web", &[console("127.0.0.1:0"), settings.to_vec()].concat());
    tasks.start();
    let web = Web::of(tasks);
    its_pages_and_actions(&web);
    web.tasks.sql(&format!("REVOKE SELECT ON otrsd_held FROM {account}"));
    wait_until("a right that is gone", || {
        (web.view("/api/v1/tasks?state=failed").status == 503).then_some(())
    });
}

fn its_pages_and_actions(web: &Web) {
    let ready = || (web.curl("/readyz", &[]).status == 200).then_some(());
    wait_until("readiness", ready);
    for place in [
        "/",
        "/tasks?state=done&text=x",
        "/tasks?state=waiting",
        "/tasks?state=future",
        "/tasks?state=failed",
        "/schedule",
        "/modules",
        "/statistics",
        "/pauses",
        "/metrics",
        "/api/v1/overview",
        "/api/v1/cron",
        "/api/v1/cron/Backup/occurrences",
        "/api/v1/statistics",
        "/api/v1/pauses",
    ] {
        let answer = web.operate(place, &[]);
        assert_eq!(answer.status, 200, "{place}: {answer:?}");
        assert!(!answer.body.contains("denied"), "{place}: {answer:?}");
    }
    let add = |body: &str| -> String {
        let added = web.post("/api/v1/tasks", body);
        assert_eq!(added.status, 201, "{body}: {added:?}");
        added.json()[0]["id"].as_str().unwrap().to_owned()
    };
    let done = |path: &str, method: &str| {
        let answer = web.operate(path, &["--request", method]);
        assert_eq!(answer.status, 200, "{method} {path}: {answer:?}");
        answer
    };
    web.tasks.succeeds(add(r#"{"type": "Echo"}"#).parse().unwrap());
    let failed = add(r#"{"type": "No", "attempts": 1}"#);
    web.tasks.held(failed.parse().unwrap(), HeldState::Failed);
    done(&format!("/api/v1/tasks/{failed}/explain"), "GET");
    done(&format!("/api/v1/tasks/{failed}/retry"), "POST");
    web.tasks.ran(failed.parse().unwrap(), 2);
    web.tasks.held(failed.parse().unwrap(), HeldState::Failed);
    done(&format!("/api/v1/tasks/{failed}"), "DELETE");
    let planned = add(r#"{"type": "Echo", "at": "2099-01-01T00:00:00Z"}"#);
    done(&format!("/api/v1/tasks/{planned}/cancel"), "POST");
    let running = add(r#"{"type": "One"}"#);
    wait_until("a running task", || (web.tasks.count(State::Running) == 1).then_some(()));
    web.post("/api/v1/tasks", r#"{"type": "One"}"#).refused(409, "limit reached");
    done(&format!("/api/v1/tasks/{running}/cancel"), "POST");
    assert_eq!(web.tasks.outcome(running.parse().unwrap()).outcome, Outcome::Cancelled);
    for action in ["run", "pause", "resume"] {
        done(&format!("/api/v1/cron/Backup/{action}"), "POST");
    }
    assert_eq!(web.post("/api/v1/pauses", r#"{"type": "No"}"#).status, 200);
    done("/api/v1/pauses?type=No", "DELETE");
}
