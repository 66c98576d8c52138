//! What the daemon is run by: an init of its own, a container as PID 1, a service manager.

use std::{
    os::{
        linux::net::SocketAddrExt as _,
        unix::net::{SocketAddr, UnixDatagram},
    },
    path::Path,
    time::Duration,
};

use nix::{
    sys::signal::Signal::{SIGHUP, SIGKILL, SIGTERM},
    unistd::geteuid,
};

use crate::{
    harness::{Outcome, World, finish, setting, signal, wait_until},
    registration::{idle, module},
    tasks::{Database, Tasks, shell},
};

/// A service manager that listens to what the daemon says.
struct Manager {
    socket: UnixDatagram,
}

impl Manager {
    fn at(path: &Path) -> Self {
        Self::listening(UnixDatagram::bind(path).unwrap())
    }

    fn abstract_name(name: &str) -> Self {
        Self::listening(
            UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(name).unwrap()).unwrap(),
        )
    }

    fn listening(socket: UnixDatagram) -> Self {
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Self { socket }
    }

    /// The next message that is not a mere sign of life.
    fn news(&self) -> String {
        loop {
            let message = self.message();
            if message != "WATCHDOG=1" {
                return message;
            }
        }
    }

    fn message(&self) -> String {
        let mut bytes = [0; 4096];
        let length = self.socket.recv(&mut bytes).expect("a message to the service manager");
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    }
}

/// Starts the daemon in the foreground, as a service manager does.
fn serve(world: &World, variables: &[(&str, &str)]) -> i32 {
    let mut command = world.command(&world.program);
    command.args(["start", "--foreground"]).envs(variables.iter().copied());
    world.spawn(command)
}

#[test]
fn a_service_manager_hears_of_start_reload_and_stop() {
    let world = World::new().with("modules", &[idle("A", 1), setting("Daemon::StopGrace", "12")]);
    let name = format!("otrsd-it-{}", std::process::id());
    let path = world.text("notify");
    let managers = [
        (Manager::at(Path::new(&path)), path),
        (Manager::abstract_name(&name), format!("@{name}")),
    ];
    for (manager, address) in managers {
        let pid = serve(&world, &[("NOTIFY_SOCKET", &address)]);
        assert_eq!(manager.news(), "READY=1\nSTATUS=1 modules registered");
        assert_eq!(world.status().pid, pid, "it answers once it says that it is ready");
        signal(pid, SIGHUP);
        let reloading = manager.news();
        let micros = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap();
        assert!(micros.parse::<u64>().unwrap() > 0);
        assert_eq!(manager.news(), "READY=1\nSTATUS=1 modules registered");
        world.file("config/broken.xml", "<");
        signal(pid, SIGHUP);
        assert!(manager.news().starts_with("RELOADING=1\n"));
        assert!(manager.news().starts_with("READY=1\n"), "a reload that fails ends too");
        std::fs::remove_file(world.path("config/broken.xml")).unwrap();
        signal(pid, SIGTERM);
        assert_eq!(manager.news(), "STOPPING=1\nEXTEND_TIMEOUT_USEC=22000000");
        assert_eq!(world.exit_code(), Some(0));
    }
}

#[test]
fn a_service_managers_watchdog_hears_signs_of_life() {
    let world = World::new().with("modules", &[idle("A", 1)]);
    let manager = Manager::at(&world.path("notify"));
    serve(&world, &[("NOTIFY_SOCKET", &world.text("notify")), ("WATCHDOG_USEC", "200000")]);
    let signs = (0..10).filter(|_| manager.message() == "WATCHDOG=1").count();
    assert!(signs >= 8, "{signs} signs of life");
    // Another process's watchdog is none of ours.
    let world = World::new().with("modules", &[idle("A", 1)]);
    let manager = Manager::at(&world.path("notify"));
    let other = [
        ("NOTIFY_SOCKET", &*world.text("notify")),
        ("WATCHDOG_USEC", "50000"),
        ("WATCHDOG_PID", "1"),
    ];
    serve(&world, &other);
    assert!(manager.message().starts_with("READY=1\n"));
    manager.socket.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    assert!(manager.socket.recv(&mut [0; 100]).is_err(), "nothing more is said");
}

