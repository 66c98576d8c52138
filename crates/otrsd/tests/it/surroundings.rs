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
    harness::{World, finish, setting, signal, wait_until},
    registration::{idle, module},
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
fn contain(world: &World, script: &str) -> i32 {
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
