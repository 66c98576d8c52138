//! A replaced binary takes over in place: same supervisor, same lock, same children.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
};

use nix::sys::signal::Signal::{SIGHUP, SIGKILL};

use crate::{
    harness::{World, install, is_alive, setting, signal, wait_until},
    registration::{idle, module},
    status::Status,
};

const COMMAND: &str = "sleep 7201 & setsid sleep 7202 & wait";

pub(crate) fn world() -> World {
    World::new().with_own_program().with(
        "modules",
        &[
            idle("A", 1),
            idle("B", 2),
            module("Round").native(3).key("SleepPost", "0.05").key("WatchdogSeconds", "10").xml(),
            module("Command").shell(COMMAND).xml(),
            module("Rounds").shell("true").key("SleepPost", "3600").xml(),
        ],
    )
}

/// A build that differs: the same program with something after its end.
pub(crate) fn replace(world: &World) {
    let mut program = fs::read(&world.program).unwrap();
    program.extend(b"another build");
    replace_by(world, &program);
}

fn replace_by(world: &World, bytes: &[u8]) {
    let [data, new] = ["new-data", "new-program"].map(|name| world.path(name));
    fs::write(&data, bytes).unwrap();
    install(&data, &new);
    fs::rename(new, &world.program).unwrap();
}

const OURS: [&str; 4] = ["A", "B", "Round", "Rounds"];

pub(crate) fn pids(world: &World) -> [i32; 4] {
    OURS.map(|name| world.running(name))
}

/// The file that a process is running.
fn image(pid: i32) -> u64 {
    fs::metadata(format!("/proc/{pid}/exe")).map_or(0, |file| file.ino())
}

#[track_caller]
fn all_are_new(world: &World) {
    let wanted = fs::metadata(&world.program).unwrap().ino();
    world.wait_for("all modules of the new program", |status: &Status| {
        OURS.iter()
            .all(|name| status.running(name).is_some_and(|pid| image(pid) == wanted))
            .then_some(())
    });
}

#[test]
fn the_new_program_takes_over_and_nothing_is_dropped() {
    let world = world();
    let supervisor = world.start();
    let before = pids(&world);
    let command = world.running("Command");
    let helpers = [7201, 7202].map(|number| world.process(&format!("sleep {number} ")));
    let (old_image, lock) = (image(supervisor), world.read("run/Daemon-NodeID-1.pid"));

    replace(&world);
    let told = world.otrsd(&["reload"]).ok();
    assert!(told.stdout.ends_with("reloaded; the new program took over\n"), "{told:?}");
    assert_eq!(world.status().pid, supervisor);
    assert_ne!(image(supervisor), old_image);
    all_are_new(&world);
    let after = pids(&world);
    for (old, new) in before.iter().zip(after) {
        assert_ne!(*old, new);
    }
    assert_eq!(world.running("Command"), command);
    assert!(helpers.into_iter().all(is_alive));
    assert_eq!(world.read("run/Daemon-NodeID-1.pid"), lock);
    assert_eq!(lock, supervisor.to_string());
    let status = world.status();
    let exit = status.module("A").last_exit.as_ref().unwrap();
    assert_eq!((exit.planned, exit.reason.as_str()), (true, "the program was replaced"));
    assert_eq!(status.module("Command").restarts, 0);

    // It is a daemon like any other: it loses none,
    signal(command, SIGKILL);
    let command = world.running_anew("Command", command);
    helpers.into_iter().for_each(crate::harness::gone);
    let environment = fs::read(format!("/proc/{command}/environ")).unwrap();
    let environment = String::from_utf8_lossy(&environment);
    assert!(!environment.contains("OTRSD_STATE_FD") && !environment.contains("OTRSD_DAEMONIZED"));
    signal(after[0], SIGKILL);
    world.running_anew("A", after[0]);
    let second = world.otrsd(&["start"]);
    assert_eq!(second.all(), (0, format!("already running (PID {supervisor})\n").as_str(), ""));
    // is replaced again,
    let old_image = image(supervisor);
    replace(&world);
    world.otrsd(&["reload"]).ok();
    assert_ne!(image(supervisor), old_image);
    all_are_new(&world);
    assert_eq!((world.status().pid, world.running("Command")), (supervisor, command));
    // and stops.
    world.otrsd(&["stop"]).ok();
    world.deserted();
}

#[test]
fn a_hangup_takes_over_too_and_the_new_image_is_guarded() {
    let world = world();
    let supervisor = world.start();
    pids(&world);
    replace(&world);
    signal(supervisor, SIGHUP);
    wait_until("the new image", || {
        world.read("log/SupervisorERR.log").contains(" took over (PID ").then_some(())
    });
    all_are_new(&world);
    world.process("sleep 7202 ");
    signal(supervisor, SIGKILL);
    world.deserted();
}

#[test]
fn a_changed_configuration_is_taken_with_the_program() {
    let world = world();
    world.start();
    pids(&world);
    replace(&world);
    world.configure("more", &[idle("New", 4), setting("Ticket::Hook", "Case#")]);
    world.otrsd(&["reload"]).ok();
    world.running("New");
    all_are_new(&world);
}

