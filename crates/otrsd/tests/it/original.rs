//! Called by one of the original's names, the program speaks that command line to the byte.

use std::{fs, os::unix::fs::symlink};

use nix::{
    sys::signal::Signal::{SIGINT, SIGTERM},
    unistd::geteuid,
};

use crate::{
    harness::{Outcome, World, finish, setting, signal},
    registration::{idle, module},
};

const NAMES: [(&str, &str, &str); 3] = [
    ("otrs.Daemon.pl", "OTRS", "otrs"),
    ("znuny.Daemon.pl", "Znuny", "znuny"),
    ("otobo.Daemon.pl", "OTOBO", "otobo"),
];

fn world() -> World {
    let world = World::new().by_nobody().with("modules", &[idle("A", 1)]);
    for (name, ..) in NAMES {
        symlink(&world.program, world.path(name)).unwrap();
    }
    world
}

fn call(world: &World, name: &str, arguments: &[&str]) -> Outcome {
    let mut command = world.command(world.path(name));
    command.args(arguments);
    finish(command)
}

fn heading(product: &str) -> String {
    format!("\nManage the {product} daemon process.\n\n")
}

fn usage(name: &str, log: &str) -> String {
    let (option, foreground) = match name {
        "znuny.Daemon.pl" => {
            (" [--foreground]", "\n [--foreground]         - Run the daemon in foreground.")
        }
        _ => ("", ""),
    };
    format!(
        "Usage:
 {name} action [--debug] [--force]{option}

Options:
 [--debug]              - Run the daemon in debug mode.
 [--force]              - Reduce the time the main daemon waits other daemons to stop.{foreground}

Actions:
 start                  - Start the daemon process.
 stop                   - Stop the daemon process.
 status                 - Show daemon process current state.
 help                   - Display help for this command.

Help:
In debug mode if a daemon module is specified the debug mode will be activated only for that daemon.
Debug information is stored in the daemon log files localed under: {log}

 {name} start --debug SchedulerTaskWorker SchedulerCronTaskManager

Forced stop reduces the time the main daemon waits other daemons to stop from normal 30 seconds to 5.

 {name} stop --force

"
    )
}

#[test]
fn every_answer_is_the_originals() {
    let world = world();
    for (name, product, _) in NAMES {
        let said = |arguments: &[&str], code, text: &str, errors: &str| {
            let outcome = call(&world, name, arguments);
            let expected = heading(product) + text;
            assert_eq!(outcome.all(), (code, expected.as_str(), errors), "{name} {arguments:?}");
        };
        let usage = usage(name, &world.text("log"));
        for arguments in [&[][..], &["help"], &["--help"], &["bogus"], &["HELP"]] {
            said(arguments, 0, &usage, "");
        }
        if name != "znuny.Daemon.pl" {
            said(&["start", "--bogus"], 0, &usage, "Invalid option: --bogus\n\n");
        }
        said(&["status"], 1, "Daemon not running\n", "");
        said(&["stop"], 0, "Daemon stopped\n", "");
        said(&["start"], 0, "Daemon started\n", "");
        said(&["start"], 0, "Daemon already running!\n", "");
        said(&["status"], 0, "Daemon running\n", "");
        world.running("A");
        said(&["stop"], 0, "Daemon stopped\n", "");
        world.deserted();
        said(&["START"], 0, "Daemon started\n", "");
        said(&["stop", "--force"], 0, "Daemon stopped\n", "");
        world.deserted();
        let debug = format!(
            "Daemon started\n\nDebug information is stored in the daemon log files localed under: {}\n\n",
            world.text("log")
        );
        said(&["start", "--debug", "A"], 0, &debug, "");
        world.running("A");
        said(&["stop"], 0, "Daemon stopped\n", "");
        world.deserted();
    }
}

#[test]
fn root_is_refused() {
    if !geteuid().is_root() {
        return;
    }
    let world = World::new();
    for (name, product, user) in NAMES {
        symlink(&world.program, world.path(name)).unwrap();
        let text = format!(
            "Error: You cannot run {name} as root. Please run it as the '{user}' user or with the help of su:\n  \
             su -c \"bin/{name} ...\" -s /bin/bash {user}\n"
        );
        assert_eq!(
            call(&world, name, &["status"]).all(),
            (1, heading(product).as_str(), text.as_str())
        );
    }
}

#[test]
fn its_signals_mean_what_they_mean_there() {
    for (number, grace) in [(SIGINT, 30), (SIGTERM, 5)] {
        let world = world().with(
            "99",
            &[
                setting("Daemon::StopGrace", "7"),
                module("B").native(2).does("Run", "trace began; block 3600").xml(),
            ],
        );
        call(&world, "otrs.Daemon.pl", &["start"]).ok();
        world.traced("B", "began");
        let supervisor = world.status().pid;
        signal(supervisor, number);
        let text = format!("stopping, with {grace} s of grace");
        crate::harness::wait_until(&text, || {
            world.read("log/SupervisorERR.log").contains(&text).then_some(())
        });
        // A second signal: 5 s.
        signal(supervisor, number);
        world.deserted();
    }
}

#[test]
fn our_own_command_line_finds_the_daemon_that_the_originals_name_started() {
    let world = world();
    call(&world, "znuny.Daemon.pl", &["start"]).ok();
    let pid = world.status().pid;
    assert_eq!(fs::read_to_string(format!("/proc/{pid}/comm")).unwrap(), "znuny.Daemon.pl\n");
    assert!(world.otrsd(&["status"]).ok().stdout.contains(&format!("PID {pid}")));
    world.otrsd(&["stop"]).ok();
    assert_eq!(call(&world, "otobo.Daemon.pl", &["status"]).code, 1);
}
