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
    let tasks = Tasks::new(Database::Sqlite, &[block("xml").to_owned()]).unwrap();
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
    let tasks = Tasks::new(Database::Sqlite, &[shell("Thumbnail", "cat", &[])]).unwrap();
    tasks.start();
    let given = serde_json::from_str::<serde_json::Value>(block("json")).unwrap();
    let mut task = task_store::NewTask::new("Thumbnail", "photo 7", given["data"].to_string());
    task.id = given["id"].as_str().unwrap().parse().unwrap();
    let output = tasks.succeeds(tasks.add(&task)).output.unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&output).unwrap(), given);
}

#[test]
fn every_key_is_on_the_page_and_known() {
    let table = PAGE.split_once("| key | default |").unwrap().1.split("\n\n").next().unwrap();
    let rows: Vec<(&str, &str)> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` | "))
        .map(|(key, rest)| (key, rest.split(" |").next().unwrap()))
        .collect();
    let source = include_str!("../../src/config/task_types.rs");
    let known = source.split_once("const KNOWN").unwrap().1.split_once("= [").unwrap().1;
    let mut known: Vec<&str> =
        known.split(']').next().unwrap().split('"').skip(1).step_by(2).collect();
    let mut sorted: Vec<&str> = rows.iter().map(|row| row.0).collect();
    sorted.sort_unstable();
    known.sort_unstable();
    assert_eq!(sorted, known);
    // The defaults written out are as good as left out.
    let given: Vec<_> =
        rows.into_iter().filter(|row| !matches!(row.1, "none" | "for ever")).collect();
    let tasks = Tasks::new(Database::Sqlite, &[shell("Same", "true", &given)]).unwrap();
    tasks.start();
    wait_until("its success", || {
        let said = tasks.world.otrsd(&["task", "add", "--type", "Same", "--wait"]);
        (said.code == 0).then_some(())
    });
}
