//! Stop returns when everything has stopped; how long that may take, the caller says.

use std::thread;

use nix::sys::signal::Signal::{SIGINT, SIGTERM};

use crate::{
    harness::{World, gone, setting, signal, wait_until},
    registration::{Registration, idle, module},
    status::Status,
};

/// A long round: it says that it began, and ends when the file `go` is there.
fn long(name: &str, number: u16) -> Registration {
    module(name).native(number).does("Run", "trace began; wait-for go; trace ended")
}

/// Hears no signal.
fn deaf(name: &str, number: u16) -> Registration {
    module(name).native(number).does("Run", "trace began; block 3600")
}

fn is_stopping(world: &World) {
    world.wait_for("the stop to begin", |status: &Status| status.stopping.then_some(()));
}

#[test]
fn a_stop_lets_rounds_end_and_says_what_it_waits_for() {
    let world = World::new().with("modules", &[long("Long", 1).xml(), idle("Idle", 2)]);
    world.start();
    world.traced("Long", "began");
    let (long, idle) = (world.running("Long"), world.running("Idle"));
    let told = thread::scope(|scope| {
        let stop = scope.spawn(|| world.otrsd(&["stop"]));
        is_stopping(&world);
        gone(idle);
        let (status, ()) = world.wait_for("Long alone", |status| {
            (status.module("Idle").state == "stopped").then_some(())
        });
        assert_eq!(status.module("Long").pid, Some(long), "its round has not ended");
        let shown = world.otrsd(&["status"]).ok().stdout;
        assert!(shown.contains(" is stopping: PID "), "{shown}");
        let refused = world.otrsd(&["reload"]);
        assert_eq!(refused.code, 1, "{refused:?}");
        world.file("go", "");
        stop.join().unwrap().ok().stdout
    });
    assert!(told.contains(&format!("waiting for Long (PID {long})\n")), "{told}");
    assert!(told.ends_with("stopped\n"), "{told}");
    assert_eq!(world.read("Long.trace"), "began\nended\n");
}

#[test]
fn nothing_is_left_when_stop_returns() {
    let helpers = "setsid sleep 7101 & trap '' TERM; sleep 7102 & setsid setsid sleep 7103 & wait; wait; wait";
    let world = World::new().with(
        "modules",
        &[
            setting("Daemon::StopGrace", "1"),
            module("Command").shell(helpers).xml(),
            deaf("Deaf", 1).xml(),
            idle("Idle", 2),
            module("Waiting").shell("exit 1").xml(),
            module("Rounds").shell("sleep 7104").key("SleepPost", "1").xml(),
        ],
    );
    let supervisor = world.start();
    for number in [7101, 7102, 7103, 7104] {
        world.process(&format!("sleep {number} "));
    }
    world.traced("Deaf", "began");
    let deaf = world.running("Deaf");
    let told = world.otrsd(&["stop"]).ok();
    let left = world.processes();
    assert!(left.is_empty(), "{left:?}");
    assert!(!crate::harness::is_alive(supervisor));
    world.deserted();
    let killed = "Deaf ended: signal 9 (SIGKILL), the daemon stops, after";
    assert!(told.stdout.contains(killed), "{told:?}");
    let log = world.read("log/SupervisorERR.log");
    assert!(log.contains(&format!("Deaf (PID {deaf}) did not end in time and is killed")), "{log}");
    assert!(
        !world.path("run/Daemon-NodeID-1.pid").exists()
            && !world.path("run/Daemon-NodeID-1.sock").exists()
    );
}

#[test]
fn a_forced_stop_shortens_one_that_is_under_way() {
    let world = World::new()
        .with("modules", &[setting("Daemon::StopGrace", "3600"), deaf("Deaf", 1).xml()]);
    let supervisor = world.start();
    world.traced("Deaf", "began");
    signal(supervisor, SIGTERM);
    is_stopping(&world);
    // 5 s of grace instead of an hour.
    world.otrsd(&["stop", "--force"]).ok();
    world.deserted();
}

