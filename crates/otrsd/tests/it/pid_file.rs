//! The PID file speaks the original's lock protocol, checked with a real Perl, and has none of its
//! faults.

use std::{fs, os::unix::fs::MetadataExt as _};

use nix::sys::signal::Signal::SIGKILL;

use crate::{
    harness::{World, finish, gone, is_alive, signal, wait_until},
    registration::idle,
};

const FILE: &str = "run/Daemon-NodeID-1.pid";

fn world() -> World {
    let world = World::new().with("modules", &[idle("A", 1)]);
    fs::create_dir(world.path("run")).unwrap();
    world
}

/// Runs Perl with the lock constants; `$file` is the open PID file.
fn perl(world: &World, script: &str) -> String {
    let path = world.text(FILE);
    let script = format!("open(my $file, '<', '{path}') or die \"no file\"; {script}");
    let mut command = world.command("perl");
    command.args(["-MFcntl=:flock", "-e", &script]);
    finish(command).ok().stdout
}

/// What the original's `status` finds: can the lock be had exclusively?
const STATUS: &str = "print flock($file, LOCK_EX | LOCK_NB) ? 'free' : 'held'";
const SHARED: &str = "print flock($file, LOCK_SH | LOCK_NB) ? 'free' : 'held'";

#[test]
fn perl_finds_the_daemon_by_its_lock() {
    let world = world();
    let pid = world.start();
    assert_eq!(world.read(FILE), pid.to_string(), "the PID and nothing else, no newline");
    assert_eq!(fs::metadata(world.path(FILE)).unwrap().mode() & 0o7777, 0o660);
    assert_eq!((perl(&world, STATUS).as_str(), perl(&world, SHARED).as_str()), ("held", "free"));
    // What Perl leaves behind after a look must not disturb.
    assert_eq!(world.status().pid, pid);
    fs::copy(world.path(FILE), world.path("copy")).unwrap();
    world.otrsd(&["stop"]).ok();
    assert!(!world.path(FILE).exists());
    signal(world.start(), SIGKILL);
    wait_until("a free lock", || (perl(&world, STATUS) == "free").then_some(()));
}

#[test]
fn a_stale_file_keeps_nobody_from_starting() {
    let stranger = std::process::id();
    let texts = [
        ("nobody", "4194304"),
        ("a living process of somebody", &stranger.to_string()),
        ("init", "1"),
        ("nothing", ""),
        ("garbage", "otrs\n\u{0}\u{1b}[31m"),
        ("a negative number", "-1"),
        ("a huge number", "99999999999999999999"),
        ("much", &"7".repeat(1 << 20)),
    ];
    let world = world();
    for (what, text) in texts {
        world.file(FILE, text);
        assert_eq!(world.otrsd(&["status"]).code, 1, "{what}");
        assert_eq!(world.otrsd(&["stop"]).all(), (0, "not running\n", ""), "{what}");
        assert_eq!(world.read(FILE), text, "{what}: looking changes nothing");
        let pid = world.start();
        assert_eq!(world.read(FILE), pid.to_string(), "{what}");
        assert_eq!(perl(&world, STATUS), "held", "{what}");
        world.otrsd(&["stop"]).ok();
    }
}

#[test]
fn a_stale_file_that_names_our_own_pid_does_not_fool_us() {
    let world = world();
    // `exec` keeps the PID that the shell wrote.
    let script = format!(
        "printf %s $$ > {}; exec {} start --foreground",
        world.text(FILE),
        world.program.display()
    );
    let mut command = world.command("/bin/sh");
    command.args(["-c", &script]);
    let pid = world.spawn(command);
    assert_eq!(world.status().pid, pid);
    assert_eq!(perl(&world, STATUS), "held");
    let second = world.otrsd(&["start"]);
    assert_eq!(second.all(), (0, format!("already running (PID {pid})\n").as_str(), ""));
}

#[test]
fn a_daemon_of_perls_is_running_too() {
    let world = world();
    let path = world.text(FILE);
    // As the original: it writes its PID, then holds a shared lock; INT ends it.
    let script = format!(
        "open(my $file, '>', '{path}') or die; flock($file, LOCK_SH) or die; $| = 1; \
         syswrite($file, $$); $SIG{{INT}} = sub {{ unlink '{path}'; exit }}; sleep 1000"
    );
    let mut command = world.command("perl");
    command.args(["-MFcntl=:flock", "-e", &script]);
    let pid = world.spawn(command);
    wait_until("Perl's PID", || (world.read(FILE) == pid.to_string()).then_some(()));
    assert_eq!(perl(&world, STATUS), "held");
    let said = format!("already running (PID {pid})\n");
    assert_eq!(world.otrsd(&["start"]).all(), (0, said.as_str(), ""));
    let status = world.otrsd(&["status"]);
    assert_eq!(status.code, 1);
    let text = format!(
        "a daemon is running (PID {pid}), but {} does not answer: ",
        world.text("run/Daemon-NodeID-1.sock")
    );
    assert!(status.stderr.starts_with(&text), "{status:?}");
    assert!(is_alive(pid) && world.path(FILE).exists());
    assert_eq!(world.otrsd(&["stop"]).all(), (0, "stopped\n", ""));
    gone(pid);
}

#[test]
fn a_file_that_perl_deleted_does_not_let_a_second_daemon_start() {
    let world = world();
    let pid = world.start();
    fs::remove_file(world.path(FILE)).unwrap();
    for _ in 0..2 {
        let second = world.otrsd(&["start"]);
        assert_eq!((second.code, second.stderr.as_str()), (0, ""), "{second:?}");
        assert!(second.stdout.starts_with("already running"), "{second:?}");
    }
    assert_eq!(world.status().pid, pid);
    world.otrsd(&["stop"]).ok();
    world.deserted();
}

#[test]
fn lookers_do_not_see_each_other() {
    let world = world();
    signal(world.start(), SIGKILL);
    world.deserted();
    // A stale PID that a `stop` must not touch.
    let mut command = world.command("sleep");
    command.arg("1000");
    let stranger = world.spawn(command);
    world.file(FILE, &stranger.to_string());
    std::thread::scope(|scope| {
        for round in 0..60 {
            let world = &world;
            let arguments: &[&str] = if round % 2 == 0 { &["status"] } else { &["stop"] };
            scope.spawn(move || {
                let said = world.otrsd(arguments);
                assert!((said.stdout + &said.stderr).ends_with("not running\n"), "{arguments:?}");
            });
        }
    });
    assert!(is_alive(stranger), "a stop ended a stranger");
}
