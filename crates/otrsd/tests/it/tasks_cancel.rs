//! Running tasks that are cancelled from the command line, on whatever node.

use jiff::Timestamp;
use nix::sys::signal::Signal;
use task_store::{NewTask, Outcome};

use crate::{
    harness::{signal, wait_until},
    tasks::{Database, Tasks, WORKER, on_each_database, shell},
};

on_each_database! {
    a_running_task_ends
    one_that_ignores_term_ends
    one_whose_worker_died_does_not_begin_again
}

fn a_running_task_ends(database: Database) {
    let types = [shell("Long", "echo begun; exec sleep 3620", &[]), shell("Brief", "true", &[])];
    let tasks = Tasks::new(database, &types);
    tasks.start();
    let id = tasks.add_of("Long", "one");
    tasks.world.process("sleep 3620");
    let said = tasks.world.otrsd(&["task", "cancel", &id.to_string()]).ok();
    assert_eq!(said.stdout, format!("cancelled {id} (Long one)\n"));
    let execution = tasks.outcome(id);
    assert_eq!(execution.outcome, Outcome::Cancelled);
    assert!(execution.error.unwrap().starts_with("cancelled on the command line by "));
    assert_eq!(execution.output.as_deref(), Some("begun\n"));
    assert_eq!(tasks.get(id), None);
    assert!(tasks.block(tasks.store().cancel_requests()).unwrap().is_empty());
    tasks.succeeds(tasks.add_of("Brief", "after it"));
}

fn one_that_ignores_term_ends(database: Database) {
    let script = "trap '' TERM; echo deaf; while :; do sleep 0.1; done";
    let tasks = Tasks::new(database, &[shell("Deaf", script, &[])]);
    tasks.start();
    let mut task = NewTask::new("Deaf", "one", "{}");
    task.attempts = 9;
    let id = tasks.add(&task);
    tasks.world.process("while :; do");
    tasks.world.otrsd(&["task", "cancel", &id.to_string()]).ok();
    assert_eq!(tasks.outcome(id).outcome, Outcome::Cancelled);
    assert_eq!(tasks.get(id), None);
}

fn one_whose_worker_died_does_not_begin_again(database: Database) {
    let types = [shell("Long", "echo begun >>\"$HOME/begun\"; exec sleep 3621", &[])];
    let tasks = Tasks::new(database, &types);
    tasks.start();
    let worker = tasks.world.running(WORKER);
    let id = tasks.add_of("Long", "one");
    wait_until("its beginning", || (tasks.world.read("begun") == "begun\n").then_some(()));
    // It can neither hear of the request nor end the task.
    signal(worker, Signal::SIGSTOP);
    tasks.block(tasks.store().request_cancel(id, "root", Timestamp::now())).unwrap();
    signal(worker, Signal::SIGKILL);
    tasks.world.running_anew(WORKER, worker);
    let outcomes: Vec<_> = tasks.ran(id, 2).iter().map(|it| it.outcome).collect();
    assert_eq!(outcomes, [Outcome::Interrupted, Outcome::Cancelled]);
    assert_eq!(tasks.get(id), None);
    assert_eq!(tasks.world.read("begun"), "begun\n");
    assert!(tasks.block(tasks.store().cancel_requests()).unwrap().is_empty());
}
