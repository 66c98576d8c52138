//! Two daemons that took the same number, and a database that another host used.

use std::fs;

use task_store::{Identity, NewTask, Outcome, State};

use crate::{
    harness::{World, wait_until},
    tasks::{Database, Tasks, WORKER, on_each_database, shell},
};

on_each_database! {
    two_daemons_with_one_number
    a_copied_database_waits_for_its_adoption
}

fn two_daemons_with_one_number(database: Database) {
    let here = tempfile::tempdir().unwrap();
    let place = here.path().display();
    // A task that runs twice at the same time finds its own directory there.
    let script = format!(
        "mkdir {place}/$OTRSD_TASK_NAME || exit 9; sleep 0.2; rmdir {place}/$OTRSD_TASK_NAME"
    );
    let tasks = Tasks::new(database, &[shell("Alone", &script, &[])]).unwrap();
    tasks.start();
    let other = World::stock();
    for name in ["10-modules", "20-database", "30-types"] {
        let name = format!("config/{name}.xml");
        let settings = fs::read_to_string(tasks.world.path(&name)).unwrap();
        other.file(&name, &settings);
    }
    other.start();
    let pid = other.running(WORKER);
    let words = |log: String, pid: i32| {
        log.matches(&format!("another worker has NodeID 1: process {pid} on ")).count() == 1
            && log.contains("one needs another number")
    };
    let own = tasks.world.running(WORKER);
    let new: Vec<_> =
        (0..60).map(|number| NewTask::new("Alone", format!("{number}"), "{}")).collect();
    tasks.block(tasks.store().add_many(&new, jiff::Timestamp::now())).unwrap();
    wait_until("both to say so", || {
        (words(tasks.world.worker_log(), pid) && words(other.worker_log(), own)).then_some(())
    });
    wait_until("an empty queue", || {
        (tasks.count(State::Waiting) + tasks.count(State::Running) == 0).then_some(())
    });
    // One of them ends in the middle of work, without harm to the other.
    let last: Vec<_> =
        (60..80).map(|number| NewTask::new("Alone", format!("{number}"), "{}")).collect();
    tasks.block(tasks.store().add_many(&last, jiff::Timestamp::now())).unwrap();
    other.otrsd(&["stop"]).ok();
    for task in new.iter().chain(&last) {
        let outcomes: Vec<_> = tasks.ran(task.id, 1).iter().map(|it| it.outcome).collect();
        assert_eq!(outcomes, [Outcome::Success], "{}", task.name);
    }
    assert_eq!(tasks.world.running(WORKER), own);
}

/// A copy must never send what the original queued.
fn a_copied_database_waits_for_its_adoption(database: Database) {
    let tasks = Tasks::new(database, &[shell("Alone", "true", &[])]).unwrap();
    tasks.world.otrsd(&["db", "migrate"]).ok();
    let elsewhere = Identity { system: String::new(), hosts: vec!["elsewhere".into()] };
    tasks.block(tasks.store().adopt(&elsewhere)).unwrap();
    let waiting = tasks.add_of("Alone", "copied");
    let planned = NewTask::new("Alone", "planned", "{}");
    tasks.plan(&planned, std::time::Duration::ZERO);
    tasks.world.start();
    let told = || tasks.world.worker_log().matches("used on elsewhere, and this is ").count();
    wait_until("a word about it", || (told() == 1).then_some(()));
    assert!(tasks.world.worker_log().contains("until 'otrsd db adopt'"));
    let said = tasks.world.otrsd(&["task", "explain", &waiting.to_string()]).ok().stdout;
    assert!(said.contains("remembers elsewhere"), "{said}");
    assert_eq!(tasks.get(waiting).unwrap().state, State::Waiting);
    assert_eq!(tasks.get(planned.id).unwrap().state, State::Future);
    tasks.world.otrsd(&["db", "adopt"]).ok();
    tasks.succeeds(waiting);
    tasks.succeeds(planned.id);
    assert_eq!(told(), 1);
}
