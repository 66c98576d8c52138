//! Events: what the settings register for them is added, all in one transaction.

use serde_json::{Value, json};
use task_store::State;

use crate::{
    harness::Outcome,
    registration::escape,
    tasks::{Database, Tasks, on_each_database, shell},
};

on_each_database! {
    registered_tasks_are_added
    what_does_not_fit_is_told
}

/// A registration; values that are no texts stand for themselves.
fn event(key: &str, items: &[(&str, &str)]) -> String {
    let item = |(key, value): &(&str, &str)| {
        let value = if value.starts_with('<') { (*value).to_owned() } else { escape(value) };
        format!("<Item Key=\"{key}\">{value}</Item>")
    };
    format!(
        "<Setting Name=\"Daemon::Event###{key}\" Required=\"1\" Valid=\"1\"><Value><Hash>{}</Hash>\
         </Value></Setting>\n",
        items.iter().map(item).collect::<String>()
    )
}

fn world(database: Database) -> Tasks {
    let of_queue = "<Hash><Item Key=\"Queue\">Raw</Item></Hash>";
    let own = "<Hash><Item Key=\"To\">us</Item></Hash>";
    let raw = [("TaskName", "raw"), ("Filter", of_queue), ("Data", own)];
    let created = [("Event", "TicketCreate"), ("TaskType", "Echo")];
    let settings = [
        event("All", &created),
        event("Raw", &[&created[..], &raw].concat()),
        event("Later", &[&created[..], &[("Delay", "3600")]].concat()),
        event("Once", &[("Event", "Limited"), ("TaskType", "Blocked")]),
        event("Bad", &[("Event", "Broken")]),
        event("Good", &[("Event", "Broken"), ("TaskType", "Echo")]),
        shell("Echo", "cat", &[]),
        shell("Blocked", "exec sleep 3630", &[("MaximumParallelInstances", "1")]),
    ];
    Tasks::new(database, &settings)
}

fn fire(tasks: &Tasks, arguments: &[&str]) -> Outcome {
    tasks.world.otrsd(&[&["event", "fire", "--json"], arguments].concat())
}

fn json(text: &str) -> Vec<Value> {
    serde_json::from_str(text).unwrap()
}

fn registered_tasks_are_added(database: Database) {
    let tasks = world(database);
    let check = tasks.world.otrsd(&["check"]);
    assert!(
        check.stdout.contains("Daemon::Event###Bad: 'TaskType' is missing"),
        "{}",
        check.stdout
    );
    tasks.start();

    let data = "{\"Queue\": \"Raw\", \"To\": 1}";
    let fired = json(&fire(&tasks, &["TicketCreate", "--data", data]).ok().stdout);
    let settings: Vec<_> = fired.iter().map(|it| it["setting"].as_str().unwrap()).collect();
    assert_eq!(settings, ["Daemon::Event###All", "Daemon::Event###Later", "Daemon::Event###Raw"]);
    let id = |it: &Value| it["task"].as_str().unwrap().parse().unwrap();
    let letter = |number: usize| {
        let output = tasks.succeeds(id(&fired[number])).output.unwrap();
        serde_json::from_str::<Value>(&output).unwrap()
    };
    assert_eq!(letter(0)["data"], json!({ "Queue": "Raw", "To": 1 }));
    assert_eq!(
        (&letter(2)["data"], &letter(2)["name"]),
        (&json!({ "Queue": "Raw", "To": "us" }), &"raw".into())
    );
    assert_eq!(tasks.get(id(&fired[1])).unwrap().state, State::Future);
    assert!(fired[1]["due"].is_string() && fired[0]["due"].is_null());
}

fn what_does_not_fit_is_told(database: Database) {
    let tasks = world(database);
    tasks.start();
    let junk = fire(&tasks, &["TicketCreate", "--data", "{\"Queue\": \"Junk\"}"]);
    let fired = json(&junk.ok().stdout);
    assert_eq!(fired.len(), 2, "the filter does not fit");
    for (expected, text) in [(false, "Blocked Limited"), (true, "limit reached: Blocked Limited")] {
        let said = tasks.world.otrsd(&["event", "fire", "Limited"]).ok().stdout;
        assert_eq!(said.starts_with("limit reached"), expected, "{said}");
        assert!(said.contains(text) && said.contains("(Daemon::Event###Once)"), "{said}");
    }
    // Nor does a filter fit what has no keys.
    let before = tasks.count(State::Future);
    let listed = fire(&tasks, &["TicketCreate", "--data", "[1]"]).ok().stdout;
    assert!(listed.contains("Daemon::Event###Later") && !listed.contains("Raw"), "{listed}");
    let broken = fire(&tasks, &["Broken"]).failed(3);
    assert!(
        broken.stderr.contains("Bad: 'TaskType' is missing; nothing was added"),
        "{}",
        broken.stderr
    );
    let unknown = fire(&tasks, &["TicketCreated"]).failed(1);
    for text in ["event 'TicketCreated'", "Limited, TicketCreate"] {
        assert!(unknown.stderr.contains(text), "{}", unknown.stderr);
    }
    fire(&tasks, &["TicketCreate", "--data", "{"]).failed(2);
    assert_eq!(tasks.count(State::Future), before + 1);
}
