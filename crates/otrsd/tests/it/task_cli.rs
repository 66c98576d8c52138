//! The task commands, on a database without a daemon.

use std::{io::Write as _, process::Stdio};

use serde_json::json;
use task_store::{HeldState, NewTask, Outcome, Then};

use crate::{
    databases::{Place, now},
    harness::{finish, setting, wait_until},
    tasks::{WORKER, registered},
};

#[test]
fn a_task_is_added_shown_and_cancelled() {
    let place = Place::new();
    assert_eq!(place.run(&["task", "list"]).all(), (0, "no tasks\n", ""));
    assert_eq!(place.json(&["task", "list", "--json"]), json!([]));
    let id = place.add(&["--type", "Thumb", "--name", "a b", "--data", "{\"x\": [1, \"ü\"]}"]);
    let list = place.json(&["task", "list", "--json"]);
    let added = list[0]["added"].as_str().unwrap();
    assert!(added.ends_with('Z'), "{list}");
    let expected = json!({
        "id": id, "type": "Thumb", "name": "a b", "state": "waiting", "attempts": 1,
        "added": added, "due": null, "reason": null, "lock": null,
    });
    assert_eq!(list, json!([expected]));
    let mut expected = expected;
    expected["data"] = json!({"x": [1, "ü"]});
    expected["executions"] = json!([]);
    assert_eq!(place.json(&["task", "show", &id, "--json"]), expected);
    assert_eq!(place.json(&["task", "show", &id[..6].to_uppercase(), "--json"]), expected);
    let shown = place.run(&["task", "show", &id]).ok().stdout;
    assert!(
        shown.starts_with(&format!("id        {id}\ntype      Thumb\nname      a b\n")),
        "{shown}"
    );
    assert!(shown.ends_with("state     waiting\ndata\n    {\n      \"x\": [\n        1,\n        \"ü\"\n      ]\n    }\n"), "{shown}");

    let refused = format!("{id} is still to run (waiting): cancel it\n");
    assert_eq!(place.run(&["task", "delete", &id]).all(), (1, "", refused.as_str()));
    let refused = format!("{id} waits already\n");
    assert_eq!(place.run(&["task", "retry", &id]).all(), (1, "", refused.as_str()));
    let said = format!("cancelled {id} (Thumb a b)\n");
    assert_eq!(place.run(&["task", "cancel", &id]).all(), (0, said.as_str(), ""));
    assert_eq!(place.json(&["task", "list", "--json"]), json!([]));
    let done = place.json(&["task", "list", "--state", "done", "--json"]);
    assert_eq!((&done[0]["id"], &done[0]["outcome"]), (&json!(id), &json!("cancelled")));
    assert!(done[0]["error"].as_str().unwrap().starts_with("cancelled on the command line by "));
    let refused = format!("{id} is done: cancelled\n");
    assert_eq!(place.run(&["task", "cancel", &id]).all(), (1, "", refused.as_str()));
    assert!(place.run(&["task", "show", &id]).ok().stdout.contains("state     done: cancelled\n"));
}

