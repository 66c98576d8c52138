//! Modules and strangers that talk too much, or what they must not: the daemon answers as before.

use std::{
    fs,
    io::Write as _,
    os::unix::{net::UnixStream, process::CommandExt as _},
};

use nix::{sys::signal::Signal::SIGKILL, unistd::geteuid};

use crate::{
    harness::{World, finish, setting, signal, wait_until},
    registration::{idle, module},
    status::Status,
};

/// Attaches as many descriptors as its argument says, all of one pipe, and waits until nobody else
/// has one. For the supervisor's limit it takes a PID and a number.
const ATTACH: &str = r#"
import array, os, resource, signal, socket, sys
signal.alarm(15)
address, count = sys.argv[1], int(sys.argv[2])
reader, writer = os.pipe()
sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
sender.connect("\0" + address[1:])
rights = array.array("i", [writer] * count)
sender.sendmsg([b"STATUS=x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
os.close(writer)
assert os.read(reader, 1) == b""
"#;

/// The address of the notification socket, as every module gets it.
fn notify_socket(module: i32) -> String {
    let environment = fs::read(format!("/proc/{module}/environ")).unwrap();
    let mut entries = environment.split(|byte| *byte == 0);
    let address = entries.find_map(|entry| entry.strip_prefix(b"NOTIFY_SOCKET=")).unwrap();
    String::from_utf8(address.to_vec()).unwrap()
}

fn descriptors(pid: i32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count()
}

#[track_caller]
fn attach(world: &World, address: &str, count: usize) {
    let mut stranger = world.command("python3");
    stranger.args(["-c", ATTACH, address, &count.to_string()]).current_dir("/");
    if geteuid().is_root() {
        stranger.uid(65534).gid(65534);
    }
    finish(stranger).ok();
}

#[test]
fn descriptors_that_anybody_sends_are_closed_and_end_nothing() {
    let world = World::new().with("modules", &[idle("A", 1)]);
    let supervisor = world.start();
    let a = world.running("A");
    let before = descriptors(supervisor);
    for count in [1, 8, 9, 20, 253] {
        attach(&world, &notify_socket(a), count);
        let status = world.status();
        assert_eq!((status.pid, status.module("A").pid), (supervisor, Some(a)), "{count}");
        assert_eq!(status.module("A").note, None, "a stranger spoke in a module's name");
    }
    // Connections of the questions may be closing still.
    wait_until("no more descriptors than before", || {
        (descriptors(supervisor) <= before).then_some(())
    });
}

#[test]
fn descriptors_beyond_the_limit_are_closed_and_end_nothing() {
    let world = World::new().with("modules", &[idle("A", 1)]);
    let supervisor = world.start();
    let a = world.running("A");
    let mut limit = world.command("prlimit");
    let most = descriptors(supervisor) + 6;
    limit.args([&format!("--pid={supervisor}"), &format!("--nofile={most}:")]);
    finish(limit).ok();
    attach(&world, &notify_socket(a), 40);
    signal(a, SIGKILL);
    world.running_anew("A", a);
    assert_eq!(world.otrsd(&["status"]).ok().code, 0);
}

#[test]
fn modules_that_flood_the_supervisor_do_not_make_it_deaf() {
    let flood = "import os, socket\n\
                 sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n\
                 sender.connect(chr(0) + os.environ['NOTIFY_SOCKET'][1:])\n\
                 while True: sender.send(b'STATUS=flood')";
    let names = ["F1", "F2", "F3"];
    let flooding = names.map(|name| module(name).command(&["python3", "-c", flood]).xml());
    let world = World::new().with("modules", &flooding).with("idle", &[idle("A", 1)]);
    world.start();
    let is_flooding =
        |status: &Status| names.iter().all(|name| status.module(name).note.is_some()).then_some(());
    world.wait_for("the flood", is_flooding);
    let a = world.running("A");
    signal(a, SIGKILL);
    world.running_anew("A", a);
    assert!(world.otrsd(&["status"]).ok().stdout.contains("flood"));
    world.otrsd(&["restart", "A"]).ok();
    assert_eq!(world.otrsd(&["stop"]).ok().stdout.lines().last(), Some("stopped"));
    world.deserted();
}

#[test]
fn clients_that_left_while_they_waited_keep_no_place() {
    let world = World::new().with("modules", &[module("A").native(1).does("New", "hang").xml()]);
    let mut command = world.command(&world.program);
    command.args(["start", "--foreground"]);
    world.spawn(command);
    world.wait_for("A to start", |status| status.module("A").pid);
    let ask = || {
        let mut client = UnixStream::connect(world.path("run/Daemon-NodeID-1.sock")).unwrap();
        client.write_all(b"{\"request\":\"settle\"}\n").unwrap();
        client
    };
    drop((0..100).map(|_| ask()).collect::<Vec<_>>());
    let said = world.otrsd(&["status"]).ok();
    assert!(said.stdout.contains(" is running: PID "), "{said:?}");
    world.otrsd(&["stop", "--force"]).ok();
}

#[test]
fn nothing_that_a_module_says_reaches_the_terminal_as_a_command() {
    let note = "import os, socket, time\n\
                sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n\
                sender.connect(chr(0) + os.environ['NOTIFY_SOCKET'][1:])\n\
                sender.send('STATUS=\\x1b]0;note\\x07\\u009b31m'.encode() + b'n' * 3000)\n\
                time.sleep(1000)";
    let world = World::new().with(
        "modules",
        &[
            module("Line").shell("printf '\\033[31mred\\033]0;title\\007\\n' >&2; exit 1").xml(),
            module("Note").command(&["python3", "-c", note]).xml(),
            setting("Daemon::Log::STDERR", "1"),
        ],
    );
    world.start();
    let said = |status: &Status| {
        let line = status.module("Line").last_exit.clone()?.last_stderr_line?;
        Some((line, status.module("Note").note.clone()?))
    };
    let (_, (line, note)) = world.wait_for("what both say", said);
    assert!(line.contains("[31mred"), "{line:?}");
    assert!(note.contains("]0;note") && note.chars().count() <= 500, "{note:?}");
    for text in [&line, &note, &world.otrsd(&["status"]).ok().stdout] {
        let control = text.chars().find(|c| c.is_control() && *c != '\n');
        assert_eq!(control, None, "{text:?}");
    }
    let told = world.otrsd(&["restart", "Line"]);
    assert!(!told.stdout.contains('\x1b') && !told.stderr.contains('\x1b'), "{told:?}");
    assert!(!world.read("log/SupervisorERR.log").contains('\x1b'));
}

/// XML lets in what JSON does not escape, and terminals obey.
#[test]
fn what_settings_say_reaches_no_terminal_as_a_command() {
    let (value, shown) = ("a\u{9b}2J\u{202e}b", "a\\u009b2J\\u202eb");
    let world = World::new().with("zz", &[setting("Test::Text", value)]);
    assert_eq!(world.otrsd(&["config", "get", "Test::Text"]).ok().stdout, format!("{shown}\n"));
    let line = format!("Test::Text = \"{shown}\"\n");
    assert_eq!(world.otrsd(&["config", "list", "Test::Text"]).ok().stdout, line);
    let listed = world.otrsd(&["config", "list", "Test::Text", "--json"]).ok().stdout;
    assert!(!listed.contains('\u{9b}'), "{listed}");
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed[0]["value"], value);
}
