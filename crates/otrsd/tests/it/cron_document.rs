//! The handbook page of cron and events: what stands there runs, and every key is there.

use crate::{
    cron::manager,
    harness::finish,
    tasks::{Database, Tasks, shell},
};

const PAGE: &str = include_str!("../../../../docs/cron.md");

/// The text of the first block of a language.
fn block(language: &str) -> &'static str {
    let (_, rest) = PAGE.split_once(&format!("```{language}\n")).unwrap();
    rest.split("```").next().unwrap()
}

#[test]
fn the_pages_commands_run() {
    let settings = [
        block("xml").to_owned(),
        shell("Thumbnail", "cat", &[]),
        manager("SchedulerCronTaskManager"),
    ];
    let tasks = Tasks::new(Database::Sqlite, &settings);
    tasks.start();
    let path = std::env::var("PATH").unwrap();
    let program = tasks.world.program.parent().unwrap().to_str().unwrap().to_owned();
    let run = |line: &str| {
        let mut command = tasks.world.command("/bin/sh");
        command.args(["-c", line]).env("PATH", format!("{program}:{path}"));
        finish(command).ok().stdout
    };
    for line in block("sh").lines() {
        let said = run(line);
        match line.split(' ').nth(2).unwrap() {
            "run" => assert!(said.contains("succeeded"), "{said}"),
            "fire" => {
                let id = said.split(' ').next().unwrap().parse().unwrap();
                let letter = tasks.succeeds(id).output.unwrap();
                assert!(
                    letter.contains("\"size\":\"120\"") && letter.contains("7.jpg"),
                    "{letter}"
                );
            }
            _ => assert!(said.len() > 5, "{line}: {said}"),
        }
    }
    let (command, expected) = block("console").split_once('\n').unwrap();
    assert_eq!(run(command.strip_prefix("$ ").unwrap()), expected);
    let checked = tasks.world.otrsd(&["check"]).ok().stdout;
    assert!(checked.ends_with("no problem\n"), "{checked}");
}
