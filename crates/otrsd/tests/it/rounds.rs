//! Rounds: how they hear of an end, what is left of their commands, and what they say of a failure.

use nix::{
    sys::signal::Signal::{SIGKILL, SIGSTOP},
    unistd::{Pid, getsid},
};

use crate::{
    harness::{World, gone, is_alive, setting, signal, wait_until},
    registration::module,
    status::{Exit, Status},
};

#[track_caller]
fn exit(world: &World, name: &str) -> Exit {
    let ended = |status: &Status| status.find(name)?.last_exit.clone();
    world.wait_for(&format!("an end of {name}"), ended).1
}

#[test]
fn a_round_that_never_awaits_hears_of_a_stop() {
    let world = World::new().with("modules", &[module("A").native(1).does("Run", "spin").xml()]);
    world.start();
    world.traced("A", "spinning");
    world.otrsd(&["restart", "A"]).ok();
    let exit = exit(&world, "A");
    assert_eq!((exit.how.as_str(), exit.planned), ("exit 0", true));
    wait_until("the second round", || {
        (world.read("A.trace") == "spinning\nasked to end\nspinning\n").then_some(())
    });
    world.otrsd(&["stop"]).ok();
    assert_eq!(world.read("A.trace"), "spinning\nasked to end\n".repeat(2));
    assert!(!world.read("log/SupervisorERR.log").contains("did not end in time"));
}

/// A round whose command would last, and cleans up when it hears TERM.
fn careful() -> World {
    let script = "trap 'echo cleaned >> \"$HOME/A.trace\"; exit 0' TERM; \
                  echo began >> \"$HOME/A.trace\"; sleep 1000 & wait";
    let world =
        World::new().with("modules", &[module("A").shell(script).key("SleepPost", "60").xml()]);
    world.start();
    world.traced("A", "began");
    world
}

#[test]
fn a_command_of_a_round_is_asked_to_end_before_it_is_killed() {
    let world = careful();
    world.otrsd(&["stop", "--force"]).ok();
    assert_eq!(world.read("A.trace"), "began\ncleaned\n");
    // Of a stop's ten seconds of grace five are the round's own.
    let world = careful();
    world.otrsd(&["stop"]).ok();
    assert_eq!(world.read("A.trace"), "began\ncleaned\n");
    assert!(!world.read("log/SupervisorERR.log").contains("did not end in time"));
}

#[test]
fn a_command_of_a_round_ends_although_everything_above_it_is_killed() {
    let world = World::new()
        .with("modules", &[module("A").shell("exec sleep 7501").key("SleepPost", "60").xml()]);
    let supervisor = world.start();
    let command = world.process("sleep 7501 ");
    let (host, guard) = (world.running("A"), world.process(" module guard "));
    // Stopped, it cannot renew the guard.
    signal(supervisor, SIGSTOP);
    signal(guard, SIGKILL);
    gone(guard);
    signal(supervisor, SIGKILL);
    signal(host, SIGKILL);
    gone(command);
    world.deserted();
}

#[test]
fn a_helper_that_left_its_leader_lives_as_long_as_its_module() {
    // Session, leader, helper; the leader ends as an adopted child of the supervisor.
    let script = "(setsid sh -c 'sleep 7401 & exit 0' &); exec sleep 7402";
    let world = World::new().with("modules", &[module("A").shell(script).xml()]);
    world.start();
    let a = world.running("A");
    let helper = wait_until("the helper", || {
        world.processes().into_iter().find(|(_, it)| it == "sleep 7401 ").map(|(pid, _)| pid)
    });
    let leader = getsid(Some(Pid::from_raw(helper))).unwrap();
    assert_ne!(leader.as_raw(), a);
    let there = std::path::PathBuf::from(format!("/proc/{leader}"));
    wait_until("the leader to be taken", || (!there.exists()).then_some(()));
    // Two answers later a signal would have reached it.
    world.otrsd(&["status"]).ok();
    assert!(is_alive(helper), "it was ended with its leader");
    assert_eq!(world.status().module("A").pid, Some(a));
    signal(a, SIGKILL);
    world.running_anew("A", a);
    gone(helper);
}

#[test]
fn a_failures_text_reaches_status_without_a_log_file() {
    let world = World::new().with(
        "modules",
        &[
            setting("Daemon::Log::STDERR", "0"),
            module("A").native(1).does("Run", "fail no database at db.example").xml(),
            module("B").shell("exit 7").key("SleepPost", "1").xml(),
        ],
    );
    world.start();
    let reasons = ["A", "B"].map(|name| exit(&world, name).reason);
    let expected =
        ["Run failed: no database at db.example", "Run failed: /bin/sh ended with exit status: 7"];
    assert_eq!(reasons, expected);
    assert!(!world.path("log/AERR.log").exists());
    let shown = world.otrsd(&["status"]).ok().stdout;
    let log = world.read("log/SupervisorERR.log");
    for text in expected {
        assert!(shown.contains(text), "{shown}");
        assert!(log.contains(text), "{log}");
    }
}

#[test]
fn a_pause_longer_than_the_watchdogs_time_is_no_hang() {
    let paced = |name: &str| module(name).key("SleepPost", "1.2").key("WatchdogSeconds", "0.4");
    let world = World::new().with(
        "modules",
        &[
            paced("Native").native(1).does("Run", "trace round").xml(),
            paced("Command").shell("echo round >> \"$HOME/Command.trace\"").xml(),
        ],
    );
    world.start();
    for name in ["Native", "Command"] {
        wait_until("three rounds", || {
            (world.read(&format!("{name}.trace")).matches("round").count() >= 3).then_some(())
        });
        let status = world.status();
        assert_eq!((status.module(name).restarts, &status.module(name).note), (0, &None));
    }
    assert!(!world.read("log/SupervisorERR.log").contains("no finished round"));
}
