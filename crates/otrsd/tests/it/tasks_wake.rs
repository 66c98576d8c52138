//! A word on this node that there is work: a datagram to the socket beside the PID file.

use std::{
    fs,
    os::unix::{fs::PermissionsExt as _, net::UnixDatagram},
    time::{Duration, Instant},
};

use task_store::{HeldState, State, TaskId};

use crate::{
    databases::{Kind, Place},
    harness::{is_alive, setting, wait_until},
    tasks::{Database, Tasks, WORKER, on_each_database, shell},
};

const SOCKET: &str = "run/Daemon-NodeID-1.wake";

on_each_database! {
    the_command_line_tells_of_work
    room_that_an_elder_makes_is_used_at_once
}

/// A row without a notice: only the datagram tells of it before the worker looks anyway, 10 s later.
#[test]
fn a_datagram_makes_the_worker_look() {
    let brief = shell("Brief", "true", &[]);
    let tasks = Tasks::new(Database::Postgres, &[brief]);
    tasks.start();
    tasks.succeeds(tasks.add_of("Brief", "first"));
    let socket = tasks.world.path(SOCKET);
    assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    let begin = Instant::now();
    for number in 0..4 {
        let ident = 500_000_000_000_000_000 + number;
        tasks.sql(&format!(
            "INSERT INTO scheduler_task (ident, task_type, name, task_data) VALUES ({ident}, 'Brief', 'x', '1')"
        ));
        UnixDatagram::unbound().unwrap().send_to(&[], &socket).unwrap();
        tasks.succeeds(TaskId::from_ident(ident));
    }
    let took = begin.elapsed();
    assert!(took < Duration::from_secs(15), "{took:?}: the worker looked when it pleased");
    tasks.world.otrsd(&["stop"]).ok();
    assert!(!socket.exists(), "nobody listens there");
}

/// Only where the database does not.
fn the_command_line_tells_of_work(database: Database) {
    let tells = matches!(database, Database::MariaDb);
    let kind = match database {
        Database::Sqlite => Kind::Sqlite,
        Database::Postgres => Kind::Postgres,
        Database::MariaDb => Kind::MariaDb,
    };
    let place = Place::bare(kind);
    place.run(&["db", "migrate"]).ok();
    fs::create_dir_all(place.world.path("run")).unwrap();
    let socket = UnixDatagram::bind(place.world.path(SOCKET)).unwrap();
    socket.set_nonblocking(true).unwrap();
    let [held, _] = ["one", "two"].map(|name| place.held(name, HeldState::Failed, None));
    place.run(&["worker", "pause", "--type", "Other"]).ok();
    for words in [
        &["task", "add", "--type", "Brief"][..],
        &["task", "retry", &held],
        &["task", "retry", "--type", "Held"],
        &["worker", "resume", "--type", "Other"],
    ] {
        place.run(words).ok();
        assert_eq!(socket.recv(&mut [0]).is_ok(), tells, "{words:?}");
    }
}

fn room_that_an_elder_makes_is_used_at_once(database: Database) {
    let long = shell("Long", "until [ -e \"$HOME/$OTRSD_TASK_NAME\" ]; do sleep 0.05; done", &[]);
    let tasks = Tasks::new(database, &[long, shell("Brief", "true", &[])]);
    let slots = setting("Daemon::SchedulerTaskWorker::MaximumWorkers", "2");
    tasks.world.configure("40-slots", &[slots]);
    tasks.start();
    let elder = tasks.world.running(WORKER);
    let [first, second] = ["first", "second"].map(|name| tasks.add_of("Long", name));
    wait_until("both to run", || (tasks.count(State::Running) == 2).then_some(()));
    tasks.world.otrsd(&["restart", WORKER]).ok();
    wait_until("both lives", || {
        (tasks.block(tasks.store().instances()).unwrap().len() == 2).then_some(())
    });
    let brief = tasks.add_of("Brief", "one");
    tasks.world.file("first", "");
    let (first, brief) = (tasks.succeeds(first), tasks.succeeds(brief));
    assert!(is_alive(elder) && brief.started >= first.ended, "{brief:#?} beside {first:#?}");
    let waited = brief.started.duration_since(first.ended);
    assert!(waited.as_secs() < 3, "{waited:?}: the worker looked when it pleased");
    tasks.world.file("second", "");
    tasks.succeeds(second);
}