#[test]
fn data_comes_from_a_file_or_standard_input_too() {
    let place = Place::new();
    place.world.file("data.json", "{\"from\": \"file\"}\n");
    let id = place.add(&["--type", "T", "--data", "@data.json"]);
    assert_eq!(place.json(&["task", "show", &id, "--json"])["data"], json!({"from": "file"}));
    let mut child = place
        .command(&["task", "add", "--type", "T", "--data", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"[1, null]").unwrap();
    let output = child.wait_with_output().unwrap();
    let id = String::from_utf8(output.stdout).unwrap();
    assert_eq!(place.json(&["task", "show", id.trim(), "--json"])["data"], json!([1, null]));
    let id = place.add(&["--type", "T"]);
    assert_eq!(place.json(&["task", "show", &id, "--json"])["data"], json!({}));
}

#[test]
fn what_cannot_be_added_is_said_to_be_so() {
    let place = Place::new();
    place.world.file("bad.json", "{\n  \"a\": 1,\n  \"b\": x\n}\n");
    for (arguments, code, expected) in [
        (
            &["--type", "T", "--data", "@bad.json"][..],
            2,
            "--data: bad.json, line 3, column 8: invalid JSON: expected value\n    \"b\": x\n         ^\n",
        ),
        (&["--type", "T", "--data", "@no.json"], 1, "--data: no.json: No such file"),
        (&["--type", ""], 2, "a task needs a type\n"),
        (&["--type", &"x".repeat(151)], 2, "a task's type and name have at most 150 characters\n"),
        (
            &["--type", "T", "--at", "soon"],
            2,
            "error: invalid value 'soon' for '--at <TIME>': no time",
        ),
        (&["--type", "T", "--attempts", "0"], 2, "error: invalid value '0' for '--attempts <N>'"),
        (
            &["--type", "T", "--max-parallel", "1", "--at", "+1h"],
            2,
            "error: the argument '--max-parallel",
        ),
        (&["--name", "N"], 2, "error: the following required arguments"),
    ] {
        let said = place.run(&[&["task", "add"], arguments].concat());
        assert_eq!((said.code, said.stdout.as_str()), (code, ""), "{arguments:?}: {said:?}");
        assert!(said.stderr.starts_with(expected), "{arguments:?}: {said:?}");
    }
    assert_eq!(place.json(&["task", "list", "--json"]), json!([]));
}

#[test]
fn a_limit_is_that_of_the_option_or_of_the_type() {
    let place = Place::new();
    let limited = ["task", "add", "--type", "L", "--name", "n", "--max-parallel", "2"];
    place.run(&limited).ok();
    place.run(&limited).ok();
    let reached = "limit reached: at most 2 of L n may wait or run; it was not added\n";
    assert_eq!(place.run(&limited).all(), (1, "", reached));
    let policy = "<Setting Name=\"Daemon::SchedulerTaskWorker::TaskType###P\" Required=\"0\" Valid=\"1\"><Value><Hash>\
         <Item Key=\"MaximumParallelInstances\">1</Item><Item Key=\"Attempts\">4</Item></Hash></Value></Setting>";
    place.world.configure("policy", &[policy.to_owned()]);
    let id = place.add(&["--type", "P"]);
    assert_eq!(place.json(&["task", "show", &id, "--json"])["attempts"], json!(4));
    assert_eq!(place.run(&["task", "add", "--type", "P"]).code, 1);
    place.add(&["--type", "P", "--max-parallel", "2", "--attempts", "7"]);
    assert_eq!(place.json(&["task", "list", "--type", "P", "--json"])[1]["attempts"], json!(7));
}

#[test]
fn a_planned_task_waits_for_its_time() {
    let place = Place::new();
    let at = ["2030-01-02T03:04:05Z", "2030-01-02 03:04"];
    let ids = at.map(|at| place.add(&["--type", "T", "--at", at]));
    let list = place.json(&["task", "list", "--state", "future", "--json"]);
    let due = [0, 1].map(|index| list[index]["due"].clone());
    assert_eq!(due, [json!("2030-01-02T03:04:05Z"), json!("2030-01-01T18:04:00Z")]);
    let table = place.run(&["task", "list"]).ok().stdout;
    assert!(table.contains("due 2030-01-02 12:04:05\n"), "in the user's zone: {table}");
    let said = place.run(&["task", "explain", &ids[0]]).ok().stdout;
    assert!(said.contains("is planned for 2030-01-02 12:04:05, in "), "{said}");
    assert_eq!(place.run(&["task", "retry", &ids[0]]).code, 1);
    place.run(&["task", "cancel", &ids[0]]).ok();
    let late = place.add(&["--type", "T", "--at", "-90s"]);
    let said = place.run(&["task", "explain", &late]).ok().stdout;
    assert!(said.contains("does SchedulerFutureTaskManager run?"), "{said}");
    let left = place.json(&["task", "list", "--json"]);
    assert_eq!([&left[0]["id"], &left[1]["id"]], [&json!(ids[1]), &json!(late)]);
}

#[test]
fn held_tasks_say_why_and_what_to_do() {
    let place = Place::new();
    let due = "2030-01-02T03:04:05Z".parse().unwrap();
    let retry = place.held("one", HeldState::Retry, Some(due));
    let failed = place.held("two", HeldState::Failed, None);
    let quarantined = place.held("three", HeldState::Quarantined, None);
    let no_handler = place.held("four", HeldState::NoHandler, None);
    for (id, state, expected) in [
        (
            &retry,
            "retry",
            "failed 1 time: one went wrong.\nIt is tried again at 2030-01-02 12:04:05, in ",
        ),
        (
            &failed,
            "failed",
            "failed, and is not tried again: two went wrong.\nWhen the cause is mended, otrsd task retry ",
        ),
        (
            &quarantined,
            "quarantined",
            "is in quarantine: three went wrong.\nIt does not run by itself",
        ),
        (
            &no_handler,
            "no-handler",
            "has no handler: four went wrong.\nIt runs when one appears: set Daemon::SchedulerTaskWorker::TaskType###Held ",
        ),
    ] {
        let list = place.json(&["task", "list", "--state", state, "--json"]);
        assert_eq!((list.as_array().unwrap().len(), &list[0]["id"]), (1, &json!(id)));
        let said = place.run(&["task", "explain", id]).ok().stdout;
        assert!(said.contains(expected), "{said}");
        assert!(said.contains(" on node 2, failed: exit 3.\n"), "{said}");
        let shown = place.run(&["task", "show", id]).ok().stdout;
        assert!(
            shown.contains("error\n    exit 3\noutput\n    first line\n    second line\n"),
            "{shown}"
        );
    }
    let said = place.run(&["task", "retry", &failed, "0000000000zz", &quarantined]);
    assert_eq!(said.code, 1);
    assert_eq!(
        said.stdout,
        format!("retried {failed} (Held two)\nretried {quarantined} (Held three)\n")
    );
    assert_eq!(said.stderr, "no task 0000000000zz: it never was, or the ledger has forgotten it\n");
    assert_eq!(
        place.json(&["task", "list", "--state", "waiting", "--json"]).as_array().unwrap().len(),
        2
    );
    assert_eq!(place.run(&["task", "delete", &retry]).code, 1, "it is still to run");
    assert_eq!(place.run(&["task", "cancel", &no_handler]).code, 1, "it is not to run");
    place.run(&["task", "cancel", &retry]).ok();
    let said = format!("deleted {no_handler} (Held four)\n");
    assert_eq!(place.run(&["task", "delete", &no_handler]).all(), (0, said.as_str(), ""));
}

#[test]
fn an_id_that_means_nothing_is_refused() {
    let place = Place::new();
    for (id, code, expected) in [
        ("abc", 2, "\"abc\" is no task id: expected 12 characters"),
        ("no such task", 2, "\"no such task\" is no task id"),
        ("abcde", 1, "no task whose id begins with abcde"),
        ("0123456789ab", 1, "no task 0123456789ab: it never was"),
    ] {
        for command in ["show", "explain", "retry", "cancel", "delete"] {
            let said = place.run(&["task", command, id]);
            assert_eq!((said.code, said.stdout.as_str()), (code, ""), "{said:?}");
            assert!(said.stderr.starts_with(expected), "{said:?}");
        }
    }
    let same = [1, 2].map(|number| NewTask {
        id: task_store::TaskId::from_ident(500_000_000_000_000_000 + number),
        ..NewTask::new("T", "n", "{}")
    });
    for task in &same {
        place.add_raw(task);
    }
    let [one, two] = same.map(|task| task.id.to_string());
    let said = place.run(&["task", "show", &one[..8]]);
    let expected = format!("2 tasks' ids begin with {}: {one}, {two}\n", &one[..8]);
    assert_eq!(said.all(), (1, "", expected.as_str()));
    place.run(&["task", "show", "500000000000000001"]).ok();
}

#[test]
fn explain_says_what_a_waiting_task_waits_for() {
    let place = Place::new();
    let ids = [1, 2, 3, 4].map(|_| place.add(&["--type", "Two words", "--name", "n"]));
    let explain = |id: &str| place.run(&["task", "explain", id]).ok().stdout;
    let said = explain(&ids[3]);
    assert!(said.starts_with(&format!("{} (Two words n) waits for a worker.\n", ids[3])), "{said}");
    assert!(said.contains("No worker is registered: start the daemon"), "{said}");
    let worker = place.worker();
    let said = explain(&ids[3]);
    assert!(
        said.contains("\n3 tasks are to be taken before it.\n4 of its type and name wait or run"),
        "{said}"
    );
    assert!(!said.contains("slots"), "{said}");
    let tasks = place.claim(worker, 2);
    let said = explain(&ids[3]);
    assert!(said.contains("All 2 slots of 1 worker are taken"), "{said}");
    assert!(said.contains("\n1 task is to be taken before it.\n"), "{said}");
    assert!(explain(&ids[2]).contains("It is the next to be taken."));

    let said = explain(&ids[0]);
    assert!(said.contains("runs on node 2: host beta, process 4711, instance "), "{said}");
    assert!(said.contains("Its lock was last renewed 20"), "{said}");
    let running = place.run(&["task", "list", "--state", "running"]).ok().stdout;
    assert!(running.contains(&format!("node 2, instance {}", worker.instance())), "{running}");
    let said = place.run(&["task", "cancel", &ids[0]]);
    assert!(
        said.code == 1
            && said.stderr.contains("it is ended as soon as its worker reads the request"),
        "{said:?}"
    );

    let resume = "otrsd worker resume --type 'Two words' --node 2 ends that.\n";
    place.run(&["worker", "pause", "--type", "Two words", "--node", "2"]).ok();
    let said = explain(&ids[2]);
    assert!(
        said.contains("No tasks of its type are taken on node 2 since ") && said.contains(resume),
        "{said}"
    );
    place.copied();
    let said = explain(&ids[2]);
    assert!(said.contains("The database remembers elsewhere and not "), "{said}");

    place.end(worker, &tasks[0], Outcome::Success, None, Then::Delete);
    let said = explain(&ids[0]);
    assert!(
        said.starts_with(&format!("{} (Two words n) is done.\nIts last execution ended ", ids[0])),
        "{said}"
    );
    place.wait(place.store.unregister(worker)).unwrap();
    let said = explain(&ids[1]);
    assert!(said.contains("of node 2, which is not registered any more.\n"), "{said}");
}

#[test]
fn a_pause_keeps_workers_from_taking() {
    let place = Place::new();
    for task_type in ["A", "B"] {
        place.add(&["--type", task_type]);
    }
    let worker = place.worker();
    let said = place.run(&["worker", "pause", "--type", "A"]);
    assert_eq!(said.all(), (0, "paused: tasks of type A on all nodes\n", ""));
    place.run(&["worker", "pause", "--node", "3"]).ok();
    let taken: Vec<_> = place.claim(worker, 9).into_iter().map(|task| task.task_type).collect();
    assert_eq!(taken, ["B"]);
    let said = place.run(&["worker", "resume", "--type", "A"]);
    let expected = "resumed: tasks of type A on all nodes\nstill paused: all tasks on node 3\n";
    assert_eq!(said.all(), (0, expected, ""));
    assert_eq!(place.claim(worker, 9).len(), 1);
    place.run(&["worker", "resume", "--node", "3"]).ok();
    let said = place.run(&["worker", "resume", "--node", "all"]);
    assert_eq!(said.all(), (0, "was not paused: all tasks on all nodes\n", ""));
    for bad in ["0", "1000", "some"] {
        assert_eq!(place.run(&["worker", "pause", "--node", bad]).code, 2);
    }
}

#[test]
fn waiting_ends_with_the_task() {
    for (outcome, hold, code, expected) in [
        (Outcome::Success, None, 0, "succeeded on node 2 after 0.000s\n"),
        (Outcome::Cancelled, None, 1, " ended, cancelled: exit 3\n"),
        (Outcome::Failed, None, 1, " ended, failed: exit 3\n"),
        (Outcome::Failed, Some(HeldState::Failed), 1, " failed: no such picture\n"),
        (
            Outcome::Failed,
            Some(HeldState::NoHandler),
            1,
            " is held, no-handler: no such picture; see otrsd task explain ",
        ),
    ] {
        let place = Place::new();
        let worker = place.worker();
        let mut command = place.command(&["task", "add", "--type", "T", "--wait"]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let task = wait_until("the task", || place.claim(worker, 1).pop());
        let then = hold.map_or(Then::Delete, |state| {
            Then::Hold(task_store::Hold { state, due: None, reason: "no such picture".into() })
        });
        let error = Some("exit 3").filter(|_| outcome != Outcome::Success);
        place.end(worker, &task, outcome, error, then);
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert_eq!(output.status.code(), Some(code), "{text}");
        assert!(text.starts_with(&format!("{}\n", task.id)) && text.contains(expected), "{text}");
        assert!(text.contains("\nfirst line\nsecond line\n"), "what it printed: {text}");
        assert!(!text.contains('\u{1b}'), "no terminal, no progress: {text}");
    }
}

#[test]
fn waiting_goes_on_through_retries_and_shows_itself_on_a_terminal() {
    let place = Place::new();
    let worker = place.worker();
    let line = format!("{} task add --type T --wait", place.world.program.display());
    let mut command = place.world.command("script");
    command.args(["-qec", &line, "/dev/null"]).env("TERM", "xterm");
    place.world.spawn(command);
    let shows = |text: &str| {
        wait_until(text, || place.world.read("out").contains(text).then_some(()));
    };
    shows("\r\u{1b}[K| waiting · ");
    let task = place.claim(worker, 1).remove(0);
    shows(" running: node 2, instance ");
    let hold =
        task_store::Hold { state: HeldState::Retry, due: Some(now()), reason: "not yet".into() };
    place.end(worker, &task, Outcome::Failed, Some("exit 75"), Then::Hold(hold));
    shows(" not done yet (not yet); next attempt ");
    place.run(&["task", "retry", &task.id.to_string()]).ok();
    let task = place.claim(worker, 1).remove(0);
    place.end(worker, &task, Outcome::Success, None, Then::Delete);
    assert_eq!(place.world.exit_code(), Some(0));
    let out = place.world.read("out");
    assert!(
        out.contains("\r\u{1b}[Kfirst line\r\nsecond line\r\nsucceeded on node 2 after "),
        "{out}"
    );
}

#[test]
fn waiting_for_nobody_is_said() {
    let place = Place::new();
    let command = place.command(&["task", "add", "--type", "T", "--wait"]);
    place.world.spawn(command);
    wait_until("the note", || {
        place
            .world
            .read("err")
            .contains("no worker is running; the task waits for one")
            .then_some(())
    });
    let id = place.world.read("out").trim().to_owned();
    place.run(&["task", "cancel", &id]).ok();
    assert_eq!(place.world.exit_code(), Some(1));
}

#[test]
fn a_purge_ends_what_is_older() {
    let place = Place::new();
    for task_type in ["A", "A", "B"] {
        place.add(&["--type", task_type]);
    }
    let said = place.run(&["task", "purge", "--type", "A", "--before", "-1h"]).ok().stdout;
    assert!(said.starts_with("0 waiting tasks of type A enqueued before "), "{said}");
    let said = place.run(&["task", "purge", "--type", "A", "--before", "+1m"]).ok().stdout;
    assert!(said.starts_with("2 waiting tasks of type A"), "{said}");
    let left = place.json(&["task", "list", "--json"]);
    assert_eq!((left.as_array().unwrap().len(), &left[0]["type"]), (1, &json!("B")));
    let done = place.json(&["task", "list", "--state", "done", "--type", "A", "--json"]);
    assert_eq!(done.as_array().unwrap().len(), 2);
    assert_eq!(
        place.run(&["task", "purge", "--type", "B", "--before", "1h"]).code,
        2,
        "before or after?"
    );
}

#[test]
fn what_others_wrote_cannot_harm_a_terminal() {
    let place = Place::new();
    place.add_raw(&NewTask::new("T\u{1b}[2J", "two\nlines", "no JSON"));
    let list = place.run(&["task", "list"]).ok().stdout;
    assert!(list.contains("T\\u{1b}[2J  two\\nlines") && !list.contains('\u{1b}'), "{list}");
    let id = place.json(&["task", "list", "--json"])[0]["id"].as_str().unwrap().to_owned();
    let shown = place.run(&["task", "show", &id]).ok().stdout;
    assert!(
        shown.contains("data\n    cannot be read: the payload is neither JSON nor base64"),
        "{shown}"
    );
    assert!(!shown.contains('\u{1b}'));
    assert!(place.json(&["task", "show", &id, "--json"])["data_error"].is_string());
}

#[test]
fn a_long_list_is_one_array_and_ends_when_nobody_reads() {
    let place = Place::new();
    let many: Vec<_> =
        (0..2500).map(|number| NewTask::new("T", number.to_string(), "{}")).collect();
    place.wait(place.store.enqueue_many(&many, now())).unwrap();
    assert_eq!(place.json(&["task", "list", "--json"]).as_array().unwrap().len(), 2500);
    let mut shell = place.world.command("sh");
    shell.args(["-c", &format!("{} task list | head -n 1", place.world.program.display())]);
    let said = finish(shell).ok();
    assert!(said.stdout.starts_with("id ") && said.stderr.is_empty(), "{said:?}");
    let one = many[2499].id.to_string();
    place.run(&["task", "show", &one[..11]]).ok();
}

#[test]
fn without_a_database_the_exit_code_says_so() {
    let place = Place::bare(crate::databases::Kind::Sqlite);
    let file = place.world.text("state/tasks.db");
    let said = place.run(&["task", "list"]);
    let expected = format!(
        "there is no database yet: {file}; otrsd db migrate makes it, so does the daemon's worker\n"
    );
    assert_eq!(said.all(), (4, "", expected.as_str()));
    place.world.configure("10-modules", &[registered(WORKER)]);
    let summary = place.run(&["summary", "SchedulerTaskWorker"]);
    let expected = format!("SchedulerTaskWorker has no summary: {expected}");
    assert_eq!((summary.code, summary.stderr.as_str()), (1, expected.as_str()));
    assert!(!place.world.path("state").exists(), "looking makes nothing");
    for (url, code, expected) in [
        (
            "postgres://u:secret@127.0.0.1:1/x",
            4,
            "database postgres://127.0.0.1:1/x (setting DatabaseURL, ",
        ),
        ("oracle://u:secret@host/x", 3, "oracle://host/x (setting DatabaseURL, "),
    ] {
        place.world.configure("database", &[setting("DatabaseURL", url)]);
        let said = place.run(&["task", "list"]);
        assert_eq!((said.code, said.stdout.as_str()), (code, ""), "{said:?}");
        assert!(said.stderr.starts_with(expected) && !said.stderr.contains("secret"), "{said:?}");
    }
}

#[test]
fn all_of_a_state_are_retried_at_once() {
    let place = Place::new();
    for name in ["one", "two", "three"] {
        place.held(name, HeldState::Failed, None);
    }
    place.held("dangerous", HeldState::Quarantined, None);
    let retry = |arguments: &[&str]| place.run(&[&["task", "retry"], arguments].concat());
    assert_eq!(retry(&[]).code, 2, "neither an id nor which ones");
    assert_eq!(retry(&["--type", "Other"]).ok().stdout, "0 failed tasks of type Other retried\n");
    assert_eq!(retry(&["--type", "Held"]).ok().stdout, "3 failed tasks of type Held retried\n");
    assert_eq!(retry(&["--state", "quarantined"]).ok().stdout, "1 quarantined tasks retried\n");
    let waiting = place.json(&["task", "list", "--state", "waiting", "--json"]);
    assert_eq!(waiting.as_array().unwrap().len(), 4);
}
