//! Two nodes on one database: what one cannot finish, the other does, and never both at the same time.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use task_store::{Outcome, TaskId};

use crate::{
    door::Door,
    harness::{World, signal, wait_until},
    tasks::{Database, Tasks, WORKER, on_each_database, shell},
};

on_each_database! {
    a_killed_nodes_task_runs_on_another
}

const CONTINUE: (&str, &str) = ("OnLeaseLost", "continue");

/// Takes time on the first node only, and says so if it meets another of its kind.
fn exclusive(directory: &str) -> String {
    let script = format!(
        "flock -n -E 99 {directory}/lock sh -c '[ -e \"$HOME/first\" ] && exec sleep 3611; true'; \
         [ $? != 99 ] || echo twice >>{directory}/twice"
    );
    shell("Exclusive", &script, &[])
}

/// Node 2 runs the task, reaching the database by `url`; then node 1 runs too.
fn two_nodes(tasks: &Tasks, types: &[String], url: &str) -> (World, TaskId) {
    let first = Tasks::another_node(url, types);
    first.file("first", "");
    first.start();
    first.running(WORKER);
    let id = tasks.add_of("Exclusive", "one");
    first.process("sleep 3611");
    tasks.world.start();
    tasks.world.running(WORKER);
    wait_until("two workers", || {
        (tasks.block(tasks.store().instances()).unwrap().len() == 2).then_some(())
    });
    (first, id)
}

fn a_killed_nodes_task_runs_on_another(database: Database) {
    let tasks = Tasks::new(database, &[]);
    let types = [exclusive(&tasks.world.text(""))];
    tasks.world.configure("30-types", &types);
    tasks.world.otrsd(&["db", "migrate"]).ok();
    let (first, id) = two_nodes(&tasks, &types, &tasks.url.clone());
    // The power fails: nobody is left to say anything, or to see another die first.
    let all = first.processes();
    for how in [Signal::SIGSTOP, Signal::SIGKILL] {
        for (pid, _) in &all {
            signal(*pid, how);
        }
    }
    let killed = Instant::now();
    let all = tasks.ran(id, 2);
    eprintln!("{database:?}: on another node after {:?}", killed.elapsed());
    assert!(killed.elapsed() < Duration::from_secs(20), "{:?}", killed.elapsed());
    assert_eq!((all[1].outcome, all[1].node), (Outcome::Success, 1));
    assert_eq!(tasks.world.read("twice"), "");
}

#[test]
fn a_node_cut_off_from_postgres_lets_go() {
    a_node_that_is_cut_off_lets_go(Database::Postgres);
}

#[test]
fn a_node_cut_off_from_mariadb_lets_go() {
    a_node_that_is_cut_off_lets_go(Database::MariaDb);
}

fn a_node_that_is_cut_off_lets_go(database: Database) {
    let tasks = Tasks::new(database, &[]);
    let types = [exclusive(&tasks.world.text(""))];
    tasks.world.configure("30-types", &types);
    tasks.world.otrsd(&["db", "migrate"]).ok();
    let (door, url) = Door::before(&tasks.url);
    let (first, id) = two_nodes(&tasks, &types, &url);
    door.close();
    wait_until("the end of what it ran", || {
        let processes = first.processes();
        (!processes.iter().any(|(_, line)| line.contains("sleep 3611"))).then_some(())
    });
    let all = tasks.ran(id, 2);
    assert_eq!((all[1].outcome, all[1].node), (Outcome::Success, 1));
    assert_eq!(tasks.world.read("twice"), "", "it ran twice at the same time");
    // Back again, it works on.
    door.open();
    tasks.world.otrsd(&["stop"]).ok();
    std::fs::remove_file(first.path("first")).unwrap();
    let next = tasks.succeeds(tasks.add_of("Exclusive", "two"));
    assert_eq!(next.node, 2);
}

#[test]
fn what_goes_on_without_postgres_is_left_alone() {
    what_goes_on_is_left_alone(Database::Postgres);
}

#[test]
fn what_goes_on_without_mariadb_is_left_alone() {
    what_goes_on_is_left_alone(Database::MariaDb);
}

/// Beside a task that the other node takes, one with `OnLeaseLost` continue runs through.
fn what_goes_on_is_left_alone(database: Database) {
    let tasks = Tasks::new(database, &[]);
    let script = "echo begun >>$0/begun; while [ ! -e $0/end ]; do sleep 0.1; done";
    let patient = shell("Patient", &script.replace("$0", &tasks.world.text("")), &[CONTINUE]);
    let types = [exclusive(&tasks.world.text("")), patient];
    tasks.world.configure("30-types", &types);
    tasks.world.otrsd(&["db", "migrate"]).ok();
    let (door, url) = Door::before(&tasks.url);
    let (first, taken) = two_nodes(&tasks, &types, &url);
    tasks.world.otrsd(&["worker", "pause", "--type", "Patient", "--node", "1"]).ok();
    let patient = tasks.add_of("Patient", "one");
    wait_until("its beginning", || tasks.world.path("begun").exists().then_some(()));
    door.close();
    let all = tasks.ran(taken, 2);
    assert_eq!((all[1].outcome, all[1].node), (Outcome::Success, 1));
    first.process("while [ ! -e");
    tasks.world.otrsd(&["worker", "resume", "--type", "Patient", "--node", "1"]).ok();
    door.open();
    // The next life works beside the one that lost its lease.
    std::fs::remove_file(first.path("first")).unwrap();
    tasks.world.otrsd(&["stop"]).ok();
    assert_eq!(tasks.succeeds(tasks.add_of("Exclusive", "two")).node, 2);
    tasks.world.file("end", "");
    let execution = tasks.outcome(patient);
    assert_eq!((execution.outcome, execution.node), (Outcome::Success, 2));
    assert_eq!(tasks.world.read("begun"), "begun\n");
}
