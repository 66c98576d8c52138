//! The places of our files, when they are not what they should be: links, FIFOs, locked, moved,
//! or relative.

use std::{
    fs,
    os::unix::{fs::PermissionsExt as _, fs::symlink, process::CommandExt as _},
};

use nix::unistd::geteuid;

use crate::{
    harness::{World, finish, setting, wait_until},
    registration::{idle, module},
    status::Status,
};

const FILE: &str = "run/Daemon-NodeID-1.pid";
const PRECIOUS: &str = "precious\n";

/// A world whose directories are there already.
fn world() -> World {
    let world = World::new()
        .with("modules", &[idle("A", 1)])
        .with("zz", &[setting("Daemon::Log::STDOUT", "1"), setting("Daemon::Log::STDERR", "1")]);
    for name in ["run", "log"] {
        fs::create_dir(world.path(name)).unwrap();
    }
    world
}

fn fifo(world: &World, name: &str) {
    let mut command = world.command("mkfifo");
    command.arg(world.path(name));
    finish(command).ok();
}

#[test]
fn a_link_in_the_place_of_the_pid_file_is_refused() {
    for name in [FILE, "run/Daemon-NodeID-1.lock"] {
        let world = world();
        world.file("victim", PRECIOUS);
        fs::set_permissions(world.path("victim"), fs::Permissions::from_mode(0o600)).unwrap();
        symlink(world.path("victim"), world.path(name)).unwrap();
        let told = world.otrsd(&["start"]);
        assert_eq!((told.code, told.stdout.as_str()), (1, ""), "{told:?}");
        let refusal = format!("{}: a symbolic link is not followed here", world.text(name));
        assert!(told.stderr.contains(&refusal), "{told:?}");
        assert_eq!(world.read("victim"), PRECIOUS);
        let mode = fs::metadata(world.path("victim")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        world.deserted();
        fs::remove_file(world.path(name)).unwrap();
        world.start();
    }
}

#[test]
fn a_fifo_in_the_place_of_the_pid_file_is_refused() {
    let world = world();
    fifo(&world, FILE);
    let told = world.otrsd(&["start"]);
    assert_eq!((told.code, told.stdout.as_str()), (1, ""), "{told:?}");
    world.deserted();
}

#[test]
fn a_link_in_the_place_of_a_log_is_not_followed() {
    // An empty file is not renamed first, one with something in it is.
    for text in ["", PRECIOUS] {
        let world = world();
        world.file("victim", text);
        for name in ["AOUT.log", "AERR.log"] {
            symlink(world.path("victim"), world.path(&format!("log/{name}"))).unwrap();
        }
        world.start();
        let a = world.running("A");
        let output = |number| fs::read_link(format!("/proc/{a}/fd/{number}")).unwrap();
        let victim = world.path("victim");
        assert!(output(1) != victim && output(2) != victim, "{text:?}");
        assert_eq!(world.read("victim"), text);
    }
    let world = world();
    world.file("victim", "");
    symlink(world.path("victim"), world.path("log/SupervisorERR.log")).unwrap();
    let told = world.otrsd(&["start"]);
    assert_eq!((told.code, world.read("victim").as_str()), (1, ""), "{told:?}");
    assert!(told.stderr.contains("cannot write the supervisor's log"), "{told:?}");
    world.deserted();
}

#[test]
fn a_fifo_in_the_place_of_a_log_holds_up_nobody() {
    let world = world();
    fifo(&world, "log/AERR.log");
    world.start();
    let noted = |status: &Status| status.module("A").note.clone();
    let (status, note) = world.wait_for("a note", noted);
    assert!(note.contains(&world.text("log/AERR.log")), "{note}");
    assert_eq!(status.module("A").state, "running");
    world.otrsd(&["stop"]).ok();
    fifo(&world, "log/fifo");
    fs::rename(world.path("log/fifo"), world.path("log/SupervisorERR.log")).unwrap();
    let told = world.otrsd(&["start"]);
    assert_eq!((told.code, told.stdout.as_str()), (1, ""), "{told:?}");
    world.deserted();
}

#[test]
fn who_may_not_look_is_told_so_and_not_that_nobody_runs() {
    if !geteuid().is_root() {
        return;
    }
    let world = world().with_own_program();
    fs::set_permissions(world.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    let pid = world.start();
    let ask = |arguments: &[&str]| {
        let mut command = world.command(&world.program);
        command.args(arguments).uid(65534).gid(65534);
        finish(command)
    };
    for (mode, what) in [(0o755, "the file"), (0o700, "its directory")] {
        fs::set_permissions(world.path("run"), fs::Permissions::from_mode(mode)).unwrap();
        for command in ["status", "stop", "reload"] {
            let told = ask(&[command]);
            assert_eq!((told.code, told.stdout.as_str()), (1, ""), "{what}: {told:?}");
            let text = told.stderr;
            assert!(text.contains("Permission denied") && !text.contains("not running"), "{text}");
        }
    }
    assert_eq!(world.status().pid, pid);
}

#[test]
fn a_start_after_the_configured_place_changed_starts_no_second_daemon() {
    let world = world();
    let pid = world.start();
    let a = world.running("A");
    let said = format!("already running (PID {pid})\n");
    for moved in [setting("Daemon::PID::Path", &world.text("elsewhere")), setting("NodeID", "2")] {
        world.configure("zzz", &[moved]);
        assert_eq!(world.otrsd(&["start"]).all(), (0, said.as_str(), ""));
    }
    let supervisors = world.processes().iter().filter(|(_, it)| it.ends_with(" start ")).count();
    assert_eq!((supervisors, world.status().module("A").pid), (1, Some(a)));
    assert!(!world.path("elsewhere").exists());
}

#[test]
fn what_is_missing_is_named() {
    let missing = world().path("not-there").display().to_string();
    let world = World::new().with(
        "modules",
        &[
            module("Directory")
                .command(&["/bin/sleep", "1000"])
                .key("WorkingDirectory", &missing)
                .xml(),
            module("Program").command(&[&missing]).xml(),
            module("Name").command(&["no-such-program-anywhere"]).xml(),
        ],
    );
    world.otrsd(&["start"]);
    for (name, text) in [
        ("Directory", format!("WorkingDirectory {missing} is no directory")),
        ("Program", format!("{missing}: No such file or directory")),
        ("Name", "no-such-program-anywhere is not in PATH".to_owned()),
    ] {
        let failed = |status: &Status| status.module(name).last_exit.clone();
        let exit = world.wait_for("a start that fails", failed).1;
        assert!(exit.how.starts_with("cannot start"), "{exit:?}");
        assert_eq!(exit.how.matches(&text).count(), 1, "{exit:?}");
    }
    wait_until("the log", || {
        world.read("log/SupervisorERR.log").contains(" is no directory").then_some(())
    });
}

#[test]
fn a_relative_path_is_reported_and_the_default_holds() {
    // Of a user that is not root the standard directories lie in the world.
    let world = World::new().by_nobody();
    fs::remove_file(world.path("config/00-base.xml")).unwrap();
    let bad = ["Daemon::PID::Path", "Daemon::Log::LogPath"];
    let world = world.with("zz", &bad.map(|name| setting(name, "relative")));
    let no_console = "<Setting Name=\"DaemonModules###WebConsole\" Valid=\"0\"/>\n";
    let world = world.with("yy", &[no_console.to_owned()]);
    let checked = world.otrsd(&["check"]);
    let state = world.text(".local/state/otrsd");
    for (name, standard) in bad.iter().zip([state.clone(), format!("{state}/log")]) {
        let told = format!("setting {name}: no absolute path; {standard} is used\n");
        assert!(checked.code == 3 && checked.stdout.contains(&told), "{told}{checked:?}");
    }
    world.otrsd(&["start"]).ok();
    let mut elsewhere = world.command(&world.program);
    elsewhere.arg("status").current_dir("/");
    assert!(finish(elsewhere).ok().stdout.contains(" is running: PID "));
    assert!(!world.path("relative").exists());
}
