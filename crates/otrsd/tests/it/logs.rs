//! Log files: the original's names, renaming and keeping; and a daemon that survives losing them.

use std::{fs, os::unix::fs::MetadataExt as _};

use nix::{
    sys::signal::Signal::{SIGHUP, SIGKILL, SIGUSR1},
    unistd::geteuid,
};

use crate::{
    harness::{World, finish, setting, signal, wait_until},
    registration::{Registration, idle, module},
};

/// Speaks on both streams, again and again.
fn chatty(name: &str, number: u16) -> Registration {
    module(name).native(number).does("Run", "say out; complain err").key("SleepPost", "0.05")
}

fn shouting(name: &str) -> Registration {
    module(name).shell("while true; do echo out; echo err >&2; sleep 0.05; done")
}

/// The log files of the world, sorted.
fn logs(world: &World) -> Vec<String> {
    let entries = fs::read_dir(world.path("log")).unwrap().flatten();
    let mut names: Vec<_> = entries.map(|it| it.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn filled(world: &World, name: &str) {
    wait_until(&format!("something in {name}"), || (!world.read(name).is_empty()).then_some(()));
}

#[test]
fn the_settings_say_which_streams_are_kept() {
    for (stdout, stderr) in [(true, true), (true, false), (false, true), (false, false)] {
        let switch = |on: bool| if on { "1" } else { "0" };
        let world = World::new().with(
            "modules",
            &[
                setting("Daemon::Log::STDOUT", switch(stdout)),
                setting("Daemon::Log::STDERR", switch(stderr)),
                chatty("A", 1).does("PostRun", "trace spoke").xml(),
                shouting("B").xml(),
            ],
        );
        world.start();
        world.traced("A", "spoke");
        for name in ["A", "B"] {
            for (stream, kept) in [("OUT", stdout), ("ERR", stderr)] {
                let file = format!("log/{name}{stream}.log");
                if kept {
                    filled(&world, &file);
                    assert_eq!(world.read(&file).lines().next(), Some(&*stream.to_lowercase()));
                    assert_eq!(fs::metadata(world.path(&file)).unwrap().mode() & 0o777, 0o640);
                } else {
                    assert!(!world.path(&file).exists(), "{file}");
                }
            }
        }
    }
}

#[test]
fn in_the_foreground_standard_output_is_the_terminals() {
    let world = World::new().with("modules", &[chatty("A", 1).xml()]);
    world.start_in_foreground();
    wait_until("A's voice", || world.read("out").starts_with("out\n").then_some(()));
    filled(&world, "log/AERR.log");
    assert!(world.read("err").contains("INFO A started "), "the supervisor speaks there");
}

#[test]
fn a_log_is_renamed_when_its_module_starts_and_nothing_is_overwritten() {
    let keep = setting("Daemon::Log::STDOUT", "1");
    let world = World::new().with("modules", &[keep, chatty("A", 1).xml(), idle("Quiet", 2)]);
    fs::create_dir(world.path("log")).unwrap();
    world.file("log/AOUT.log", "an earlier run's\n");
    world.file("log/SupervisorERR.log", "an earlier run's too\n");
    world.start();
    filled(&world, "log/AOUT.log");
    let renamed = |world: &World, stem: &str| {
        let mut names = logs(world);
        names.retain(|name| {
            let second =
                name.strip_prefix(&format!("{stem}-")).and_then(|it| it.strip_suffix(".log"));
            second.is_some_and(|second| second.len() == 10 && second.parse::<u64>().is_ok())
        });
        names
    };
    let first = renamed(&world, "AOUT");
    assert_eq!(first.len(), 1, "{:?}", logs(&world));
    assert_eq!(world.read(&format!("log/{}", first[0])), "an earlier run's\n");
    assert_eq!(renamed(&world, "SupervisorERR").len(), 1);
    assert!(!world.read("log/AOUT.log").contains("earlier"));
    // Three lives within a second: three files.
    for lives in 2..=4 {
        let pid = world.running("A");
        filled(&world, "log/AOUT.log");
        world.otrsd(&["restart", "A"]);
        world.running_anew("A", pid);
        wait_until("another renamed log", || {
            (renamed(&world, "AOUT").len() == lives).then_some(())
        });
    }
    world.otrsd(&["stop"]).ok();
    assert!(!world.path("log/QuietERR.log").exists(), "empty logs go: {:?}", logs(&world));
}

#[test]
fn renamed_logs_are_kept_for_days() {
    let world =
        World::new().with("modules", &[setting("Daemon::Log::DaysToKeep", "2"), idle("A", 1)]);
    fs::create_dir(world.path("log")).unwrap();
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let day = 24 * 3600;
    let name = |seconds: u64| format!("log/AERR-{}.log", now - seconds);
    for age in [3 * day, 2 * day + 60, 2 * day - 600, day] {
        world.file(&name(age), "x\n");
    }
    for other in ["log/AERR-notes.log", "log/XERR-1000000000.log", "log/notes.txt"] {
        world.file(other, "somebody's\n");
    }
    world.start();
    world.running("A");
    let there =
        [3 * day, 2 * day + 60, 2 * day - 600, day].map(|age| world.path(&name(age)).exists());
    assert_eq!(there, [false, false, true, true]);
    for other in ["log/AERR-notes.log", "log/XERR-1000000000.log", "log/notes.txt"] {
        assert!(world.path(other).exists(), "{other} is not A's");
    }
}

#[test]
fn after_an_external_rotation_native_modules_go_on_and_commands_restart() {
    for number in [SIGUSR1, SIGHUP] {
        let world = World::new().with(
            "modules",
            &[
                setting("Daemon::Log::RotationType", "external"),
                setting("Daemon::Log::STDOUT", "1"),
                chatty("Native", 1).xml(),
                shouting("Command").xml(),
                shouting("Untouched").xml(),
            ],
        );
        let supervisor = world.start();
        let native = world.running("Native");
        let [command, untouched] = ["Command", "Untouched"].map(|name| world.running(name));
        for name in ["NativeOUT", "NativeERR", "CommandOUT", "SupervisorERR", "UntouchedOUT"] {
            filled(&world, &format!("log/{name}.log"));
        }
        for name in ["NativeOUT", "NativeERR", "CommandOUT", "SupervisorERR"] {
            let file = world.path(&format!("log/{name}.log"));
            fs::rename(&file, file.with_extension("log.1")).unwrap();
        }
        signal(supervisor, number);
        let new = world.running_anew("Command", command);
        assert_ne!(new, command);
        for name in ["NativeOUT", "NativeERR", "CommandOUT", "SupervisorERR"] {
            filled(&world, &format!("log/{name}.log"));
        }
        assert_eq!(world.running("Native"), native, "it opened its files anew");
        assert_eq!(world.running("Untouched"), untouched);
        assert!(logs(&world).iter().all(|name| !name.contains('-')), "{:?}", logs(&world));
    }
}

#[test]
fn a_log_directory_that_vanishes_stops_nothing() {
    let world = World::new()
        .with("modules", &[chatty("A", 1).does("PostRun", "trace round").xml(), idle("B", 2)]);
    world.start();
    let (a, b) = (world.running("A"), world.running("B"));
    fs::remove_dir_all(world.path("log")).unwrap();
    world.file("log", "a file in its place");
    signal(a, SIGKILL);
    world.running_anew("A", a);
    let (status, note) = world.wait_for("a note", |status| status.module("A").note.clone());
    assert!(note.contains(&world.text("log")), "{note}");
    assert_eq!(status.module("B").pid, Some(b));
    let shown = world.otrsd(&["status"]).ok().stdout;
    assert!(shown.contains(&note), "{shown}");
    fs::remove_file(world.path("log")).unwrap();
    fs::create_dir(world.path("log")).unwrap();
    let a = world.running("A");
    signal(a, SIGKILL);
    world.running_anew("A", a);
    filled(&world, "log/AERR.log");
    assert_eq!(world.status().module("A").note, None);
}

/// A file system that goes with the test.
struct Mounted(String);

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").args(["-l", &self.0]).status();
    }
}

