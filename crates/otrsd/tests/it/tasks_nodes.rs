//! Two daemons that took the same number, and a database that another host used.

use std::fs;

use nix::unistd::geteuid;
use task_store::{Identity, NewTask, Outcome, State};

use crate::{
    harness::{World, setting, wait_until},
    surroundings::contain,
    tasks::{Database, Tasks, WORKER, on_each_database, shell},
};

on_each_database! {
    two_daemons_with_one_number
    a_twin_in_a_container_frees_nothing
    a_copied_database_waits_for_its_adoption
    a_clone_with_dead_workers_waits
    a_new_node_joins_those_that_live
    adoption_beside_living_workers_keeps_them
}

fn two_daemons_with_one_number(database: Database) {
    let here = tempfile::tempdir().unwrap();
    let place = here.path().display();
    // A task that runs twice at the same time finds its own directory there.
    let script = format!(
        "mkdir {place}/$OTRSD_TASK_NAME || exit 9; sleep 0.2; rmdir {place}/$OTRSD_TASK_NAME"
    );
    let tasks = Tasks::new(database, &[shell("Alone", &script, &[])]);
    tasks.start();
    let other = beside(&tasks);
    other.start();
    let pid = other.running(WORKER);
    let words = |log: String, pid: i32| {
        log.matches(&format!("another worker has NodeID 1: process {pid} on ")).count() == 1
            && log.contains("one needs another number")
    };
    let own = tasks.world.running(WORKER);
    let new: Vec<_> =
        (0..60).map(|number| NewTask::new("Alone", format!("{number}"), "{}")).collect();
    tasks.block(tasks.store().enqueue_many(&new, jiff::Timestamp::now())).unwrap();
    wait_until("both to say so", || {
        (words(tasks.world.worker_log(), pid) && words(other.worker_log(), own)).then_some(())
    });
    wait_until("an empty queue", || {
        (tasks.count(State::Waiting) + tasks.count(State::Running) == 0).then_some(())
    });
    // One of them ends in the middle of work, without harm to the other.
    let last: Vec<_> =
        (60..80).map(|number| NewTask::new("Alone", format!("{number}"), "{}")).collect();
    tasks.block(tasks.store().enqueue_many(&last, jiff::Timestamp::now())).unwrap();
    other.otrsd(&["stop"]).ok();
    for task in new.iter().chain(&last) {
        let outcomes: Vec<_> = tasks.ran(task.id, 1).iter().map(|it| it.outcome).collect();
        assert_eq!(outcomes, [Outcome::Success], "{}", task.name);
    }
    assert_eq!(tasks.world.running(WORKER), own);
}

/// Two containers with one host name and one number, by mistake: in each, the process number of the other's worker is that
/// of another process or of none, and neither is a death.
fn a_twin_in_a_container_frees_nothing(database: Database) {
    if !geteuid().is_root() {
        return;
    }
    let tasks = Tasks::new(database, &[shell("Long", "exec sleep 300", &[])]);
    tasks.world.otrsd(&["db", "migrate"]).ok();
    let twin = beside(&tasks);
    let start = format!("exec {} start", tasks.world.program.display());
    contain(&tasks.world, &start);
    let long = tasks.add_of("Long", "one");
    let running = || tasks.get(long).filter(|it| it.state == State::Running);
    let lock = wait_until("a running task", running).lock;
    contain(&twin, &start);
    wait_until("a word about the number", || {
        twin.worker_log().contains("another worker has NodeID 1: process ").then_some(())
    });
    assert_eq!(running().map(|it| it.lock), Some(lock));
    assert!(!twin.worker_log().contains("is dead"), "{}", twin.worker_log());
}

