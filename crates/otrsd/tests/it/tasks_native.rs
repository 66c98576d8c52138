//! Tasks that are run by functions of the program, in the worker's process.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use task_store::{HeldState, NewTask, Outcome, State};

use crate::{
    harness::{gone, signal, wait_until},
    registration::module,
    tasks::{Database, Tasks, WORKER, on_each_database, policy, shell},
};

on_each_database! {
    a_function_gets_its_task
    ends_are_what_the_function_says
    a_function_adds_the_next_task
    a_module_adds_a_task
    who_aborts_alone_is_quarantined
    who_died_together_runs_alone
    a_stop_interrupts
    who_waits_in_line_is_for_others
}

fn a_function_gets_its_task(database: Database) {
    let tasks = Tasks::native(database, &[]);
    tasks.start();
    let id = tasks.add(&NewTask::new("Say", "a name", r#"{"a":[1,"ü"]}"#));
    let execution = tasks.succeeds(id);
    let expected = format!("{id} Say 'a name' try 1\n{{\"a\":[1,\"ü\"]}}\n");
    assert_eq!(execution.output, Some(expected));
    assert_eq!((execution.error, execution.peak_memory), (None, None));
    let burned = tasks.succeeds(tasks.add_of("Burn", "one")).cpu.unwrap();
    assert!(burned > Duration::from_millis(5), "{burned:?}");
    assert!(execution.cpu.unwrap() < burned, "{:?}", execution.cpu);
}

fn ends_are_what_the_function_says(database: Database) {
    let types = [policy("End", &[("RetryDelay", "3600"), ("Attempts", "2")])];
    let tasks = Tasks::native(database, &types);
    tasks.start();
    for (name, state, reason) in [
        ("failed", HeldState::Retry, "no such customer"),
        ("later", HeldState::Retry, "not yet"),
        ("never", HeldState::Failed, "no PDF"),
        ("error", HeldState::Retry, "cannot read\u{fffd}: No such file or directory (os error 2)"),
    ] {
        let id = tasks.add_of("End", name);
        assert_eq!(tasks.held(id, state).reason, reason, "{name}");
        let execution = tasks.outcome(id);
        let expected = if name == "later" { Outcome::Postponed } else { Outcome::Failed };
        assert_eq!(execution.outcome, expected);
        assert_eq!(execution.output.is_some(), name == "error");
    }
    let worker = tasks.world.running(WORKER);
    let reason = tasks.held(tasks.add_of("End", "panic"), HeldState::Retry).reason;
    assert!(reason.starts_with("panicked at ") && reason.ends_with(": told to panic"), "{reason}");
    assert!(reason.contains("handlers_for_tests.rs:"), "{reason}");
    assert_eq!(tasks.world.running(WORKER), worker, "a panic ends no process");
}

fn a_function_adds_the_next_task(database: Database) {
    let tasks = Tasks::native(database, &[]);
    tasks.start();
    let output = tasks.succeeds(tasks.add_of("Follow", "one")).output.unwrap();
    let next = output.trim().parse().unwrap();
    assert!(tasks.succeeds(next).output.unwrap().contains("Say 'one'"));
}

fn a_module_adds_a_task(database: Database) {
    let tasks = Tasks::native(database, &[]);
    tasks.world.configure("40-adder", &[module("Adder").key("Module", "Test::Adder").xml()]);
    tasks.start();
    wait_until("the task's success", || {
        let done = tasks.block(tasks.store().done("Say", "by a module", None, 1)).unwrap();
        done.first().filter(|(_, it)| it.outcome == Outcome::Success).map(drop)
    });
}

/// Short tasks are claimed ahead. Those that long ones hold up then are free for another node.
fn who_waits_in_line_is_for_others(database: Database) {
    let tasks = Tasks::native(database, &[]);
    tasks.start();
    let slots = tasks.block(tasks.store().instances()).unwrap()[0].slots;
    let short = |_| NewTask::new("Say", "short", "{}");
    let long = |_| NewTask::new("Wait", "gate", "{}");
    let new: Vec<NewTask> =
        (0..400).map(short).chain((0..slots).map(long)).chain((0..400).map(short)).collect();
    tasks.block(tasks.store().enqueue_many(&new, jiff::Timestamp::now())).unwrap();
    wait_until("free tasks behind the long ones", || {
        let counts = [State::Running, State::Waiting].map(|state| tasks.count(state));
        (counts == [slots as usize, 400]).then_some(())
    });
    let other = Tasks::another_node(&tasks.url, &[shell("Say", "true", &[])]);
    other.start();
    wait_until("the other node to run them", || (tasks.count(State::Waiting) == 0).then_some(()));
    assert_eq!(tasks.succeeds(new[800].id).node, 2);
    tasks.world.file("gate", "");
    tasks.succeeds(new[400].id);
}

fn who_aborts_alone_is_quarantined(database: Database) {
    let types = [policy("Abort", &[])];
    let tasks = Tasks::native(database, &types);
    tasks.world.file("now", "");
    tasks.start();
    let id = tasks.add_of("Abort", "now");
    assert!(tasks.held(id, HeldState::Quarantined).reason.contains("3 times"));
    let outcomes: Vec<_> = tasks.executions(id).iter().map(|it| it.outcome).collect();
    assert_eq!(outcomes, [Outcome::Crashed; 3]);
    // A human looks first.
    tasks.world.configure("30-types", &[policy("Abort", &[("OnCrash", "keep")])]);
    let worker = tasks.world.running(WORKER);
    tasks.world.otrsd(&["reload"]).ok();
    tasks.world.running_anew(WORKER, worker);
    let kept = tasks.add_of("Abort", "now");
    tasks.held(kept, HeldState::Failed);
    assert_eq!(tasks.executions(kept).len(), 1);
}

fn who_died_together_runs_alone(database: Database) {
    let types = [shell("Echo", "true", &[])];
    let tasks = Tasks::native(database, &types);
    tasks.start();
    let good = tasks.add_of("Wait", "good");
    let bad = tasks.add_of("Abort", "bad");
    let has_begun = |name: &str| {
        let file = tasks.world.path(&format!("{name}.begun"));
        wait_until(name, || file.exists().then_some(()));
        std::fs::remove_file(file).unwrap();
    };
    has_begun("good");
    has_begun("bad");
    tasks.world.file("bad", "");
    for id in [good, bad] {
        assert_eq!(tasks.outcome(id).outcome, Outcome::CrashedTogether);
    }
    // The first of them is alone now: commands go on, functions wait.
    has_begun("good");
    let other = tasks.add_of("Say", "other");
    tasks.succeeds(tasks.add_of("Echo", "command"));
    for id in [other, bad] {
        assert_eq!(tasks.get(id).unwrap().state, State::Waiting);
    }
    tasks.world.file("good", "");
    tasks.held(bad, HeldState::Quarantined);
    tasks.succeeds(other);
    let outcomes = |id| tasks.executions(id).iter().map(|it| it.outcome).collect::<Vec<_>>();
    assert_eq!(outcomes(good), [Outcome::CrashedTogether, Outcome::Success]);
    let crashes = [Outcome::CrashedTogether, Outcome::Crashed, Outcome::Crashed, Outcome::Crashed];
    assert_eq!(outcomes(bad), crashes);
}

fn a_stop_interrupts(database: Database) {
    let tasks = Tasks::native(database, &[]);
    tasks.start();
    let polite = tasks.add_of("Polite", "one");
    let wait = tasks.add_of("Wait", "never");
    wait_until("both", || (tasks.count(State::Running) == 2).then_some(()));
    tasks.world.otrsd(&["stop"]).ok();
    for (id, output) in [(polite, Some("begun\ntold\n")), (wait, None)] {
        let execution = tasks.outcome(id);
        assert_eq!(execution.outcome, Outcome::Interrupted);
        assert_eq!(execution.output.as_deref(), output);
        assert_eq!(tasks.get(id).unwrap().state, State::Waiting);
    }
    assert!(tasks.block(tasks.store().instances()).unwrap().is_empty());
}

#[test]
fn a_timeout_drops_who_does_not_hear() {
    let types = [policy("Polite", &[("Timeout", "0.5")]), policy("Deaf", &[("Timeout", "0.5")])];
    let tasks = Tasks::native(Database::Sqlite, &types);
    tasks.start();
    let worker = tasks.world.running(WORKER);
    let begin = Instant::now();
    let (polite, deaf) = (tasks.add_of("Polite", "one"), tasks.add_of("Deaf", "one"));
    let execution = tasks.outcome(polite);
    assert!(begin.elapsed() < Duration::from_secs(4), "{:?}", begin.elapsed());
    assert_eq!(execution.outcome, Outcome::TimedOut);
    assert_eq!(execution.error.as_deref(), Some("took longer than 500ms"));
    assert_eq!(execution.output.as_deref(), Some("begun\ntold\n"));
    assert_eq!(tasks.outcome(deaf).outcome, Outcome::TimedOut);
    assert!(begin.elapsed() > Duration::from_secs(5), "it had time to end by itself");
    tasks.held(deaf, HeldState::Failed);
    tasks.succeeds(tasks.add_of("Say", "one"));
    assert_eq!(tasks.world.running(WORKER), worker, "nobody is stuck");
}

#[test]
fn who_blocks_for_ever_costs_the_process() {
    let types = [policy("Block", &[("Timeout", "0.5")])];
    let tasks = Tasks::native(Database::Sqlite, &types);
    tasks.start();
    let worker = tasks.world.running(WORKER);
    let id = tasks.add_of("Block", "one");
    tasks.succeeds(tasks.add_of("Say", "beside it"));
    let execution = tasks.outcome(id);
    assert_eq!((execution.outcome, execution.cpu), (Outcome::TimedOut, None));
    tasks.world.running_anew(WORKER, worker);
    gone(worker);
    tasks.held(id, HeldState::Failed);
    let log = tasks.world.worker_log();
    assert!(log.contains(&format!("task {id} 'one': the function of type 'Block'")), "{log}");
    tasks.succeeds(tasks.add_of("Say", "after it"));
}

#[test]
fn settings_go_before_functions() {
    let types = [shell("Say", "echo by a command", &[]), policy("Wait", &[("Attempts", "many")])];
    let tasks = Tasks::native(Database::Sqlite, &types);
    let said = tasks.world.otrsd(&["check"]);
    assert!(
        said.code == 3 && said.stdout.contains("TaskType###Wait: 'Attempts' must be"),
        "{said:?}"
    );
    tasks.start();
    let command = tasks.add_of("Say", "one");
    let wrong = tasks.add_of("Wait", "one");
    assert_eq!(tasks.succeeds(command).output.as_deref(), Some("by a command\n"));
    tasks.held(wrong, HeldState::NoHandler);
    tasks.world.configure("30-types", &[]);
    tasks.world.otrsd(&["reload"]).ok();
    tasks.world.file("one", "");
    tasks.succeeds(wrong);
}

#[test]
fn a_killed_workers_functions_run_again() {
    let tasks = Tasks::native(Database::Sqlite, &[]);
    tasks.start();
    let id = tasks.add_of("Wait", "go");
    wait_until("its begin", || tasks.world.path("go.begun").exists().then_some(()));
    signal(tasks.world.running(WORKER), Signal::SIGKILL);
    tasks.world.file("go", "");
    let all = tasks.ran(id, 2);
    assert_eq!((all[0].outcome, all[1].outcome), (Outcome::Crashed, Outcome::Success));
}
