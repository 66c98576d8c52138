//! Payloads that nobody can read, and large ones: held and visible, and no hindrance to their neighbours.

use task_store::{HeldState, NewTask, TaskId};

use crate::tasks::{Database, Tasks, on_each_database, shell};

on_each_database! {
    data_reach_a_command_as_they_were_given
    what_cannot_be_decoded_is_held
    bytes_that_are_no_text_are_held
    sixteen_megabytes_arrive
}

fn tasks(database: Database) -> Tasks {
    let types = [shell("Echo", "true", &[]), shell("Size", "wc -c", &[])];
    let tasks = Tasks::new(database, &types);
    tasks.start();
    tasks
}

/// Held with a reason, and seen by every command.
#[track_caller]
fn is_held(tasks: &Tasks, name: &str, id: &str) {
    let id = id.parse().unwrap();
    let reason = tasks.held(id, HeldState::Failed).reason;
    assert!(reason.starts_with("the payload"), "{name}: {reason}");
    let id = id.to_string();
    let listed = tasks.world.otrsd(&["task", "list", "--state", "failed"]).ok().stdout;
    assert!(listed.contains(&id) && listed.contains("the payload"), "{name}: {listed}");
    let shown = tasks.world.otrsd(&["task", "show", &id]).ok().stdout;
    assert!(shown.contains("the payload"), "{name}: {shown}");
    let json = tasks.world.otrsd(&["task", "show", &id, "--json"]).ok().stdout;
    serde_json::from_str::<serde_json::Value>(&json).unwrap();
    let said = tasks.world.otrsd(&["task", "explain", &id]).ok().stdout;
    assert!(said.contains("failed, and is not tried again: the payload"), "{name}: {said}");
}

fn what_cannot_be_decoded_is_held(database: Database) {
    let tasks = tasks(database);
    let deep = "[".repeat(10_000);
    let bad = [
        ("empty", ""),
        ("half", "{\"a\": "),
        ("deep", &deep),
        ("no image", "aGVsbG8gd29ybGQ="),
        ("only a header", "BQs="),
        // A list that says it has four thousand million elements.
        ("a lie", "BQsC/////w=="),
        ("cut off", "BQsDAAAAAQoDb25l"),
        ("code", "BQsaAAAA"),
        ("another byte order", "BAsIMTIzNDU2NzgECAgI"),
    ];
    let added =
        bad.map(|(name, data)| (name, tasks.add(&NewTask::new("Echo", name, data)).to_string()));
    tasks.succeeds(tasks.add_of("Echo", "neighbour"));
    for (name, id) in &added {
        is_held(&tasks, name, id);
    }
    tasks.succeeds(tasks.add_of("Echo", "another"));
}

fn bytes_that_are_no_text_are_held(database: Database) {
    let tasks = tasks(database);
    // Text in UTF-8 that is no JSON is the task's own fault; of what is no text, the row is.
    let values: &[(&str, Option<HeldState>)] = match database {
        Database::Sqlite => &[
            ("CAST(x'ff00fe' AS TEXT)", Some(HeldState::Quarantined)),
            ("'{\"a\": \"' || char(0) || '\"}'", Some(HeldState::Failed)),
            ("x'ff'", Some(HeldState::Quarantined)),
            ("12", None),
        ],
        // The server keeps nothing else.
        Database::Postgres => &[("chr(1) || chr(127)", Some(HeldState::Failed))],
        Database::MariaDb => &[
            ("x'ff00fe'", Some(HeldState::Quarantined)),
            ("x'7b0022'", Some(HeldState::Failed)),
            ("x'c3'", Some(HeldState::Quarantined)),
        ],
    };
    for (number, (value, state)) in values.iter().enumerate() {
        let id = TaskId::from_ident(500_000_000_000_000_000 + i64::try_from(number).unwrap());
        tasks.sql(&format!(
            "INSERT INTO scheduler_task (ident, task_type, name, task_data) VALUES ({}, 'Echo', 'bytes', {value})",
            id.ident()
        ));
        match state {
            None => drop(tasks.succeeds(id)),
            Some(HeldState::Quarantined) => {
                let reason = tasks.held(id, HeldState::Quarantined).reason;
                assert!(reason.contains("column task_data: expected text in UTF-8"), "{reason}");
            }
            Some(_) => is_held(&tasks, value, &id.ident().to_string()),
        }
    }
    tasks.succeeds(tasks.add_of("Echo", "neighbour"));
}

fn data_reach_a_command_as_they_were_given(database: Database) {
    let types = [shell("Cat", "cat", &[]), shell("Lines", "wc -l", &[])];
    let tasks = Tasks::new(database, &types);
    tasks.start();
    for data in [
        r#"{"z": 1, "huge": 12345678901234567890123, "money":1234567890123456.789,"a" :2, "z": -0.10}"#,
        r#"[1e999, 1E-7, "\u00e9\/é", "\ud800", {"b":{},"a":[ ]}]"#,
        "99999999999999999999",
    ] {
        let of_task = &["task", "add", "--type", "Cat", "--wait", "--data", data];
        let added = tasks.world.otrsd(of_task).ok().stdout;
        let id: TaskId = added.lines().next().unwrap().parse().unwrap();
        let got = tasks.succeeds(id).output.unwrap();
        assert!(added.contains(got.trim_end()), "--wait prints it: {added}");
        assert!(got.starts_with(&format!("{{\"data\":{data},\"id\":\"{id}\"")), "{got}");
        let later = &["task", "add", "--type", "Cat", "--at", "2100-01-01T00:00Z", "--data", data];
        let planned = tasks.world.otrsd(later).ok().stdout;
        let shown = tasks.world.otrsd(&["task", "show", planned.trim(), "--json"]).ok().stdout;
        assert!(shown.contains(&format!("\"data\": {data}")), "{shown}");
    }
    let lines = &["task", "add", "--type", "Lines", "--wait", "--data", "{\n\"a\":\r\n1.50\n}"];
    let added = tasks.world.otrsd(lines).ok().stdout;
    let id = added.lines().next().unwrap().parse().unwrap();
    assert_eq!(tasks.succeeds(id).output.unwrap().trim(), "1", "a handler gets one line");
}

fn sixteen_megabytes_arrive(database: Database) {
    let tasks = tasks(database);
    let size = (16 << 20) - 2;
    tasks.world.file("large.json", &format!("\"{}\"", "x".repeat(size)));
    let added =
        tasks.world.otrsd(&["task", "add", "--type", "Size", "--data", "@large.json", "--wait"]);
    let id = added.ok().stdout.lines().next().unwrap().parse().unwrap();
    let told: usize = tasks.succeeds(id).output.unwrap().trim().parse().unwrap();
    assert!(told > size && told < size + 200, "{told}");
}