#[test]
fn modules_do_not_hear_of_the_service_manager() {
    let variables = "tr '\\0' '\\n' < /proc/self/environ > \"$HOME/B.trace\"; exec sleep 1000";
    let world = World::new().with("modules", &[module("B").shell(variables).xml()]);
    let manager = Manager::at(&world.path("notify"));
    let ours = [
        ("NOTIFY_SOCKET", world.text("notify")),
        ("WATCHDOG_USEC", "10000000".to_owned()),
        ("LISTEN_FDS", "1".to_owned()),
        ("OTRSD_NODE_ID", "1".to_owned()),
        ("KEPT", "1".to_owned()),
    ];
    let mut command = world.command(&world.program);
    command.arg("start").envs(ours);
    finish(command).ok();
    assert!(manager.news().starts_with("READY=1\n"));
    world.traced("B", "KEPT=1");
    world.traced("B", "OTRSD_MODULE=B");
    let seen = world.read("B.trace");
    let names: Vec<_> =
        seen.lines().filter_map(|line| line.split_once('=')).map(|it| it.0).collect();
    for name in [
        "WATCHDOG_USEC",
        "LISTEN_FDS",
        "OTRSD_CONFIG",
        "OTRSD_NODE_ID",
        "OTRSD_CONFIG_FD",
        "OTRSD_DAEMONIZED",
        "OTRSD_STATE_FD",
    ] {
        assert!(!names.contains(&name), "{name}: {names:?}");
    }
    assert!(seen.contains("NOTIFY_SOCKET=@"), "the supervisor's own: {seen}");
}

/// A PID namespace with `command` as its PID 1.
pub(crate) fn contain(world: &World, script: &str) -> i32 {
    let mut command = world.command("unshare");
    command.args(["--pid", "--fork", "--kill-child", "--mount-proc", "/bin/sh", "-c", script]);
    world.spawn(command)
}

#[test]
fn as_pid_1_it_reaps_orphans_and_stops_at_term() {
    if !geteuid().is_root() {
        return;
    }
    // Orphans that end: each a process whose parent is gone.
    let orphans = "while true; do setsid sh -c 'sleep 0.01 &' ; sleep 0.05; done";
    let world = World::new().with("modules", &[idle("A", 1), module("B").shell(orphans).xml()]);
    let mut probe = world.command("unshare");
    probe.args(["--pid", "--fork", "--mount-proc", "/bin/true"]);
    if finish(probe).code != 0 {
        // A container that may not make one.
        return;
    }
    // No --foreground: PID 1 stays by itself.
    contain(&world, &format!("exec {} start", world.program.display()));
    let inner = world.status().pid;
    assert_eq!(inner, 1);
    let line = format!("{} start ", world.program.display());
    let daemon = wait_until("PID 1 as seen from here", || {
        world.processes().into_iter().find(|(_, it)| *it == line).map(|(pid, _)| pid)
    });
    let zombies = || {
        let children = std::fs::read_to_string(format!("/proc/{daemon}/task/{daemon}/children"))
            .unwrap_or_default();
        children
            .split_whitespace()
            .filter(|pid| !crate::harness::is_alive(pid.parse().unwrap()))
            .count()
    };
    let mut quiet = 0;
    wait_until("fifty looks without many zombies", || {
        assert!(zombies() < 5, "orphans are not reaped");
        quiet += 1;
        (quiet == 50).then_some(())
    });
    signal(daemon, SIGTERM);
    assert_eq!(world.exit_code(), Some(0));
    world.deserted();
}

#[test]
fn as_pid_1_it_brings_back_what_is_killed() {
    if !geteuid().is_root() {
        return;
    }
    let world = World::new().with("modules", &[idle("A", 1)]);
    let mut probe = world.command("unshare");
    probe.args(["--pid", "--fork", "--mount-proc", "/bin/true"]);
    if finish(probe).code != 0 {
        return;
    }
    contain(&world, &format!("exec {} start", world.program.display()));
    world.running("A");
    signal(world.process(" module run A "), SIGKILL);
    world.wait_for("another life", |status| {
        let module = status.module("A");
        (module.restarts == 1 && module.state == "running").then_some(())
    });
}

/// A name space of its own in which `script` is run as root; `None` where none can be made.
fn apart(world: &World, script: &str) -> Option<Outcome> {
    if !geteuid().is_root() {
        return None;
    }
    let mut command = world.command("unshare");
    command.args(["--mount", "/bin/sh", "-ec", script]).env("OTRSD", &world.program);
    Some(finish(command))
}

/// Each row: what is missing or odd, and how that is brought about before the daemon is started.
const SURROUNDINGS: [(&str, &str); 12] = [
    ("no time-zone data", "hide /usr/share/zoneinfo; hide_file /etc/localtime"),
    ("a time zone that nobody knows", "export TZ=Nowhere/Else"),
    ("no passwd entry", "hide_file /etc/passwd"),
    ("no HOME", "unset HOME"),
    ("no machine id", "hide_file /etc/machine-id"),
    ("an odd locale", "export LC_ALL=tr_TR.ISO-8859-9 LANG=xx"),
    ("a mask of nothing", "umask 000"),
    ("a mask of everything", "umask 077"),
    ("few descriptors", "ulimit -n 64"),
    ("no /sys", "hide /sys"),
    ("processes of others hidden", "mount -t proc -o hidepid=2 none /proc; without -sys_ptrace"),
    (
        "a root that cannot be written",
        "mount --bind \"$HOME\" \"$HOME\"; mount -o remount,ro,bind /",
    ),
];