#[test]
fn a_file_that_cannot_take_over_is_refused_and_the_old_program_runs_on() {
    let other = |path| fs::read(path).unwrap();
    let files = [
        ("no program", b"not a program\n".to_vec(), "the running one stays: it is no program"),
        ("an empty file", Vec::new(), "the running one stays: it is no program"),
        ("a script", b"#!/bin/sh\nexit 114\n".to_vec(), "the running one stays: it is no program"),
        ("one that fails", other("/bin/false"), "the running one stays: it ended with exit 1"),
        ("another one", other("/bin/true"), "the running one stays: it ended with exit 0"),
    ];
    for (what, bytes, reason) in files {
        let world = world();
        let client = world.path("client");
        install(&world.program, &client);
        let supervisor = world.start();
        let before = pids(&world);
        replace_by(&world, &bytes);
        let mut command = world.command(&client);
        command.arg("reload");
        let told = crate::harness::finish(command);
        assert_eq!(world.status().pid, supervisor, "{what}: {told:?}");
        assert_eq!(pids(&world), before, "{what}");
        assert!(!world.path("executed").exists(), "{what} was executed");
        let log = world.read("log/SupervisorERR.log");
        assert!(log.contains(reason), "{what}: {log}");
        signal(before[0], SIGKILL);
        world.running_anew("A", before[0]);
        // Another file is another chance.
        replace_by(&world, &fs::read(&client).unwrap());
        signal(supervisor, SIGHUP);
        all_are_new(&world);
        assert_eq!(world.status().pid, supervisor);
    }
}

#[test]
fn a_program_that_others_may_replace_is_not_executed() {
    let world = world();
    let supervisor = world.start();
    let before = pids(&world);
    replace(&world);
    let program = world.program.canonicalize().unwrap();
    let mode = |mode| fs::set_permissions(&program, fs::Permissions::from_mode(mode)).unwrap();
    mode(0o775);
    world.otrsd(&["reload"]);
    let told = format!("{0} can be written by others; chmod go-w {0}", program.display());
    let log = world.read("log/SupervisorERR.log");
    assert!(log.contains(&told), "{log}");
    assert_eq!((world.status().pid, pids(&world)), (supervisor, before));
    mode(0o755);
    replace(&world);
    world.otrsd(&["reload"]).ok();
    all_are_new(&world);
}

/// As a member of a help desk's group could lay it there.
#[test]
fn what_lies_in_the_place_of_the_log_ends_nothing() {
    let world = world();
    let supervisor = world.start();
    pids(&world);
    let log = world.path("log/SupervisorERR.log");
    fs::remove_file(&log).unwrap();
    nix::unistd::mkfifo(&log, nix::sys::stat::Mode::S_IRWXU).unwrap();
    replace(&world);
    world.otrsd(&["reload"]).ok();
    all_are_new(&world);
    assert_eq!(world.status().pid, supervisor);
}

#[test]
fn a_module_that_does_not_get_ready_does_not_hold_up_the_others() {
    let world = world().with("hanging", &[module("AA").native(5).does("New", "").xml()]);
    let supervisor = world.start();
    pids(&world);
    world.running("AA");
    world.configure("hanging", &[module("AA").native(5).does("New", "hang").xml()]);
    replace(&world);
    signal(supervisor, SIGHUP);
    wait_until("the new image", || {
        world.read("log/SupervisorERR.log").contains(" took over (PID ").then_some(())
    });
    all_are_new(&world);
}

#[test]
fn a_broken_file_is_told_although_the_new_program_took_over() {
    let world = world();
    let supervisor = world.start();
    pids(&world);
    let old_image = image(supervisor);
    replace(&world);
    world.file("config/broken.xml", "<otrs_config version=\"2.0\" init=\"Config\">\n<Setting>\n");
    let told = world.otrsd(&["reload"]);
    assert_eq!(told.code, 1, "{told:?}");
    assert!(told.stderr.contains(&world.text("config/broken.xml")), "{told:?}");
    assert!(told.stderr.contains("runs on with the configuration it has"), "{told:?}");
    assert_ne!(image(supervisor), old_image, "the new program took over");
    all_are_new(&world);
    assert!(world.status().configuration_error.unwrap().contains("broken.xml"));
    fs::remove_file(world.path("config/broken.xml")).unwrap();
    world.otrsd(&["reload"]).ok();
    assert_eq!(world.status().configuration_error, None);
}

#[test]
fn each_program_has_a_log_of_its_own() {
    let world = world();
    world.start();
    pids(&world);
    replace(&world);
    world.otrsd(&["reload"]).ok();
    let entries = fs::read_dir(world.path("log")).unwrap().flatten();
    let names = entries.map(|entry| entry.file_name().into_string().unwrap());
    let renamed: Vec<_> = names.filter(|name| name.starts_with("SupervisorERR-")).collect();
    assert_eq!(renamed.len(), 1, "{renamed:?}");
    assert!(world.read(&format!("log/{}", renamed[0])).contains(" takes over"));
    let log = world.read("log/SupervisorERR.log");
    assert!(log.contains(" took over (PID ") && !log.contains(" takes over"), "{log}");
}