#[test]
fn a_full_file_system_stops_nothing() {
    if !geteuid().is_root() {
        return;
    }
    let world = World::new().with(
        "modules",
        &[
            setting("Daemon::Log::STDOUT", "1"),
            chatty("A", 1)
                .does("Run", &format!("say {}", "out".repeat(1000)))
                .does("PostRun", "trace round")
                .xml(),
            shouting("B").xml(),
        ],
    );
    fs::create_dir(world.path("log")).unwrap();
    let mut mount = world.command("mount");
    mount.args(["-t", "tmpfs", "-o", "size=64k", "tmpfs", &world.text("log")]);
    if finish(mount).code != 0 {
        // A container that may not mount.
        return;
    }
    let _mounted = Mounted(world.text("log"));
    let supervisor = world.start();
    wait_until("a full disk", || {
        let _ = fs::write(world.path("log/filler"), vec![0; 1 << 20]);
        fs::write(world.path("log/more"), "x").is_err().then_some(())
    });
    world.file("A.trace", "");
    world.traced("A", "round");
    let (_, note) = world.wait_for("a note", |status| status.module("A").note.clone());
    assert_eq!(note, "output is being lost: No space left on device (os error 28)");
    for name in ["A", "B"] {
        let pid = world.running(name);
        signal(pid, SIGKILL);
        world.running_anew(name, pid);
    }
    world.otrsd(&["reload"]).ok();
    assert_eq!(world.status().pid, supervisor);
    world.otrsd(&["stop"]).ok();
}

#[test]
fn the_supervisors_log_is_text_or_json() {
    for (format, is_json) in [("text", false), ("json", true)] {
        let world =
            World::new().with("modules", &[setting("Daemon::Log::Format", format), idle("A", 1)]);
        world.start();
        world.running("A");
        let log = world.read("log/SupervisorERR.log");
        assert!(log.lines().count() >= 2, "{log}");
        for line in log.lines() {
            let parsed = serde_json::from_str::<serde_json::Value>(line);
            assert_eq!(
                parsed.is_ok_and(|it| it["message"].is_string() && it["level"] == "INFO"),
                is_json,
                "{line}"
            );
        }
    }
}