const TOOLS: &str = "\
hide() { mount -t tmpfs -o ro none \"$1\"; }
without() {
    printf '#!/bin/sh\nexec setpriv --bounding-set=%s \"%s\" \"$@\"\n' \"$1\" \"$OTRSD\" >otrsd-without
    chmod +x otrsd-without
    OTRSD=./otrsd-without
}
hide_file() { [ ! -e \"$1\" ] || mount --bind /dev/null \"$1\"; }
";

#[test]
fn it_runs_tasks_in_odd_surroundings() {
    for (what, script) in SURROUNDINGS {
        let tasks = Tasks::new(Database::Sqlite, &[shell("Echo", "echo said", &[])]);
        let world = &tasks.world;
        let script = format!(
            "{TOOLS}{script}\n\
             \"$OTRSD\" start\n\
             \"$OTRSD\" task add --type Echo --name one --wait\n\
             \"$OTRSD\" status\n\
             \"$OTRSD\" start\n\
             \"$OTRSD\" stop"
        );
        let Some(said) = apart(world, &script) else { return };
        assert_eq!(said.code, 0, "{what}: {said:?}");
        assert!(said.stdout.contains("already running"), "{what}: {said:?}");
        assert!(!said.stdout.contains(" is not running:"), "{what}: {said:?}");
        world.deserted();
    }
}

/// As a kubelet mounts settings: read-only, for everybody by its mode, files by links.
#[test]
fn a_read_only_mount_that_nobody_can_write_is_trusted() {
    let world = World::new().with("modules", &[module("A").shell("exec sleep 1000").xml()]);
    let script = "\
rm -rf copy
cp -r config copy
mount -t tmpfs -o mode=0777 none config
mkdir config/..2026
cp copy/* config/..2026/
ln -s ..2026 config/..data
for file in config/..2026/*; do ln -s ..data/\"${file##*/}\" config/\"${file##*/}\"; done
$MOUNT
\"$OTRSD\" check
";
    for (mount, is_trusted) in [
        ("mount -o remount,ro config", true),
        ("mount -o remount,ro,bind config", true),
        ("mkdir -p open; mount --bind config open; mount -o remount,ro,bind config", false),
        ("true", false),
    ] {
        let Some(said) = apart(&world, &script.replace("$MOUNT", mount)) else { return };
        assert_eq!(said.code == 0, is_trusted, "{mount}: {said:?}");
        assert_eq!(
            said.stdout.contains("can be written by others"),
            !is_trusted,
            "{mount}: {said:?}"
        );
    }
}

/// What is mounted over the daemon's directories has nothing of it: it makes its files anew there.
#[test]
fn no_second_daemon_begins_on_a_mount_over_its_directories() {
    for over in ["run", "log", "run log"] {
        let world = World::new().with("modules", &[idle("A", 1)]);
        let script = format!(
            "\"$OTRSD\" start\n\
             for place in {over}; do mount -t tmpfs none $place; done\n\
             \"$OTRSD\" start\n\
             \"$OTRSD\" status\n\
             \"$OTRSD\" stop"
        );
        let Some(said) = apart(&world, &script) else { return };
        assert_eq!(said.code, 0, "{over}: {said:?}");
        assert!(said.stdout.contains("already running"), "{over}: {said:?}");
        world.deserted();
    }
}

#[test]
fn directories_that_are_gone_are_made_anew() {
    let world =
        World::new().with("modules", &[idle("A", 1), module("B").shell("exec sleep 1000").xml()]);
    let supervisor = world.start();
    for remove in [
        "rm -r run",
        "mv run moved",
        "rm run/*.pid",
        "rm -r log",
        "mv log log.old",
        "rm -r run log",
    ] {
        let lives = ["A", "B"].map(|name| world.running(name));
        let mut command = world.command("/bin/sh");
        command.args(["-c", remove]);
        finish(command).ok();
        let again = world.otrsd(&["start"]).ok();
        assert!(again.stdout.contains("already running"), "{remove}: {again:?}");
        world.running_anew("A", lives[0]);
        wait_until(remove, || {
            let is_there = |name| world.path(name).exists();
            let both = is_there("run/Daemon-NodeID-1.pid") && is_there("log/AERR.log");
            both.then_some(())
        });
        assert_eq!(world.status().pid, supervisor, "{remove}");
        world.otrsd(&["status"]).ok();
        let ours =
            world.processes().into_iter().filter(|(_, line)| line.contains(" module run A "));
        assert_eq!(ours.count(), 1, "{remove}");
    }
    world.otrsd(&["stop"]).ok();
    world.deserted();
}
