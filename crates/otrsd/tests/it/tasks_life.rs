//! Workers that die, stop, and come back.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use task_store::{Outcome, State};

use crate::{
    harness::{signal, wait_until},
    tasks::{Database, Tasks, WORKER, on_each_database, shell},
};

on_each_database! {
    a_killed_workers_task_runs_again_at_once
    what_runs_may_end_at_a_stop
    what_does_not_end_is_free_again
    a_forced_stop_frees_what_runs
    the_deaths_of_its_worker_are_not_its_fault
    a_discard_ends_what_it_began
    pauses_are_honoured
}

fn a_killed_workers_task_runs_again_at_once(database: Database) {
    let script = "[ -e second ] && exit 0; exec sleep 3606";
    let types = [shell("Long", &format!("cd \"$HOME\"; {script}"), &[])];
    let tasks = Tasks::new(database, &types);
    tasks.start();
    let id = tasks.add_of("Long", "one");
    tasks.world.process("sleep 3606");
    tasks.world.file("second", "");
    let killed = Instant::now();
    signal(tasks.world.running(WORKER), Signal::SIGKILL);
    let all = tasks.ran(id, 2);
    eprintln!("{database:?}: again after {:?}", killed.elapsed());
    assert_eq!((all[0].outcome, all[1].outcome), (Outcome::Interrupted, Outcome::Success));
    assert!(killed.elapsed() < Duration::from_secs(2), "{:?}", killed.elapsed());
    let left: Vec<_> =
        tasks.world.processes().into_iter().filter(|(_, line)| line.contains("3606")).collect();
    assert!(left.is_empty(), "{left:?}");
}

fn the_deaths_of_its_worker_are_not_its_fault(database: Database) {
    let types = [shell("Long", "[ -e \"$HOME/go\" ] && exit 0; exec sleep 3608", &[])];
    let tasks = Tasks::new(database, &types);
    tasks.start();
    let id = tasks.add_of("Long", "one");
    for times in 1..=4 {
        tasks.world.process("sleep 3608");
        signal(tasks.world.running(WORKER), Signal::SIGKILL);
        assert_eq!(tasks.ran(id, times)[times - 1].outcome, Outcome::Interrupted);
    }
    let last = tasks.world.process("sleep 3608");
    tasks.world.file("go", "");
    signal(last, Signal::SIGKILL);
    let outcomes: Vec<_> = tasks.ran(id, 6)[4..].iter().map(|it| it.outcome).collect();
    assert_eq!(outcomes, [Outcome::Crashed, Outcome::Success]);
}

fn what_runs_may_end_at_a_stop(database: Database) {
    let types = [shell("Brief", "echo begun; sleep 1; echo ended", &[])];
    let tasks = Tasks::new(database, &types);
    tasks.start();
    let id = tasks.add_of("Brief", "one");
    tasks.world.process("sleep 1");
    tasks.world.otrsd(&["stop"]).ok();
    assert_eq!(tasks.succeeds(id).output.as_deref(), Some("begun\nended\n"));
    assert!(tasks.block(tasks.store().instances()).unwrap().is_empty());
}

fn a_forced_stop_frees_what_runs(database: Database) {
    let tasks = Tasks::new(database, &[shell("Long", "exec sleep 3611", &[])]);
    tasks.start();
    let id = tasks.add_of("Long", "one");
    tasks.world.process("sleep 3611");
    tasks.world.otrsd(&["stop", "--force"]).ok();
    assert_eq!(tasks.ran(id, 1)[0].outcome, Outcome::Interrupted);
    assert_eq!(tasks.get(id).unwrap().state, State::Waiting);
}

fn what_does_not_end_is_free_again(database: Database) {
    let types = [shell("Long", "exec sleep 3607", &[])];
    let tasks = Tasks::new(database, &types);
    tasks.start();
    let id = tasks.add_of("Long", "one");
    tasks.world.process("sleep 3607");
    tasks.world.otrsd(&["stop"]).ok();
    assert_eq!(tasks.outcome(id).outcome, Outcome::Interrupted);
    assert_eq!(tasks.get(id).unwrap().state, State::Waiting);
    assert!(tasks.block(tasks.store().instances()).unwrap().is_empty());
}

fn a_discard_ends_what_it_began(database: Database) {
    let types = [shell("Brief", "sleep 0.2", &[])];
    let tasks = Tasks::new(database, &types);
    let registered = crate::registration::module(WORKER)
        .key("Module", "Kernel::System::Daemon::DaemonModules::SchedulerTaskWorker")
        .key("Discard", "1.5");
    tasks.world.configure("10-modules", &[registered.xml()]);
    tasks.start();
    let first = tasks.world.running(WORKER);
    let ids: Vec<_> = (0..40).map(|number| tasks.add_of("Brief", &format!("{number}"))).collect();
    tasks.world.running_anew(WORKER, first);
    for id in ids {
        tasks.succeeds(id);
        assert_eq!(tasks.executions(id).len(), 1);
    }
}

fn pauses_are_honoured(database: Database) {
    let types = [shell("One", "true", &[]), shell("Other", "true", &[])];
    let tasks = Tasks::new(database, &types);
    tasks.start();
    tasks.block(tasks.store().pause("One", 0, "a test", jiff::Timestamp::now())).unwrap();
    let (one, other) = (tasks.add_of("One", "one"), tasks.add_of("Other", "other"));
    tasks.succeeds(other);
    assert_eq!(tasks.get(one).unwrap().state, State::Waiting);
    assert!(tasks.block(tasks.store().resume("One", 0)).unwrap());
    wait_until("the paused task", || tasks.get(one).is_none().then_some(()));
}
