//! The handbook page of tasks: what stands there runs, and every key is there.

use crate::{
    harness::wait_until,
    tasks::{Database, Tasks, shell},
};

const PAGE: &str = include_str!("../../../../docs/tasks.md");

/// The text of the first block of a language.
fn block(language: &str) -> &'static str {
    let (_, rest) = PAGE.split_once(&format!("```{language}\n")).unwrap();
    rest.split("```").next().unwrap()
}

#[test]
fn the_pages_commands_run() {
    let tasks = Tasks::new(Database::Sqlite, &[block("xml").to_owned()]);
    tasks.start();
    let path = std::env::var("PATH").unwrap();
    let program = tasks.world.program.parent().unwrap().to_str().unwrap().to_owned();
    for line in block("sh").lines() {
        let mut command = tasks.world.command("/bin/sh");
        command.args(["-c", line]).env("PATH", format!("{program}:{path}"));
        let said = crate::harness::finish(command).ok();
        assert!(!line.contains("--wait") || said.stdout.contains("succeeded"), "{line}: {said:?}");
    }
    let checked = tasks.world.otrsd(&["check"]).ok().stdout;
    assert!(checked.ends_with("no problem\n"), "{checked}");
}

#[test]
fn a_handler_gets_what_the_page_says() {
    let tasks = Tasks::new(Database::Sqlite, &[shell("Thumbnail", "cat", &[])]);
    tasks.start();
    let given = serde_json::from_str::<serde_json::Value>(block("json")).unwrap();
    let mut task = task_store::NewTask::new("Thumbnail", "photo 7", given["data"].to_string());
    task.id = given["id"].as_str().unwrap().parse().unwrap();
    let output = tasks.succeeds(tasks.add(&task)).output.unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&output).unwrap(), given);
}

#[test]
fn the_described_defaults_are_as_good_as_left_out() {
    let tasks = Tasks::new(Database::Sqlite, &[]);
    let described = tasks.world.otrsd(&["config", "describe", "TaskType###", "--json"]).ok().stdout;
    let described: Vec<serde_json::Value> = serde_json::from_str(&described).unwrap();
    let keys: Vec<(&str, &str)> = described
        .iter()
        .map(|it| (it["name"].as_str().unwrap(), it["default"].as_str().unwrap()))
        .map(|(name, default)| {
            (name.rsplit("###").next().unwrap(), default.split(',').next().unwrap())
        })
        .filter(|(key, default)| !default.is_empty() && !default.contains(' ') && *key != "Method")
        .collect();
    assert!(keys.len() > 8, "{keys:?}");
    let tasks = Tasks::new(Database::Sqlite, &[shell("Same", "true", &keys)]);
    tasks.start();
    wait_until("its success", || {
        let said = tasks.world.otrsd(&["task", "add", "--type", "Same", "--wait"]);
        (said.code == 0).then_some(())
    });
}
