//! The database commands, on each database.

use std::{io::Write as _, process::Stdio};

use serde_json::json;
use task_store::HeldState;

use crate::{
    databases::{Kind, Place},
    harness::{World, setting},
};

macro_rules! on_each {
    ($($test:ident),*) => {
        mod sqlite { $(#[test] fn $test() { super::$test(super::Kind::Sqlite) })* }
        mod postgres { $(#[test] fn $test() { super::$test(super::Kind::Postgres) })* }
        mod mariadb { $(#[test] fn $test() { super::$test(super::Kind::MariaDb) })* }
    };
}
on_each!(
    tables_are_made_and_taken_away,
    the_status_counts_tasks_workers_and_pauses,
    a_copied_database_is_said_to_be_one,
    tasks_are_added_and_explained,
    the_printed_schema_is_what_migrate_does
);

/// Without a connection, and in words that hold no password.
#[test]
fn a_wrong_url_is_found_by_check() {
    let world = World::new();
    for (url, expected) in [
        ("sqlite:tasks.db", "tasks.db is no absolute path"),
        ("sqlite:~/tasks.db", "only a shell knows what ~ is"),
        ("sqlite:/dev/null/tasks.db", "/dev/null is neither a file nor a directory"),
        ("postgres://u:secret@db/tasks?slmode=require", "did you mean sslmode?"),
        ("mysql://u:secret@db", "it names no database"),
    ] {
        world.configure("90-database", &[setting("DatabaseURL", url)]);
        let check = world.otrsd(&["check"]).failed(3).stdout;
        let mut lines = check.lines().filter(|line| line.contains("setting DatabaseURL"));
        assert!(lines.next().is_some_and(|line| line.contains(expected)), "{url}: {check}");
        assert!(!check.contains("secret"), "{url}: {check}");
        let listed = world.otrsd(&["task", "list"]);
        assert!([3, 4].contains(&listed.code), "{url}: {listed:?}");
    }
}

fn tables_are_made_and_taken_away(kind: Kind) {
    let place = Place::bare(kind);
    let before = place.run(&["db", "status"]);
    assert_eq!(before.code, 4);
    if kind == Kind::Sqlite {
        assert!(before.stderr.starts_with("there is no database yet: "), "{before:?}");
    } else {
        assert!(
            before.stdout.ends_with("\nThere are no tables: run otrsd db migrate.\n"),
            "{before:?}"
        );
        let said = place.run(&["task", "list"]);
        assert!(said.code == 4 && said.stderr.contains("`otrsd db migrate` makes"), "{said:?}");
    }
    let made = place.run(&["db", "migrate"]).ok().stdout;
    assert!(
        made.starts_with("version 1: created scheduler_task, ") && made.contains("otrsd_held"),
        "{made}"
    );
    assert_eq!(
        place.run(&["db", "migrate"]).all(),
        (0, "nothing to do: the tables have version 1\n", "")
    );

    let held = place.held("broken", HeldState::Failed, None);
    place.worker();
    let status = place.json(&["db", "status", "--json"]);
    let refused = place.run(&["db", "remove"]);
    assert!(refused.code == 2 && refused.stderr.contains("with --yes"), "{refused:?}");
    assert_eq!(place.json(&["db", "status", "--json"]), status, "nothing has changed");
    let removed = place.run(&["db", "remove", "--yes"]);
    let expected = "removed; 1 held tasks were put back into scheduler_task\n";
    assert_eq!((removed.code, removed.stdout.as_str()), (0, expected));
    assert!(
        removed.stderr.starts_with("warning: a worker of host beta (node 2, process 4711)"),
        "{removed:?}"
    );
    assert_eq!(place.run(&["db", "status"]).code, 4);
    let said = "nothing to do: there are no tables of otrsd\n";
    assert_eq!(place.run(&["db", "remove", "--yes"]).all(), (0, said, ""));
    place.run(&["db", "migrate"]).ok();
    let back = place.json(&["task", "list", "--state", "waiting", "--json"]);
    assert_eq!(back[0]["id"], json!(held));
}

fn the_status_counts_tasks_workers_and_pauses(kind: Kind) {
    let place = Place::bare(kind);
    place.run(&["db", "migrate"]).ok();
    place.held("broken", HeldState::Failed, None);
    place.add(&["--type", "A", "--at", "+1h"]);
    place.worker();
    place.run(&["worker", "pause", "--type", "A", "--node", "7"]).ok();
    let status = place.json(&["db", "status", "--json"]);
    assert_eq!((&status["version"], &status["is_current"]), (&json!(1), &json!(true)));
    assert_eq!((&status["missing"], &status["moved"]), (&json!([]), &json!(null)));
    let none = json!({"type": "A", "waiting": 0, "running": 0, "future": 1, "retry": 0,
                      "failed": 0, "quarantined": 0, "no-handler": 0});
    assert_eq!(status["tasks"][0], none);
    assert_eq!(
        (&status["tasks"][1]["type"], &status["tasks"][1]["failed"]),
        (&json!("Held"), &json!(1))
    );
    assert_eq!(
        (&status["workers"][0]["host"], &status["workers"][0]["slots"]),
        (&json!("beta"), &json!(2))
    );
    assert_eq!(
        (&status["pauses"][0]["type"], &status["pauses"][0]["node"]),
        (&json!("A"), &json!(7))
    );
    let shown = place.run(&["db", "status"]).ok().stdout;
    for part in [
        "up to date, version 1.\n",
        "Paused: tasks of type A on node 7 since ",
        "\nHeld        0 ",
        "\nbeta ",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
}

fn a_copied_database_is_said_to_be_one(kind: Kind) {
    let place = Place::bare(kind);
    place.run(&["db", "migrate"]).ok();
    let said = place.run(&["db", "adopt"]).ok().stdout;
    assert!(said.starts_with("nothing to do: the database belongs to "), "{said}");
    place.copied();
    let shown = place.run(&["db", "status"]).ok().stdout;
    assert!(shown.contains("\nThis database belongs to elsewhere, not to "), "{shown}");
    let status = place.json(&["db", "status", "--json"]);
    assert_eq!(status["moved"]["remembered_hosts"], json!(["elsewhere"]));
    let said = place.run(&["db", "adopt"]).ok().stdout;
    assert!(said.starts_with("adopted: the database belongs to "), "{said}");
    assert_eq!(place.json(&["db", "status", "--json"])["moved"], json!(null));
}

fn tasks_are_added_and_explained(kind: Kind) {
    let place = Place::bare(kind);
    place.run(&["db", "migrate"]).ok();
    let id = place.add(&[
        "--type",
        "Käse 😀",
        "--name",
        "a'b\"",
        "--data",
        "{\"€\": \"\\\\ '\"}",
        "--max-parallel",
        "1",
    ]);
    let shown = place.json(&["task", "show", &id[..7], "--json"]);
    assert_eq!((&shown["type"], &shown["name"]), (&json!("Käse 😀"), &json!("a'b\"")));
    assert_eq!(shown["data"], json!({"€": "\\ '"}));
    assert_eq!(
        place
            .run(&["task", "add", "--type", "Käse 😀", "--name", "a'b\"", "--max-parallel", "1"])
            .code,
        1
    );
    let worker = place.worker();
    assert!(
        place.run(&["task", "explain", &id]).ok().stdout.contains("It is the next to be taken.")
    );
    place.claim(worker, 1);
    assert!(place.run(&["task", "explain", &id]).ok().stdout.contains("runs on node 2: host beta"));
    let retry = place.held("x", HeldState::Retry, Some("2030-01-02T03:04:05Z".parse().unwrap()));
    assert!(place.run(&["task", "explain", &retry]).ok().stdout.contains("2030-01-02 12:04:05"));
    place.run(&["task", "retry", &retry]).ok();
    place.run(&["task", "cancel", &retry]).ok();
    let planned = place.add(&["--type", "F", "--at", "2030-01-02 03:04"]);
    assert_eq!(
        place.json(&["task", "show", &planned, "--json"])["due"],
        json!("2030-01-01T18:04:00Z")
    );
}

fn the_printed_schema_is_what_migrate_does(kind: Kind) {
    let place = Place::bare(kind);
    let printed = place.run(&["db", "schema"]).ok().stdout;
    for table in ["scheduler_task", "scheduler_future_task", "otrsd_execution", "otrsd_schema"] {
        assert!(printed.contains(&format!("CREATE TABLE IF NOT EXISTS {table} (")), "{printed}");
    }
    assert!(printed.trim_end().ends_with(';'), "{printed}");
    if kind != Kind::Sqlite {
        assert_eq!(place.run(&["db", "status"]).code, 4, "it only printed");
    }
}

#[test]
fn tables_in_use_are_not_removed() {
    let place = Place::new();
    place.world.start();
    let refused = place.run(&["db", "remove", "--yes"]);
    let expected = "the daemon is running and needs its tables; run otrsd stop first\n";
    assert_eq!(refused.all(), (1, "", expected));
    place.run(&["stop"]).ok();
    place.run(&["db", "remove", "--yes"]).ok();
}

#[test]
fn a_removal_asks_on_a_terminal() {
    let place = Place::new();
    let ask = |answer: &str| {
        let line = format!("{} db remove", place.world.program.display());
        let mut command = place.world.command("script");
        command.args(["-qec", &line, "/dev/null"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(answer.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (code, said) = ask("y\n");
    assert!(code == Some(1) && said.contains("nothing was removed"), "{said}");
    place.run(&["db", "status"]).ok();
    let (code, said) = ask("yes\n");
    assert!(code == Some(0) && said.contains("removed; 0 held tasks"), "{said}");
    assert_eq!(place.run(&["db", "status"]).code, 4);
}
