//! A worker's life that ends, and the next one beside it: nothing that runs is cut, and claiming goes on.

use nix::sys::signal::Signal;
use task_store::{Outcome, State, TaskId};

use crate::{
    harness::{World, is_alive, setting, signal, wait_until},
    tasks::{Database, Tasks, WORKER, on_each_database, shell},
    upgrade::replace,
};

on_each_database! {
    a_reload_cuts_nothing
    a_restart_cuts_nothing
    an_upgrade_cuts_nothing
    slots_count_for_the_node
    a_stop_ends_what_drains
    what_a_killed_elder_had_runs_again
    a_frozen_worker_is_killed_before_others_begin
}

/// Runs until the world has a file `go`.
fn long() -> String {
    shell("Long", "echo begun; until [ -e \"$HOME/go\" ]; do sleep 0.05; done; echo ended", &[])
}

fn brief(number: u32) -> String {
    shell("Brief", &format!("echo {number}"), &[])
}

/// A daemon whose worker runs a long task; the worker's process and the task.
fn with_a_long_task(world: World, database: Database, slots: &str) -> (Tasks, i32, TaskId) {
    let tasks = Tasks::of(world, database, &[long(), brief(1)]);
    let slots = setting("Daemon::SchedulerTaskWorker::MaximumWorkers", slots);
    tasks.world.configure("40-slots", &[slots]);
    tasks.start();
    let elder = tasks.world.running(WORKER);
    let id = tasks.add_of("Long", "one");
    tasks.world.process("until [ -e");
    (tasks, elder, id)
}

/// The next life works while the elder ends what it began; then the elder is gone.
fn works_beside(tasks: &Tasks, elder: i32, long: TaskId) {
    tasks.world.running_anew(WORKER, elder);
    let waits = format!("its predecessor (PID {elder}) waits for 1 task: {long} (Long one)");
    wait_until("the elder's last words", || {
        tasks.world.otrsd(&["status"]).ok().stdout.contains(&waits).then_some(())
    });
    tasks.succeeds(tasks.add_of("Brief", "beside"));
    assert!(is_alive(elder), "the elder was cut");
    assert_eq!(tasks.get(long).unwrap().state, State::Running);
    tasks.world.file("go", "");
    assert_eq!(tasks.succeeds(long).output.as_deref(), Some("begun\nended\n"));
    assert_eq!(tasks.executions(long).len(), 1);
    wait_until("the elder's end", || (!is_alive(elder)).then_some(()));
    assert_eq!(tasks.block(tasks.store().instances()).unwrap().len(), 1);
}

fn a_reload_cuts_nothing(database: Database) {
    let (tasks, elder, long_id) = with_a_long_task(World::stock(), database, "5");
    tasks.world.configure("30-types", &[long(), brief(2)]);
    tasks.world.otrsd(&["reload"]).ok();
    works_beside(&tasks, elder, long_id);
}

fn a_restart_cuts_nothing(database: Database) {
    let (tasks, elder, long_id) = with_a_long_task(World::stock(), database, "5");
    tasks.world.otrsd(&["restart", WORKER]).ok();
    works_beside(&tasks, elder, long_id);
}

fn an_upgrade_cuts_nothing(database: Database) {
    let world = World::stock().with_own_program();
    let (tasks, elder, long_id) = with_a_long_task(world, database, "5");
    replace(&tasks.world);
    tasks.world.otrsd(&["reload"]).ok();
    works_beside(&tasks, elder, long_id);
}

fn slots_count_for_the_node(database: Database) {
    let (tasks, elder, long_id) = with_a_long_task(World::stock(), database, "1");
    tasks.world.otrsd(&["restart", WORKER]).ok();
    let brief = tasks.add_of("Brief", "one");
    wait_until("both lives", || {
        (tasks.block(tasks.store().instances()).unwrap().len() == 2).then_some(())
    });
    assert!(is_alive(elder));
    tasks.world.file("go", "");
    let long = tasks.succeeds(long_id);
    let brief = tasks.succeeds(brief);
    assert!(brief.started >= long.ended, "{brief:#?} beside {long:#?}");
}

fn a_stop_ends_what_drains(database: Database) {
    let (tasks, elder, long_id) = with_a_long_task(World::stock(), database, "5");
    tasks.world.otrsd(&["restart", WORKER]).ok();
    let stopped = tasks.world.otrsd(&["stop"]).ok();
    assert!(stopped.stdout.contains(&format!("waiting for {WORKER} (PID {elder})")), "{stopped:?}");
    let waits = format!("{WORKER} waits for 1 task: {long_id} (Long one)");
    assert!(stopped.stdout.contains(&waits), "{stopped:?}");
    assert_eq!(tasks.outcome(long_id).outcome, Outcome::Interrupted);
    assert_eq!(tasks.get(long_id).unwrap().state, State::Waiting);
    assert!(tasks.block(tasks.store().instances()).unwrap().is_empty());
    tasks.world.deserted();
}

fn what_a_killed_elder_had_runs_again(database: Database) {
    let (tasks, elder, long_id) = with_a_long_task(World::stock(), database, "5");
    tasks.world.otrsd(&["restart", WORKER]).ok();
    tasks.succeeds(tasks.add_of("Brief", "beside"));
    tasks.world.file("go", "");
    signal(elder, Signal::SIGKILL);
    let all = tasks.ran(long_id, 2);
    assert_ne!(all[0].outcome, Outcome::Success);
    assert_eq!(all[1].outcome, Outcome::Success);
}

/// A worker that is stopped cannot end its handlers before others take its tasks: the supervisor does.
fn a_frozen_worker_is_killed_before_others_begin(database: Database) {
    let (tasks, elder, long_id) = with_a_long_task(World::stock(), database, "5");
    let handler = tasks.world.process("until [ -e");
    signal(elder, Signal::SIGSTOP);
    tasks.world.running_anew(WORKER, elder);
    assert!(!is_alive(handler), "its handler goes on");
    tasks.world.file("go", "");
    assert_eq!(tasks.ran(long_id, 2)[1].outcome, Outcome::Success);
    let exit = tasks.world.status().module(WORKER).last_exit.clone().unwrap();
    assert_eq!(exit.reason, "its lease was not renewed", "{exit:?}");
}
