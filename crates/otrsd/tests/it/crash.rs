//! What dies comes back, alone; what belonged to it goes with it.

use std::collections::HashSet;

use nix::sys::signal::Signal::{SIGKILL, SIGUSR1};

use crate::{
    harness::{World, gone, is_alive, signal, wait_until},
    registration::{idle, module},
};

/// Starts helpers, each in another kind of hiding, then goes on.
const HELPERS: &str = "sleep 7001 & setsid sleep 7002 & \
    setsid sh -c 'setsid sleep 7003 & setsid sh -c \"sleep 7004 & exit\" & wait' & wait";

const HIDDEN: [&str; 4] = ["7001", "7002", "7003", "7004"];

/// The PIDs of the helpers, as soon as all are there.
fn helpers(world: &World, numbers: &[&str]) -> Vec<i32> {
    let helper = |number: &&str| {
        let line = format!("sleep {number} ");
        wait_until(&line, || {
            world.processes().into_iter().find(|(_, it)| *it == line).map(|(pid, _)| pid)
        })
    };
    numbers.iter().map(helper).collect()
}

#[test]
fn a_killed_module_is_back_with_another_pid_and_its_exit_is_kept() {
    let world = World::new().with("modules", &[idle("A", 1), idle("B", 2)]);
    world.start();
    let (a, b) = (world.running("A"), world.running("B"));
    signal(a, SIGKILL);
    world.running_anew("A", a);
    let status = world.status();
    let module = status.module("A");
    let exit = module.last_exit.as_ref().unwrap();
    assert_eq!((exit.pid, exit.how.as_str(), exit.planned), (Some(a), "signal 9 (SIGKILL)", false));
    assert!(exit.uptime_seconds < 60.0);
    assert_eq!(module.restarts, 1);
    assert_eq!((status.module("B").pid, status.module("B").restarts), (Some(b), 0));
    let json = world.otrsd(&["status", "--json"]).ok().stdout;
    let shown: crate::status::Status = serde_json::from_str(&json).unwrap();
    assert_eq!(shown.module("A").restarts, 1, "the command line says the same");
}

#[test]
fn what_a_dead_life_started_is_gone_and_what_others_started_is_not() {
    let others = "setsid sleep 7011 & sleep 7012 & wait";
    let world = World::new().with(
        "modules",
        &[
            module("Command").shell(HELPERS).xml(),
            module("Native")
                .native(1)
                .does("Run", "spawn setsid sleep 7021; spawn sleep 7022; pause 3600")
                .xml(),
            module("Other").shell(others).xml(),
        ],
    );
    world.start();
    let spared = helpers(&world, &["7011", "7012"]);
    let lost = helpers(&world, &["7001", "7002", "7003", "7004", "7021", "7022"]);
    for name in ["Command", "Native"] {
        let pid = world.running(name);
        signal(pid, SIGKILL);
        world.running_anew(name, pid);
    }
    lost.into_iter().for_each(gone);
    assert!(spared.into_iter().all(is_alive), "another module's processes were ended");
    helpers(&world, &HIDDEN);
}

#[test]
fn nothing_outlives_a_killed_supervisor() {
    let world = World::new().with(
        "modules",
        &[
            idle("Native", 1),
            module("Command").shell(HELPERS).xml(),
            module("Rounds").shell("setsid sleep 7031 & sleep 7032").key("SleepPost", "60").xml(),
        ],
    );
    let supervisor = world.start();
    helpers(&world, &HIDDEN);
    helpers(&world, &["7031", "7032"]);
    world.running("Native");
    signal(supervisor, SIGKILL);
    world.deserted();
}

#[test]
fn a_killed_guard_is_replaced_and_the_new_one_guards() {
    let world = World::new().with("modules", &[module("Command").shell(HELPERS).xml()]);
    let supervisor = world.start();
    helpers(&world, &HIDDEN);
    let guard = world.process(" module guard ");
    signal(guard, SIGKILL);
    wait_until("another guard", || {
        Some(world.process(" module guard ")).filter(|pid| *pid != guard)
    });
    signal(supervisor, SIGKILL);
    world.deserted();
}

#[test]
fn a_guard_ignores_what_ends_others() {
    let world = World::new().with("modules", &[idle("A", 1)]);
    world.start();
    let guard = world.process(" module guard ");
    for number in
        [nix::sys::signal::SIGTERM, nix::sys::signal::SIGINT, nix::sys::signal::SIGHUP, SIGUSR1]
    {
        signal(guard, number);
    }
    let a = world.running("A");
    signal(a, SIGKILL);
    world.running_anew("A", a);
    assert!(is_alive(guard));
}

