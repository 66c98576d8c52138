//! What a program may send to the console by mistake or on purpose: it is refused, and nothing comes of it.

use std::thread;

use serde_json::json;
use task_store::State;

use crate::{
    harness::{setting, wait_until},
    registration::escape,
    tasks::{Database, on_each_database, shell},
    web::Web,
};

on_each_database! {
    what_no_database_holds_is_refused
    a_key_is_good_for_one_request
}

/// None of these is the database's fault, so none is told as such.
fn what_no_database_holds_is_refused(database: Database) {
    let web = Web::new(database);
    let long = "x".repeat(151);
    for body in [
        json!({ "type": "Echo", "at": "-001000-01-01T00:00:00Z" }),
        json!({ "type": "Echo", "at": "9999-12-30T21:00:00Z" }),
        json!({ "type": "Echo", "name": "a\0b" }),
        json!({ "type": "Echo", "name": long }),
    ] {
        let answer = web.post("/api/v1/tasks", &body.to_string());
        assert_eq!(answer.status, 400, "{body}: {answer:?}");
    }
    for body in [json!({ "type": "a\0b" }), json!({ "type": long }), json!({ "node": 1000 })] {
        let answer = web.post("/api/v1/pauses", &body.to_string());
        assert_eq!(answer.status, 400, "{body}: {answer:?}");
    }
    for path in [
        "/api/v1/tasks?state=waiting&type=a%00b",
        "/api/v1/tasks?state=done&text=a%00b",
        "/api/v1/cron/a%00b/occurrences",
    ] {
        let answer = web.view(path);
        assert!((400..500).contains(&answer.status), "{path}: {answer:?}");
    }
    let answer = web.post("/api/v1/cron/a%00b/resume", "");
    assert!((400..500).contains(&answer.status), "{answer:?}");
    for path in [
        "/api/v1/tasks?state=waiting&after=-9223372036854775808",
        "/api/v1/tasks?state=done&after=-9223372036854775808",
        "/api/v1/tasks?state=done&after=9223372036854775807",
        "/api/v1/tasks?state=done&from=-009999-01-02T02:00:00Z&to=9999-12-30T21:00:00Z",
        "/api/v1/statistics?from=-009999-01-02T02:00:00Z",
        "/api/v1/statistics?from=9999-12-30T21:00:00Z",
        "/api/v1/tasks?state=waiting&text=%25_%5C'",
    ] {
        let answer = web.view(path);
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
    }
    assert_eq!(web.tasks.count(State::Waiting) + web.tasks.count(State::Future), 0);
}

/// However fast a task is: it may be over before the second request looks for it.
fn a_key_is_good_for_one_request(database: Database) {
    let limited = shell("One", "sleep 600", &[("MaximumParallelInstances", "1")]);
    let web = Web::with(database, &[limited]);
    let add = |key: &str, body: &str| {
        let key = format!("Idempotency-Key: {key}");
        let json = ["--header", "Content-Type: application/json", "--data-binary", body];
        web.operate("/api/v1/tasks", &[&json[..], &["--header", &key]].concat())
    };
    let one = add("a", r#"{"type": "Echo", "name": "one"}"#);
    web.tasks.succeeds(one.json()[0]["id"].as_str().unwrap().parse().unwrap());
    for other in [
        r#"{"type": "Echo", "name": "two"}"#,
        r#"[{"type": "Echo", "name": "two"}, {"type": "Echo"}]"#,
    ] {
        add("a", other).refused(409, "used for another task");
    }
    // What was kept out by its limit is no more known than before.
    let both = r#"[{"type": "One"}, {"type": "Echo", "name": "beside"}]"#;
    web.post("/api/v1/tasks", r#"{"type": "One"}"#);
    web.post("/api/v1/tasks", r#"{"type": "One"}"#).refused(409, "limit reached");
    for second in ["added", "known"] {
        let added = add("b", both).json();
        assert_eq!(
            (&added[0]["result"], &added[1]["result"]),
            (&json!("limit-reached"), &json!(second))
        );
    }
}

#[test]
fn one_key_at_the_same_time_adds_one_task() {
    let web = Web::new(Database::Sqlite);
    let body = r#"{"type": "Echo", "name": "once"}"#;
    let ids: Vec<String> = (0..20)
        .flat_map(|round| {
            let key = format!("Idempotency-Key: {round}");
            let add = || {
                let json = ["--header", "Content-Type: application/json", "--data-binary", body];
                let own = ["--header", key.as_str()];
                let answer = web.operate("/api/v1/tasks", &[&json[..], &own].concat());
                serde_json::from_str::<serde_json::Value>(&answer.body).unwrap()[0]["id"]
                    .as_str()
                    .unwrap()
                    .to_owned()
            };
            thread::scope(|scope| {
                let both = [scope.spawn(add), scope.spawn(add)];
                both.map(|it| it.join().unwrap())
            })
        })
        .collect();
    for pair in ids.chunks(2) {
        assert_eq!(pair[0], pair[1]);
        web.tasks.succeeds(pair[0].parse().unwrap());
    }
    assert_eq!(
        web.view("/api/v1/tasks?state=done&name=once").json()["tasks"].as_array().unwrap().len(),
        20
    );
}

/// The task of an event carries the event's data: where that says what to run, it would be anybody's shell.
#[test]
fn an_event_is_no_shell() {
    let registered = |key: &str, event: &str, task_type: &str| {
        format!(
            "<Setting Name=\"Daemon::Event###{key}\" Valid=\"1\"><Value><Hash><Item Key=\"Event\">{event}</Item>\
             <Item Key=\"TaskType\">{}</Item></Hash></Value></Setting>\n",
            escape(task_type)
        )
    };
    let web = Web::with(
        Database::Sqlite,
        &[
            registered("A", "Good", "Echo"),
            registered("B", "Bad", "Echo"),
            registered("C", "Bad", "AsynchronousExecutor"),
        ],
    );
    let fire =
        |event: &str| web.post(&format!("/api/v1/events/{event}"), r#"{"data": {"Object": "x"}}"#);
    let good = fire("Good").json();
    web.tasks.succeeds(good[0]["task"].as_str().unwrap().parse().unwrap());
    fire("Bad").refused(403, "Daemon::Event###C");
    fire("Ugly").refused(404, "nothing is registered");
    assert_eq!(web.tasks.count(State::Waiting), 0);
}

/// A line of the log is one that the console wrote.
#[test]
fn the_audit_cannot_be_forged() {
    let web = Web::new(Database::Sqlite);
    let forged = "x\nWebConsole: root logged in";
    web.post("/api/v1/pauses", &json!({ "type": forged }).to_string());
    web.post("/api/v1/modules/x%0AWebConsole:%20root%20logged%20in/restart", "")
        .refused(404, "no module");
    let log = web.log();
    assert!(
        log.contains("paused") && !log.lines().any(|line| line.starts_with("WebConsole: root")),
        "{log}"
    );
}

/// Nobody can ask a process of the original to end a task.
#[test]
fn what_the_original_runs_is_not_said_to_end() {
    let web =
        Web::with(Database::Sqlite, &[setting("Daemon::SchedulerTaskWorker::MaximumWorkers", "1")]);
    web.post("/api/v1/pauses", "{}");
    let id = web.tasks.add_of("Echo", "theirs");
    web.tasks.sql("UPDATE scheduler_task SET lock_key = 100200012345");
    wait_until("a running task", || (web.tasks.count(State::Running) == 1).then_some(()));
    web.post(&format!("/api/v1/tasks/{id}/cancel"), "").refused(409, "cannot be asked");
}
