//! Start returns when the daemon runs or has failed, and says so; it keeps nothing of its caller.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    thread,
};

use nix::unistd::{Pid, geteuid, getsid};

use crate::{
    harness::{World, finish, is_alive, setting, wait_until},
    registration::{idle, module},
};

#[test]
fn a_second_start_is_no_failure() {
    let world = World::new().with("modules", &[idle("A", 1)]);
    let pid = world.start();
    let said = format!("already running (PID {pid})\n");
    assert_eq!(world.otrsd(&["start"]).all(), (0, said.as_str(), ""));
    assert_eq!(world.otrsd(&["start", "--foreground"]).all(), (0, said.as_str(), ""));
    assert_eq!(world.status().pid, pid);
}

#[test]
fn a_daemon_keeps_nothing_of_its_caller() {
    let world =
        World::new().with("modules", &[idle("A", 1), module("B").shell("exec sleep 1000").xml()]);
    // The pipes of `start` end with it, a descriptor that the caller forgot too.
    let mut command = world.command("/bin/sh");
    let program = world.program.display();
    command.args(["-c", &format!("exec 7>&1; \"{program}\" start | cat")]);
    assert!(finish(command).ok().stdout.starts_with("started (PID "));
    let pid = world.status().pid;
    assert_eq!(getsid(Some(Pid::from_raw(pid))), Ok(Pid::from_raw(pid)), "a session of its own");
    assert_eq!(fs::read_link(format!("/proc/{pid}/cwd")).unwrap().to_str(), Some("/"));
    let descriptors = |pid: i32| {
        let entries = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
        let links = entries.filter_map(|entry| fs::read_link(entry.path()).ok());
        links.map(|link| link.to_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(descriptors(pid)[..2], ["/dev/null", "/dev/null"]);
    let log = world.text("log/BERR.log");
    assert_eq!(descriptors(world.running("B")), ["/dev/null", "/dev/null", &log]);
    let native = descriptors(world.running("A"));
    assert!(!native.iter().any(|it| it.starts_with("pipe:")), "{native:?}");
}

#[test]
fn a_start_that_fails_says_why() {
    let nobody = || World::new().by_nobody().with("modules", &[idle("A", 1)]);
    let locked = |name: &str| {
        let world = nobody();
        fs::create_dir(world.path("locked")).unwrap();
        fs::set_permissions(world.path("locked"), fs::Permissions::from_mode(0o555)).unwrap();
        world.with("99", &[setting(name, "LOCKED")])
    };
    for (name, options) in [
        ("Daemon::PID::Path", &["start"][..]),
        ("Daemon::Log::LogPath", &["start"]),
        ("Daemon::PID::Path", &["start", "--foreground"]),
    ] {
        for below in ["locked", "locked/sub"] {
            let world = locked(name);
            let path = world.text(below);
            world.configure("99", &[setting(name, &path)]);
            let said = world.otrsd(options);
            let text = format!("cannot write into {path} (setting {name}): ");
            assert_eq!((said.code, said.stdout.as_str()), (1, ""), "{said:?}");
            assert!(said.stderr.contains(&text), "{said:?}");
            assert!(world.processes().is_empty());
            let checked = world.otrsd(&["check"]);
            assert_eq!(checked.code, 3, "{checked:?}");
            assert!(
                checked.stdout.contains(&format!("setting {name}: cannot write into {path}: ")),
                "{checked:?}"
            );
        }
    }
    let world = nobody();
    world.file(
        "config/broken.xml",
        "<otrs_config version=\"2.0\" init=\"Config\">\n  <Setting>\n</otrs_config>",
    );
    for options in [&["start"][..], &["start", "--foreground"]] {
        let said = world.otrsd(options);
        let text = format!(
            "{}:3:1: found </otrs_config>; expected </Setting>",
            world.text("config/broken.xml")
        );
        assert_eq!((said.code, said.stdout.as_str()), (3, ""), "{said:?}");
        assert!(said.stderr.starts_with(&text), "{said:?}");
    }
}

type Variables<'a> = &'a [(&'a str, &'a str)];

#[test]
fn a_user_has_directories_of_its_own() {
    let world = World::new().by_nobody();
    if geteuid().is_root() {
        let owner = fs::metadata(world.path("config")).unwrap().uid();
        assert_ne!(owner, 0);
    }
    fs::remove_file(world.path("config/00-base.xml")).unwrap();
    let otrsd = |variables: &[(&str, &str)], arguments: &[&str]| {
        let mut command = world.command(&world.program);
        command.env_remove("OTRSD_CONFIG").args(arguments).envs(variables.iter().copied());
        finish(command)
    };
    let registration =
        idle("A", 1) + "<Setting Name=\"DaemonModules###WebConsole\" Valid=\"0\"/>\n";
    let xml = format!("<otrs_config version=\"2.0\" init=\"Config\">{registration}</otrs_config>");
    let xdg = |name: &str| world.text(name);
    let (config, state, runtime) = (xdg("x/config"), xdg("x/state"), xdg("x/run"));
    let mut maker = world.command("/bin/mkdir");
    maker.args(["-p", &world.text("x/config/otrsd"), &world.text(".config/otrsd"), &runtime]);
    finish(maker).ok();
    let cases: [(Variables<'_>, &str, &str, &str); 2] = [
        (&[], ".config/otrsd", ".local/state/otrsd/log", ".local/state/otrsd"),
        (
            &[
                ("XDG_CONFIG_HOME", &config),
                ("XDG_STATE_HOME", &state),
                ("XDG_RUNTIME_DIR", &runtime),
            ],
            "x/config/otrsd",
            "x/state/otrsd/log",
            "x/run/otrsd",
        ),
    ];
    for (variables, config, log, run) in cases {
        world.file(&format!("{config}/a.xml"), &xml);
        otrsd(variables, &["start"]).ok();
        let pid = world.read(&format!("{run}/Daemon-NodeID-1.pid")).parse::<i32>().unwrap();
        assert!(is_alive(pid));
        assert!(world.path(&format!("{log}/SupervisorERR.log")).exists());
        assert_eq!(fs::metadata(world.path(log)).unwrap().mode() & 0o777, 0o750);
        assert_eq!(
            otrsd(variables, &["list"]).ok().stdout,
            "Listing system daemons...\n  A\nDone.\n"
        );
        otrsd(variables, &["stop"]).ok();
        world.deserted();
    }
}

#[test]
fn the_debug_mode_is_for_the_modules_that_are_named() {
    let chatty = |name, number| module(name).native(number).key("SleepPost", "0.05").xml();
    for (options, expected) in
        [(&["--debug"][..], [true, true]), (&["--debug", "A"], [true, false])]
    {
        let world = World::new().with("modules", &[chatty("A", 1), chatty("B", 2)]);
        world.otrsd(&[&["start"], options].concat()).ok();
        world.running("B");
        let told = |name: &str| {
            world
                .read(&format!("log/{name}OUT.log"))
                .contains(&format!("  Daemon: {name} Discard Count: "))
        };
        wait_until("what A tells", || told("A").then_some(()));
        if expected[1] {
            wait_until("what B tells", || told("B").then_some(()));
        } else {
            assert!(!world.path("log/BOUT.log").exists());
        }
    }
}

#[test]
fn of_many_starts_at_once_one_succeeds() {
    let world = World::new().with("modules", &[idle("A", 1)]);
    let outcomes: Vec<_> = thread::scope(|scope| {
        let starts: Vec<_> = (0..20).map(|_| scope.spawn(|| world.otrsd(&["start"]))).collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });
    assert!(outcomes.iter().all(|outcome| outcome.code == 0), "{outcomes:#?}");
    let started =
        outcomes.iter().filter(|outcome| outcome.stdout.starts_with("started (PID ")).count();
    let refused = outcomes.iter().filter(|outcome| outcome.stdout.starts_with("already running"));
    assert_eq!((started, refused.count()), (1, 19), "{outcomes:#?}");
    let supervisor = world.status().pid;
    let mut processes = world.processes();
    processes.retain(|(_, line)| line.trim_end().ends_with(" start"));
    assert_eq!(processes.iter().map(|it| it.0).collect::<Vec<_>>(), [supervisor]);
}