/// A copy must never send what the original queued.
fn a_copied_database_waits_for_its_adoption(database: Database) {
    let tasks = Tasks::new(database, &[shell("Alone", "true", &[])]);
    tasks.world.otrsd(&["db", "migrate"]).ok();
    is_of_elsewhere(&tasks);
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

/// Who was registered when the copy was made does not work on it.
fn a_clone_with_dead_workers_waits(database: Database) {
    let tasks = Tasks::new(database, &[shell("Alone", "true", &[])]);
    tasks.world.otrsd(&["db", "migrate"]).ok();
    is_of_elsewhere(&tasks);
    let (now, store) = (jiff::Timestamp::now(), tasks.store());
    tasks.block(store.register(7, "elsewhere", 1, 5, now)).unwrap();
    let waiting = tasks.add_of("Alone", "copied");
    tasks.world.start();
    let told = || tasks.world.worker_log().contains("a copy must not run its tasks");
    wait_until("a word about it", || told().then_some(()));
    assert_eq!(tasks.get(waiting).unwrap().state, State::Waiting);
    assert_eq!(remembered(&tasks), ["elsewhere"]);
    let said = tasks.world.otrsd(&["db", "adopt"]).ok().stdout;
    assert!(said.starts_with("adopted: "), "{said}");
    tasks.succeeds(waiting);
    assert!(!remembered(&tasks).contains(&"elsewhere".to_owned()));
}

/// The other one works on as if it were on another host, and its counter moves.
fn a_new_node_joins_those_that_live(database: Database) {
    let (tasks, other) = beside_a_living_worker(database);
    tasks.world.start();
    wait_until("both workers", || {
        (tasks.block(tasks.store().instances()).unwrap().len() == 2).then_some(())
    });
    assert!(remembered(&tasks).len() == 2 && remembered(&tasks).contains(&"elsewhere".into()));
    let logs = tasks.world.worker_log() + &manager_log(&tasks.world);
    assert!(logs.contains("used on elsewhere, where workers live: "), "{logs}");
    assert!(!logs.contains("a copy"), "{logs}");
    other.otrsd(&["stop"]).ok();
    tasks.succeeds(tasks.add_of("Alone", "here"));
}

fn adoption_beside_living_workers_keeps_them(database: Database) {
    let (tasks, _other) = beside_a_living_worker(database);
    let said = tasks.world.otrsd(&["db", "adopt"]).ok().stdout;
    assert!(said.starts_with("joined: workers of other hosts are alive"), "{said}");
    assert!(remembered(&tasks).len() == 2 && remembered(&tasks).contains(&"elsewhere".into()));
}

/// A daemon that is not started, on a database that another one works on, as if from another host.
fn beside_a_living_worker(database: Database) -> (Tasks, World) {
    let tasks = Tasks::new(database, &[shell("Alone", "true", &[])]);
    let other = beside(&tasks);
    let number = setting("NodeID", "2");
    // A manager that comes late would join by itself.
    let none = r#"<Setting Name="DaemonModules###SchedulerFutureTaskManager" Valid="0"/>"#;
    other.configure("40-node", &[number, none.to_owned()]);
    other.otrsd(&["start"]).ok();
    wait_until("the other worker", || {
        let instances = tasks.ask(|store| Box::pin(store.instances()));
        instances.ok().filter(|all| !all.is_empty())
    });
    is_of_elsewhere(&tasks);
    (tasks, other)
}

fn is_of_elsewhere(tasks: &Tasks) {
    let elsewhere = Identity { hosts: vec!["elsewhere".into()], ..Identity::default() };
    tasks.block(tasks.store().adopt(&elsewhere)).unwrap();
}

fn remembered(tasks: &Tasks) -> Vec<String> {
    tasks.block(tasks.store().identity()).unwrap().unwrap().hosts
}

fn manager_log(world: &World) -> String {
    let names = fs::read_dir(world.path("log")).unwrap().flatten();
    let names = names.filter_map(|entry| entry.file_name().into_string().ok());
    let own = names.filter(|name| name.starts_with("SchedulerFutureTaskManagerERR"));
    own.map(|name| world.read(&format!("log/{name}"))).collect()
}

/// Another daemon on the same database.
fn beside(tasks: &Tasks) -> World {
    let other = World::stock();
    for name in ["10-modules", "20-database", "30-types"] {
        let name = format!("config/{name}.xml");
        other.file(&name, &tasks.world.read(&name));
    }
    other
}
