//! What programs do with the console: the API, metrics, health.

use std::{collections::BTreeSet, fs, time::Duration};

use nix::sys::signal::Signal;
use task_store::{HeldState, State};

use crate::{
    harness::{setting, signal, wait_until, wait_within},
    registration::module,
    tasks::{Database, on_each_database},
    web::{Login, Web},
};

on_each_database! {
    tasks_are_added_once_and_seen
    tasks_are_changed
    a_long_ledger_is_searched
}

fn tasks_are_added_once_and_seen(database: Database) {
    let web = Web::new(database);
    let added = web.post("/api/v1/tasks", r#"{"type": "Echo", "name": "one", "data": {"n": 1}}"#);
    assert_eq!(
        (added.status, added.json()[0]["result"].as_str()),
        (201, Some("added")),
        "{added:?}"
    );
    let id = added.json()[0]["id"].as_str().unwrap().to_owned();
    web.tasks.succeeds(id.parse().unwrap());
    let shown = web.operate(&format!("/api/v1/tasks/{id}"), &[]).json();
    assert_eq!(shown["state"], "done");
    assert_eq!(shown["executions"][0]["output"].as_str().map(str::trim), Some("said"));
    let shown = web.view(&format!("/api/v1/tasks/{id}")).json();
    assert_eq!(shown["executions"][0]["outcome"], "success");
    assert!(shown["executions"][0].get("output").is_none(), "{shown}");
    let body = r#"[{"type": "Echo", "name": "twice"}, {"type": "Echo", "name": "later", "at": "2099-01-01T00:00:00Z"}]"#;
    let with_key = |key: &str| {
        let key = format!("Idempotency-Key: {key}");
        let json =
            ["--header", "Content-Type: application/json", "--data-binary", body, "--header", &key];
        web.operate("/api/v1/tasks", &json).json()
    };
    let first = with_key("a");
    web.tasks.succeeds(first[0]["id"].as_str().unwrap().parse().unwrap());
    let again = with_key("a");
    assert_eq!(again[0]["result"], "known");
    assert_eq!(again[1]["id"], first[1]["id"]);
    assert_ne!(with_key("b")[0]["id"], first[0]["id"]);
    assert_eq!(web.tasks.count(State::Future), 2);
    let planned = web.view("/api/v1/tasks?state=future").json();
    assert_eq!(planned["tasks"][0]["due"], "2099-01-01T00:00:00Z");
    assert!(web.log().contains("token operator added 2 tasks"), "{}", web.log());
}

fn tasks_are_changed(database: Database) {
    let web = Web::new(database);
    let failed = web.tasks.add_of("No", "bad");
    web.tasks.held(failed, HeldState::Failed);
    let why = web.view(&format!("/api/v1/tasks/{failed}/explain")).json();
    assert!(why["sentences"][0].as_str().unwrap().contains("not tried again"), "{why}");
    web.post(&format!("/api/v1/tasks/{failed}/cancel"), "").refused(409, "delete it");
    assert_eq!(web.post(&format!("/api/v1/tasks/{failed}/retry"), "").json()["result"], "retried");
    web.tasks.ran(failed, 2);
    web.tasks.held(failed, HeldState::Failed);
    let deleted = web.operate(&format!("/api/v1/tasks/{failed}"), &["--request", "DELETE"]);
    assert_eq!(deleted.json()["result"], "deleted", "{deleted:?}");
    web.post(&format!("/api/v1/tasks/{failed}/retry"), "").refused(409, "is done: cancelled");
    let running = web.tasks.add_of("Sleep", "long");
    wait_until("a running task", || (web.tasks.count(State::Running) == 1).then_some(()));
    assert_eq!(web.post(&format!("/api/v1/tasks/{running}/cancel"), "").json()["result"], "asked");
    let ended = web.tasks.outcome(running);
    assert_eq!(ended.outcome, task_store::Outcome::Cancelled);
    assert_eq!(web.post("/api/v1/pauses", r#"{"type": "Echo"}"#).json()["result"], "paused");
    assert_eq!(web.view("/api/v1/pauses").json()[0]["type"], "Echo");
    let resumed = web.operate("/api/v1/pauses?type=Echo", &["--request", "DELETE"]);
    assert_eq!(resumed.json()["result"], "resumed");
}

/// A page is bounded, whatever is searched; going on finds all.
fn a_long_ledger_is_searched(database: Database) {
    let web = Web::new(database);
    let rare = web.tasks.add_of("Echo", "the needle");
    web.tasks.succeeds(rare);
    let columns = "ident, task_type, name, node, lock_key, outcome, started, ended";
    let rows: Vec<String> = (0..1000)
        .map(|n| {
            format!("({n}, 'Hay', 'straw', 1, 0, 'success', 4102444800000000, 4102444800000000)")
        })
        .collect();
    let insert = format!("INSERT INTO otrsd_execution ({columns}) VALUES {}", rows.join(", "));
    (0..20).for_each(|_| web.tasks.sql(&insert));
    let (mut path, mut found) =
        ("/api/v1/tasks?state=done&text=needle&limit=1".to_owned(), Vec::new());
    loop {
        let page = web.view(&path).json();
        found.extend(page["tasks"].as_array().unwrap().iter().map(|it| it["id"].clone()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/v1/tasks?state=done&text=needle&limit=1&after={next}");
    }
    assert_eq!(found, [rare.to_string()]);
    let statistics = web.view("/api/v1/statistics?from=1970-01-01T00:00:00Z").json();
    assert_eq!(statistics[1]["ended"], 20_000, "{statistics}");
}

#[test]
fn nobody_comes_in_unasked() {
    let web = Web::new(Database::Sqlite);
    web.curl("/api/v1/tasks", &[]).refused(401, "console-url");
    web.curl("/api/v1/tasks", &["--header", "Authorization: Bearer test"]).refused(401, "no token");
    web.curl("/metrics", &[]).refused(401, "OpenMetrics");
    assert_eq!(web.curl("/livez", &[]).status, 200);
    let page = web.curl("/tasks", &["--header", "Accept: text/html"]);
    assert_eq!((page.status, page.header("location")), (303, Some("/login")));
    let json =
        ["--header", "Content-Type: application/json", "--data-binary", r#"{"type": "Echo"}"#];
    let by_view = [&["--header", "Authorization: Bearer test-view"], &json[..]].concat();
    web.curl("/api/v1/tasks", &by_view).refused(403, "needs the role operate");
    web.view("/api/v1/modules/WebConsole/log").refused(403, "operate");
    web.curl("/api/v1/tasks", &["--header", "Host: evil.example"]).refused(421, "AllowedHosts");
    let foreign = ["--header", "Origin: http://evil.example"];
    web.operate("/api/v1/tasks", &[&foreign[..], &json].concat()).refused(403, "another site");
    let mut login = web.log_in();
    assert_eq!(web.curl("/api/v1/tasks", &login.arguments()).status, 200);
    web.curl("/api/v1/tasks", &[&login.arguments()[..], &json[..]].concat())
        .refused(403, "need a token");
    let restart = |login: &Login| login.form(&web, "/modules/SchedulerTaskWorker/restart", "");
    let key = std::mem::take(&mut login.key);
    restart(&login).refused(403, "another session");
    login.key = key.replace(&key[..1], "g");
    restart(&login).refused(403, "another session");
    login.key = key;
    let before = web.tasks.world.running("SchedulerTaskWorker");
    assert_eq!(restart(&login).status, 303);
    web.tasks.world.running_anew("SchedulerTaskWorker", before);
    assert!(web.log().contains("restarts module SchedulerTaskWorker"));
}

#[test]
fn the_description_is_served_and_printed() {
    let web = Web::new(Database::Sqlite);
    let served = web.view("/api/v1/openapi.json").json();
    let printed = web.tasks.world.otrsd(&["console-api"]).ok().stdout;
    assert_eq!(served, serde_json::from_str::<serde_json::Value>(&printed).unwrap());
    let mut operations = 0;
    for (path, methods) in served["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            operations += 1;
            // Each is there, and nobody comes in without a login.
            let path = path.replace("{id}", "3q7zk0v5n2xw").replace("{name}", "Nobody");
            let answer = web.curl(&path, &["--request", &method.to_uppercase()]);
            assert_eq!(answer.status, 401, "{method} {path}: {answer:?}");
        }
    }
    assert!(operations > 20, "{operations}");
}

#[test]
fn bad_input_is_told_and_harms_nothing() {
    let web = Web::new(Database::Sqlite);
    for (body, status, told) in [
        (r#"{"type": "#, 400, "line 1 column"),
        (r#"{"type": "Echo", "nmae": 1}"#, 422, "nmae: unknown field"),
        (r#"[{"type": "Echo"}, {"type": "Echo", "at": "soon"}]"#, 422, "[1].at"),
        (r#"[{"type": "Echo"}, {"type": "Cron"}]"#, 403, "WebConsole::AddableTypes"),
        (r#"{"type": "Unknown"}"#, 403, "WebConsole::AddableTypes"),
        (r#"{"type": "Echo", "attempts": 0}"#, 400, "at least 1 attempt"),
        ("[]", 400, "no task"),
    ] {
        let answer = web.post("/api/v1/tasks", body);
        answer.refused(status, told);
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    }
    web.operate("/api/v1/tasks", &["--data-binary", "{}"]).refused(415, "application/json");
    web.post("/api/v1/tasks", &"[".repeat(10_000)).refused(400, "line 1 column");
    let many = format!("[{}]", vec![r#"{"type": "Echo"}"#; 1001].join(","));
    web.tasks.world.file("many.json", &many);
    web.post("/api/v1/tasks", &format!("@{}", web.tasks.world.text("many.json")))
        .refused(400, "1000 at most");
    web.tasks.world.file("large.json", &format!("\"{}\"", "x".repeat(5 << 20)));
    web.post("/api/v1/tasks", &format!("@{}", web.tasks.world.text("large.json"))).refused(413, "");
    web.view("/api/v1/tasks?state=lost").refused(400, "no state 'lost'");
    web.view("/api/v1/tasks?state=done&outcome=lucky").refused(400, "no outcome 'lucky'");
    web.view("/api/v1/tasks?colour=red").refused(400, "unknown field");
    web.view("/api/v1/tasks/nothing").refused(400, "no task id");
    web.view("/api/v1/tasks/123456789012").refused(404, "no task");
    web.view("/api/v1/modules/../../etc/passwd").refused(404, "");
    web.view("/api/v1/nothing").refused(404, "no such page");
    web.operate("/api/v1/cron", &["--request", "PUT"]).refused(405, "");
    assert_eq!(
        web.view("/api/v1/tasks?state=waiting").json()["tasks"].as_array().unwrap().len(),
        0
    );
    assert_eq!(web.view("/api/v1/tasks?state=done").json()["tasks"].as_array().unwrap().len(), 0);
}

#[test]
fn metrics_are_what_prometheus_reads() {
    let web = Web::new(Database::Sqlite);
    web.tasks.succeeds(web.tasks.add_of("Echo", "one"));
    let metrics = wait_until("metrics of workers", || {
        let metrics = web.view("/metrics");
        metrics.body.contains("otrsd_worker_slots").then_some(metrics)
    });
    assert!(metrics.header("content-type").unwrap().starts_with("text/plain"));
    let mut names = BTreeSet::new();
    for line in metrics.body.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            assert!(
                comment.starts_with("HELP otrsd_") || comment.starts_with("TYPE otrsd_"),
                "{line}"
            );
            continue;
        }
        let (name, value) = line.rsplit_once(' ').unwrap();
        value.parse::<f64>().unwrap();
        names.insert(name.split('{').next().unwrap().to_owned());
    }
    for name in [
        "otrsd_supervisor_up",
        "otrsd_database_up",
        "otrsd_module_restarts_total",
        "otrsd_worker_slots",
    ] {
        assert!(names.contains(name), "{name} in {names:?}");
    }
    let open = web.curl(
        "/metrics",
        &[
            "--header",
            "Authorization: Bearer test-view",
            "--header",
            "Accept: application/openmetrics-text; version=1.0.0",
        ],
    );
    assert!(open.body.ends_with("# EOF\n"), "{}", open.body);
}

/// What the dashboard and the alerts ask for is there.
#[test]
fn dashboard_and_alerts_know_the_metrics() {
    let every_minute = module("SchedulerCronTaskManager")
        .key("Module", "Kernel::System::Daemon::DaemonModules::SchedulerCronTaskManager");
    let cron = "<Setting Name=\"Daemon::SchedulerCronTaskManager::Task###Each\" Valid=\"1\"><Value><Hash>\
                <Item Key=\"Schedule\">* * * * * *</Item><Item Key=\"TaskType\">Echo</Item></Hash></Value></Setting>\n";
    let dialect = setting("Daemon::SchedulerCronTaskManager::Dialect", "vixie");
    let web = Web::with(Database::Sqlite, &[every_minute.xml(), cron.to_owned(), dialect]);
    // What ends after a first look is counted.
    web.view("/metrics");
    web.tasks.succeeds(web.tasks.add_of("Echo", "one"));
    wait_within(Duration::from_mins(1), "counted executions", || {
        let text = web.view("/metrics").body;
        assert!(!text.contains("e308"), "an upper bound must be infinite: {text}");
        text.contains("otrsd_executions_total{").then_some(())
    });
    web.post("/api/v1/pauses", "{}");
    web.tasks.add_of("Echo", "waits");
    let known = |name: &str, text: &str| {
        let family =
            ["_bucket", "_total"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        text.contains(&format!("# TYPE {family} ")) || text.contains(&format!("# TYPE {name} "))
    };
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../packaging/");
    let asked: BTreeSet<String> = ["grafana/otrsd.json", "prometheus/otrsd.rules.yml"]
        .iter()
        .flat_map(|file| {
            let text = fs::read_to_string(format!("{root}{file}")).unwrap();
            let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            words.filter(|it| it.starts_with("otrsd_")).map(str::to_owned).collect::<Vec<_>>()
        })
        .collect();
    assert!(asked.len() > 12, "{asked:?}");
    wait_within(Duration::from_mins(1), "all metrics", || {
        let text = web.view("/metrics").body;
        asked.iter().all(|name| known(name, &text)).then_some(())
    });
}

#[test]
fn it_is_ready_while_scheduling_works() {
    let web = Web::new(Database::Sqlite);
    let check = |name: &str| {
        let health = web.curl("/readyz", &[]).json();
        let checks = health["checks"].as_array().unwrap();
        checks.iter().find(|it| it["name"] == name).unwrap()["result"].as_str().unwrap().to_owned()
    };
    wait_until("readiness", || (web.curl("/readyz", &[]).status == 200).then_some(()));
    let worker = web.tasks.world.running("SchedulerTaskWorker");
    signal(worker, Signal::SIGSTOP);
    web.tasks.sql("UPDATE otrsd_instance SET beat = 0");
    wait_until("a silent worker", || check("worker").contains("no heartbeat").then_some(()));
    assert_eq!(web.curl("/readyz", &[]).status, 503);
    signal(worker, Signal::SIGCONT);
    wait_until("readiness", || (web.curl("/readyz", &[]).status == 200).then_some(()));
    let supervisor = web.tasks.world.status().pid;
    signal(supervisor, Signal::SIGSTOP);
    wait_until("a silent supervisor", || (check("supervisor") != "ok").then_some(()));
    signal(supervisor, Signal::SIGCONT);
    wait_until("readiness", || (web.curl("/readyz", &[]).status == 200).then_some(()));
}
