//! Who calls `start`, and what of the caller the daemon must not take over or keep back.

use std::{ffi::OsStr, fs, os::unix::ffi::OsStrExt as _};

use nix::sys::signal::Signal::SIGKILL;

use crate::{
    harness::{World, finish, is_alive, setting, signal, wait_until},
    registration::{configuration, idle, module},
    status::Status,
};

/// A mask of signals of `/proc/PID/status`.
fn mask(pid: i32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let text = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    u64::from_str_radix(text.trim(), 16).unwrap()
}

/// Runs a program with signals blocked and ignored.
const MASKED: &str = "import os, signal, sys\n\
    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))\n\
    for number in (1, 2, 3, 10, 15): signal.signal(number, signal.SIG_IGN)\n\
    os.execv(sys.argv[1], sys.argv[1:])";

#[test]
fn blocked_and_ignored_signals_of_the_caller_reach_no_module() {
    let world = World::new().with(
        "modules",
        &[
            idle("Native", 1),
            module("Command").shell("exec sleep 1000").xml(),
            module("Rounds").shell("exec sleep 7601").key("SleepPost", "60").xml(),
        ],
    );
    let mut caller = world.command("python3");
    caller.args(["-c", MASKED, world.program.to_str().unwrap(), "start"]);
    finish(caller).ok();
    let round = world.process("sleep 7601 ");
    let lives = ["Native", "Command", "Rounds"].map(|name| world.running(name));
    let ours = [1, 2, 3, 10, 15].map(|number: u64| 1 << (number - 1)).iter().sum::<u64>();
    for pid in lives.into_iter().chain([round]) {
        assert_eq!(mask(pid, "SigBlk:"), 0, "blocked in {pid}");
        assert_eq!(mask(pid, "SigIgn:") & ours, 0, "ignored in {pid}");
    }
    signal(world.status().pid, nix::sys::signal::SIGTERM);
    world.deserted();
}

#[test]
fn a_caller_that_ignores_its_children_starts_a_daemon() {
    let world = World::new().with("modules", &[idle("A", 1)]);
    let mut caller = world.command("python3");
    let script = MASKED.replace("(1, 2, 3, 10, 15)", "(17,)");
    caller.args(["-c", &script, world.program.to_str().unwrap(), "start"]);
    let told = finish(caller).ok();
    assert!(told.stdout.starts_with("started (PID "), "{told:?}");
    let a = world.running("A");
    signal(a, SIGKILL);
    world.running_anew("A", a);
}

#[test]
fn a_failure_after_the_log_is_open_reaches_the_caller() {
    let world = World::new().with("modules", &[idle("A", 1)]);
    let socket = world.text("run/Daemon-NodeID-1.sock");
    fs::create_dir_all(format!("{socket}/not-empty")).unwrap();
    for options in [&["start"][..], &["start", "--foreground"]] {
        let told = world.otrsd(options);
        assert_eq!((told.code, told.stdout.as_str()), (1, ""), "{told:?}");
        assert!(told.stderr.contains(&format!("cannot replace {socket}: ")), "{told:?}");
        world.deserted();
    }
    fs::remove_dir_all(&socket).unwrap();
    world.start();
}

#[test]
fn a_daemon_that_is_a_module_of_another_keeps_its_guard() {
    let world = World::new();
    let inner = [
        setting("Daemon::PID::Path", &world.text("inner-run")),
        setting("Daemon::Log::LogPath", &world.text("inner-log")),
        setting("Test::Directory", &world.text("")),
        idle("Inner", 1),
    ];
    fs::create_dir(world.path("inner")).unwrap();
    world.file("inner/all.xml", &configuration(&inner));
    let [config, program] = [world.text("inner"), world.program.display().to_string()];
    let script = format!("OTRSD_CONFIG='{config}' exec '{program}' start --foreground");
    let world = world.with("modules", &[module("Outer").shell(&script).xml(), idle("B", 2)]);
    let outer = world.start();
    let status = || {
        let mut command = world.command(&world.program);
        command.env("OTRSD_CONFIG", world.path("inner")).args(["status", "--json"]);
        serde_json::from_str::<Status>(&finish(command).stdout).ok()
    };
    let inner_pid = || status().and_then(|it| it.running("Inner"));
    let first = wait_until("the inner daemon's module", inner_pid);
    let guard = world.process(&format!(" module guard {}/", world.text("inner-run")));
    let environment = fs::read(format!("/proc/{guard}/environ")).unwrap();
    let environment = String::from_utf8_lossy(&environment);
    for variable in ["OTRSD_RUN=", "OTRSD_INSTANCE=", "OTRSD_MODULE=", "OTRSD_CONFIG_FD="] {
        assert!(!environment.contains(variable), "{environment}");
    }
    // Ends of modules, inner and outer ones, are when strays are looked for.
    signal(first, SIGKILL);
    wait_until("another life of the inner module", || inner_pid().filter(|pid| *pid != first));
    let b = world.running("B");
    signal(b, SIGKILL);
    world.running_anew("B", b);
    assert!(is_alive(guard), "the inner guard was ended");
    // Nothing of the inner daemon outlives the outer one.
    signal(outer, SIGKILL);
    world.deserted();
}

#[test]
fn a_configuration_path_that_is_no_text_is_refused() {
    let world = World::new().with("modules", &[idle("A", 1)]);
    let path = world.path("").join(OsStr::from_bytes(b"config-\xff"));
    fs::rename(world.path("config"), &path).unwrap();
    for arguments in [["start"], ["status"], ["check"]] {
        let mut command = world.command(&world.program);
        command.env("OTRSD_CONFIG", &path).args(arguments);
        let told = finish(command);
        assert_eq!(told.code, 3, "{told:?}");
        assert!(told.stderr.ends_with(": the path of a configuration must be UTF-8\n"), "{told:?}");
    }
}