#[test]
fn a_second_signal_shortens_the_grace() {
    for (first, second) in [(SIGTERM, SIGTERM), (SIGINT, SIGTERM)] {
        let world = World::new()
            .with("modules", &[setting("Daemon::StopGrace", "3600"), deaf("Deaf", 1).xml()]);
        let supervisor = world.start_in_foreground();
        world.traced("Deaf", "began");
        signal(supervisor, first);
        is_stopping(&world);
        signal(supervisor, second);
        assert_eq!(world.exit_code(), Some(0));
        world.deserted();
    }
}

#[test]
fn a_signal_stops_a_daemon_in_the_foreground() {
    for number in [SIGTERM, SIGINT] {
        let world = World::new().with("modules", &[idle("A", 1)]);
        let supervisor = world.start_in_foreground();
        world.running("A");
        signal(supervisor, number);
        assert_eq!(world.exit_code(), Some(0));
        world.deserted();
        assert!(world.read("err").trim_end().ends_with("INFO stopped"), "{}", world.read("err"));
    }
}

#[test]
fn a_module_that_waits_for_its_restart_does_not_delay_a_stop() {
    let world = World::new().with("modules", &[module("A").command(&["/no/such/program"]).xml()]);
    world.start();
    world.wait_for("a few failures", |status| (status.module("A").exits.len() > 4).then_some(()));
    world.otrsd(&["stop"]).ok();
    world.deserted();
}

#[test]
fn a_round_of_a_command_ends_before_the_stop() {
    let script = "echo began >> \"$HOME/A.trace\"; until [ -e \"$HOME/go\" ]; do sleep 0.05; done; \
                  echo ended >> \"$HOME/A.trace\"";
    let world =
        World::new().with("modules", &[module("A").shell(script).key("SleepPost", "60").xml()]);
    let supervisor = world.start();
    world.traced("A", "began");
    signal(supervisor, SIGTERM);
    is_stopping(&world);
    world.file("go", "");
    world.deserted();
    assert_eq!(world.read("A.trace"), "began\nended\n");
}

/// Every command, while nothing runs and while the daemon runs: its exit code.
#[test]
fn exit_codes_tell_whether_it_runs() {
    let world = World::new().with("modules", &[idle("A", 1)]);
    let table: [(&[&str], i32, i32); 15] = [
        (&["status"], 1, 0),
        (&["status", "--json"], 1, 0),
        (&["reload"], 1, 0),
        (&["restart"], 1, 0),
        (&["restart", "A"], 1, 0),
        (&["list"], 0, 0),
        (&["list", "--json"], 0, 0),
        (&["summary"], 0, 0),
        (&["summary", "A", "--json"], 0, 0),
        (&["config", "get", "NodeID"], 0, 0),
        (&["config", "get", "No::Such"], 1, 1),
        (&["check"], 0, 0),
        (&["no-such-command"], 2, 2),
        (&["--node-id", "1000", "status"], 3, 3),
        (&["start", "--no-such-option"], 2, 2),
    ];
    for (arguments, stopped, _) in table {
        let told = world.otrsd(arguments);
        assert_eq!(told.code, stopped, "{arguments:?} while stopped: {told:?}");
    }
    assert_eq!(world.otrsd(&["stop"]).all(), (0, "not running\n", ""));
    assert_eq!(world.otrsd(&["status"]).all(), (1, "", "not running\n"));
    world.start();
    world.running("A");
    for (arguments, _, running) in
        table.into_iter().filter(|(arguments, ..)| arguments[0] != "restart")
    {
        let told = world.otrsd(arguments);
        assert_eq!(told.code, running, "{arguments:?} while running: {told:?}");
    }
    assert_eq!(world.otrsd(&["stop", "--force"]).ok().stdout.lines().last(), Some("stopped"));
    wait_until("the PID file's end", || {
        (!world.path("run/Daemon-NodeID-1.pid").exists()).then_some(())
    });
}
