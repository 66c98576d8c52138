//! A stop that comes while another program takes over is a stop.

use std::{fs, os::unix::net::UnixStream};

use nix::sys::signal::Signal::{SIGHUP, SIGKILL, SIGTERM};

use crate::{
    harness::{World, signal, wait_until},
    registration::module,
    upgrade::{pids, replace, world},
};

/// Waits for the check of the new program, which [`hold`] does not let answer.
fn checking(world: &World) -> i32 {
    world.process(" module takeover-check ")
}

fn hold(world: &World) {
    world.file("hold-the-check", "");
}

fn let_go(world: &World) {
    fs::remove_file(world.path("hold-the-check")).unwrap();
}

fn checked(world: &World) {
    wait_until("the end of the check", || {
        let processes = world.processes();
        processes.iter().all(|(_, line)| !line.contains(" takeover-check ")).then_some(())
    });
}

#[test]
fn a_stop_during_an_upgrade_is_not_lost() {
    let round = module("Long").native(6).does("Run", "trace began; wait-for go").xml();
    let world = world().with("long", &[round]);
    let supervisor = world.start();
    pids(&world);
    world.traced("Long", "began");
    hold(&world);
    replace(&world);
    signal(supervisor, SIGHUP);
    checking(&world);
    signal(supervisor, SIGTERM);
    world.wait_for("the stop", |status| status.stopping.then_some(()));
    let_go(&world);
    // The check's answer comes while the long round keeps the daemon from its end.
    checked(&world);
    assert!(world.status().stopping, "the stop is forgotten");
    world.file("go", "");
    world.deserted();
    assert!(!world.read("log/SupervisorERR.log").contains(" takes over"));
}

#[test]
fn a_stop_at_any_moment_of_an_upgrade_is_not_lost() {
    let executed = |world: &World| {
        wait_until("the execution", || {
            let log = world.read("log/SupervisorERR.log");
            (log.contains(" takes over") || log.contains(" took over")).then_some(())
        });
    };
    for moment in 0..4 {
        let world = world();
        let supervisor = world.start();
        pids(&world);
        hold(&world);
        replace(&world);
        signal(supervisor, SIGHUP);
        checking(&world);
        match moment {
            0 => signal(supervisor, SIGTERM),
            1 => signal(checking(&world), SIGKILL),
            _ => {}
        }
        let_go(&world);
        if moment == 3 {
            executed(&world);
        }
        signal(supervisor, SIGTERM);
        world.deserted();
    }
}

#[test]
fn a_stop_between_check_and_execution_is_not_lost() {
    let world = world();
    let supervisor = world.start();
    pids(&world);
    hold(&world);
    replace(&world);
    signal(supervisor, SIGHUP);
    checking(&world);
    // Before the execution the daemon waits a second for clients that do not leave.
    let client = UnixStream::connect(world.path("run/Daemon-NodeID-1.sock")).unwrap();
    let_go(&world);
    checked(&world);
    signal(supervisor, SIGTERM);
    world.deserted();
    drop(client);
}