#[test]
fn the_next_start_ends_what_supervisor_and_guard_left() {
    let world = World::new().with("modules", &[module("Command").shell(HELPERS).xml()]);
    let supervisor = world.start();
    let left = helpers(&world, &HIDDEN);
    let guard = world.process(" module guard ");
    // Stopped, it cannot see the guard's death before its own.
    signal(supervisor, nix::sys::signal::SIGSTOP);
    signal(guard, SIGKILL);
    signal(supervisor, SIGKILL);
    gone(supervisor);
    assert!(left[1..].iter().copied().all(is_alive), "nobody was there to end them");
    world.start();
    left.into_iter().for_each(gone);
    helpers(&world, &HIDDEN);
}

#[test]
fn a_crash_loop_slows_down_and_harms_no_other() {
    let world = World::new().with(
        "modules",
        &[
            idle("Fine", 1),
            module("Error").native(2).does("Run", "complain first; fail no such table").xml(),
            module("Panic").native(3).does("PreRun", "panic a slip").xml(),
            module("Abort").native(4).does("PostRun", "complain going down; abort").xml(),
            module("Exit").shell("echo trouble >&2; echo >&2; exit 41").xml(),
            module("Missing").command(&["/no/such/program"]).xml(),
            module("Directory").command(&["/etc"]).xml(),
        ],
    );
    world.start();
    let fine = world.running("Fine");
    let loops = ["Error", "Panic", "Abort", "Exit", "Missing", "Directory"];
    let enough = |status: &crate::status::Status| {
        loops.iter().all(|name| status.module(name).exits.len() >= 4).then_some(())
    };
    let (status, ()) = world.wait_for("four ends of each", enough);
    let told = |name: &str| {
        let exit = status.module(name).last_exit.clone().unwrap();
        assert!(!exit.planned, "{exit:?}");
        (exit.how, exit.last_stderr_line)
    };
    let line = |text: &str| Some(text.to_owned());
    assert_eq!(told("Error"), ("exit 1".into(), line("Error: Run failed: no such table")));
    assert_eq!(told("Abort"), ("signal 6 (SIGABRT)".into(), line("going down")));
    assert_eq!(told("Exit"), ("exit 41".into(), line("trouble")));
    let (how, last) = told("Panic");
    assert_eq!(how, "exit 101");
    assert!(last.is_some(), "a panic leaves its message");
    for (name, why) in [
        ("Missing", "/no/such/program: No such file or directory (os error 2)"),
        ("Directory", "/etc is not executable"),
    ] {
        let (how, _) = told(name);
        assert!(how.starts_with("cannot start") && how.contains(why), "{how}");
    }
    let fine_now = status.module("Fine");
    assert_eq!((fine_now.pid, fine_now.restarts), (Some(fine), 0));
    // 0, 0.1, 0.2, 0.4 s, each up to a quarter shorter, and what a start takes.
    let log = world.read("log/SupervisorERR.log");
    let delays: Vec<&str> = log
        .lines()
        .filter_map(|line| line.split_once("Exit starts again in "))
        .map(|it| it.1)
        .collect();
    assert!(delays.len() >= 2 && delays.iter().collect::<HashSet<_>>().len() >= 2, "{delays:?}");
    let seconds = |text: &&str| text.trim_end_matches(" s").parse::<f64>().unwrap();
    assert!(delays.iter().map(seconds).is_sorted(), "{delays:?}");
}

#[test]
fn a_group_member_that_dropped_its_marks_goes_with_its_group() {
    let script =
        "env -i HOME=\"$HOME\" /bin/sh -c 'echo $$ > \"$HOME/pid\"; exec sleep 300' & wait";
    let world = World::new().with("modules", &[module("A").shell(script).xml()]);
    world.start();
    let a = world.running("A");
    let member: i32 = wait_until("its PID", || world.read("pid").trim().parse().ok());
    signal(a, SIGKILL);
    // Its successor would write another PID.
    gone(member);
    world.otrsd(&["stop"]).ok();
}

/// The guard of the killed one may still sweep: that is no daemon.
#[test]
fn a_start_right_after_the_supervisor_was_killed_starts_one() {
    let world = World::new().with("modules", &[module("Long").shell("sleep 7005").xml()]);
    let mut supervisor = world.start();
    for _ in 0..20 {
        world.process("sleep 7005");
        signal(supervisor, SIGKILL);
        wait_until("its end", || (!is_alive(supervisor)).then_some(()));
        let started = world.otrsd(&["start"]).ok();
        assert!(started.stdout.starts_with("started (PID "), "{started:?}");
        supervisor = world.status().pid;
    }
}
