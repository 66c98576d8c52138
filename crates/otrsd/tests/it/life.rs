//! The life of a module: the order of its rounds, its planned ends, its watchdog and its memory.

use crate::{
    harness::{World, signal, wait_until},
    registration::{Registration, idle, module},
    status::{Exit, Status},
};

/// The first end of a module.
#[track_caller]
fn first_exit(world: &World, name: &str) -> Exit {
    let ended = |status: &Status| status.find(name)?.exits.last().cloned();
    world.wait_for(&format!("an end of {name}"), ended).1
}

#[test]
fn a_round_is_pre_run_run_post_run() {
    let world = World::new().with(
        "modules",
        &[module("A")
            .native(1)
            .does("PreRun", "trace pre_run")
            .does("Run", "trace run")
            .does("PostRun", "trace post_run; once done; trace leaving; discard enough")
            .key("SleepPost", "0.01")
            .xml()],
    );
    world.start();
    let exit = first_exit(&world, "A");
    assert_eq!((exit.planned, exit.reason.as_str()), (true, "discarded: enough"));
    wait_until("three rounds", || {
        (world.read("A.trace").lines().filter(|line| *line == "post_run").count() >= 3)
            .then_some(())
    });
    let trace = world.read("A.trace");
    let expected = ["pre_run", "run", "post_run", "leaving", "pre_run", "run", "post_run"];
    assert_eq!(trace.lines().take(7).collect::<Vec<_>>(), expected);
}

#[test]
fn a_false_return_of_any_part_is_a_planned_restart_at_once() {
    let leaves = |name: &str, number, part: &str| {
        // Hasty discards are slowed down; these last longer than a second.
        let actions = format!("once {name}.left; pause 1.1; discard {part} says so");
        module(name).native(number).does(part, &actions).key("SleepPost", "3600").xml()
    };
    let world = World::new().with(
        "modules",
        &[leaves("A", 1, "PreRun"), leaves("B", 2, "Run"), leaves("C", 3, "PostRun")],
    );
    world.start();
    for (name, part) in [("A", "PreRun"), ("B", "Run"), ("C", "PostRun")] {
        let exit = first_exit(&world, name);
        let expected = (true, "exit 0", format!("discarded: {part} says so"));
        assert_eq!((exit.planned, exit.how.as_str(), exit.reason), expected);
        world.running_anew(name, exit.pid.unwrap());
    }
    assert!(!world.read("log/SupervisorERR.log").contains("starts again in"), "at once");
}

#[test]
fn a_discarded_module_does_not_go_on_with_its_round() {
    let world = World::new().with(
        "modules",
        &[module("A")
            .native(1)
            .does("PreRun", "trace pre_run; once left; discard no database")
            .does("Run", "trace run")
            .key("SleepPost", "3600")
            .xml()],
    );
    world.start();
    world.traced("A", "run");
    assert_eq!(world.read("A.trace"), "pre_run\npre_run\nrun\n");
}

#[test]
fn a_registration_says_when_a_module_is_discarded() {
    // 1.2 s in pauses of 0.4 s: three rounds.
    let paced = |it: Registration| it.key("SleepPost", "0.4").key("Discard", "1.2");
    let world = World::new().with(
        "modules",
        &[
            paced(module("Native").native(1).does("Run", "trace round")).xml(),
            paced(module("Command").shell("echo round >> Command.trace"))
                .key("WorkingDirectory", "/")
                .xml()
                .replace("Command.trace", "\"$HOME/Command.trace\""),
        ],
    );
    world.start();
    for name in ["Native", "Command"] {
        let exit = first_exit(&world, name);
        let reason = (exit.planned, exit.reason.as_str());
        assert_eq!(reason, (true, "discarded: its time is over"));
        let rounds = world.read(&format!("{name}.trace")).lines().count();
        assert!(rounds >= 3, "{name} had {rounds} rounds");
        assert!(exit.uptime_seconds >= 1.2, "{exit:?}");
    }
}

#[test]
fn a_commands_end_with_0_is_planned_and_any_other_is_not() {
    let world = World::new().with(
        "modules",
        &[
            module("Zero").shell("exit 0").xml(),
            module("One").shell("exit 1").xml(),
            module("Rounds").shell("exit 5").key("SleepPost", "1").xml(),
        ],
    );
    world.start();
    let told = ["Zero", "One", "Rounds"].map(|name| {
        let exit = first_exit(&world, name);
        (exit.how, exit.planned, exit.reason, exit.last_stderr_line)
    });
    let failed = "Rounds: Run failed: /bin/sh ended with exit status: 5".to_owned();
    assert_eq!(
        told,
        [
            ("exit 0".into(), true, "discarded".into(), None),
            ("exit 1".into(), false, String::new(), None),
            ("exit 1".into(), false, failed["Rounds: ".len()..].to_owned(), Some(failed)),
        ]
    );
}

#[test]
fn a_watched_module_without_a_finished_round_is_aborted_and_restarted() {
    let world = World::new().with(
        "modules",
        &[
            module("Hanging")
                .native(1)
                .does("Run", "once hung; block 3600")
                .key("WatchdogSeconds", "1")
                .xml(),
            // Rounds of a fifth of the time.
            module("Busy").native(2).key("SleepPost", "0.2").key("WatchdogSeconds", "3").xml(),
            module("Silent").shell("exec sleep 1000").key("WatchdogSeconds", "1").xml(),
            module("Deaf")
                .shell("trap '' ABRT; sleep 1000; exit")
                .key("WatchdogSeconds", "1")
                .xml(),
        ],
    );
    world.start();
    let busy = world.running("Busy");
    for (name, how) in [
        ("Hanging", "signal 6 (SIGABRT)"),
        ("Silent", "signal 6 (SIGABRT)"),
        ("Deaf", "signal 9 (SIGKILL)"),
    ] {
        let exit = first_exit(&world, name);
        assert_eq!((exit.how.as_str(), exit.planned), (how, false), "{name}");
        assert_eq!(exit.reason, "no finished round within WatchdogSeconds");
        world.running_anew(name, exit.pid.unwrap());
    }
    let status = world.status();
    let module = status.module("Busy");
    assert_eq!((module.pid, module.restarts), (Some(busy), 0), "it reports its rounds");
}

/// Reports rounds, and what it is doing, with nothing but a socket.
const REPORTER: &str = r#"
import os, socket, time
address = os.environ["NOTIFY_SOCKET"]
assert address[0] == "@"
sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
sender.connect("\0" + address[1:])
pause = int(os.environ["WATCHDOG_USEC"]) / 1e6 / 8
for number in range(1, 1000):
    sender.send(b"WATCHDOG=1\nSTATUS=round %d" % number)
    time.sleep(pause)
"#;

#[test]
fn a_command_module_speaks_the_notification_protocol() {
    let world = World::new().with(
        "modules",
        &[module("Python")
            .command(&["/usr/bin/python3", "-c", REPORTER])
            .key("WatchdogSeconds", "2")
            .xml()],
    );
    world.start();
    let pid = world.running("Python");
    let round = |status: &Status| {
        status.module("Python").note.as_ref()?.strip_prefix("round ")?.parse::<u32>().ok()
    };
    // Sixteen reports take longer than the watchdog's time.
    let (status, _) = world.wait_for("round 20", |status| round(status).filter(|it| *it >= 20));
    assert_eq!((status.module("Python").pid, status.module("Python").restarts), (Some(pid), 0));
}

#[test]
fn a_child_of_a_shell_command_speaks_for_its_module() {
    // As `systemd-notify` does; it waits until it was heard.
    let say = "import os, socket, time\n\
               sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n\
               sender.connect(chr(0) + os.environ[\"NOTIFY_SOCKET\"][1:])\n\
               sender.send(b\"WATCHDOG=1\\nSTATUS=from a child\")\n\
               time.sleep(0.3)";
    let script = format!("while true; do /usr/bin/python3 -c '{say}'; done");
    let world = World::new()
        .with("modules", &[module("A").shell(&script).key("WatchdogSeconds", "3").xml()]);
    world.start();
    let a = world.running("A");
    let is_heard = |status: &Status| {
        (status.module("A").note.as_deref() == Some("from a child")).then_some(())
    };
    world.wait_for("the child to be heard", is_heard);
    // Longer than the watchdog's time.
    let uptime = std::time::Instant::now();
    wait_until("four seconds of watched life", || {
        (uptime.elapsed() > std::time::Duration::from_secs(4)).then_some(())
    });
    let status = world.status();
    assert_eq!((status.module("A").pid, status.module("A").restarts), (Some(a), 0));
}

#[test]
fn who_is_in_no_commands_session_is_not_heard() {
    let say = "import os, socket, time\n\
               sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n\
               sender.connect(chr(0) + os.environ[\"NOTIFY_SOCKET\"][1:])\n\
               for number in range(50): sender.send(b\"STATUS=stranger\")\n\
               open(os.environ[\"HOME\"] + \"/said-by-\" + os.environ[\"OTRSD_MODULE\"], \"w\")\n\
               time.sleep(1000)";
    let world = World::new();
    world.file("say.py", say);
    let say = format!("python3 '{}'", world.text("say.py"));
    // A native module speaks for itself; a child of a command that left its session is nobody.
    let world = world.with(
        "modules",
        &[
            module("Native").native(1).does("Run", &format!("spawn {say}; pause 3600")).xml(),
            module("Left").shell(&format!("setsid {say} & wait")).xml(),
            module("B").native(2).key("SleepPost", "0.05").xml(),
        ],
    );
    world.start();
    for name in ["Native", "Left"] {
        wait_until("words", || world.path(&format!("said-by-{name}")).exists().then_some(()));
    }
    // A death is taken after everything that was said before it.
    let b = world.running("B");
    signal(b, nix::sys::signal::SIGKILL);
    world.running_anew("B", b);
    let status = world.status();
    for name in ["Native", "Left"] {
        assert_eq!(status.module(name).note, None, "{name}");
    }
}

#[test]
fn a_module_that_grew_above_its_limit_is_discarded_after_its_round() {
    let leak = "import time; kept = b'x' * (80 << 20); time.sleep(1000)";
    let world = World::new().with(
        "modules",
        &[
            module("Native")
                .native(1)
                .does("Run", "leak 80; pause 3600; trace finished")
                .key("MemoryMax", "60M")
                .xml(),
            module("Command").command(&["python3", "-c", leak]).key("MemoryMax", "60M").xml(),
            module("Slim").native(2).key("MemoryMax", "1G").xml(),
            idle("Other", 3),
        ],
    );
    world.start();
    let slim = world.running("Slim");
    for name in ["Native", "Command"] {
        let exit = first_exit(&world, name);
        assert!(exit.planned, "{exit:?}");
        assert!(exit.reason.starts_with("its memory, "), "{exit:?}");
        assert!(exit.reason.ends_with(" kB, is above MemoryMax, 61440 kB"), "{exit:?}");
        world.running_anew(name, exit.pid.unwrap());
    }
    assert_eq!(world.read("Native.trace").lines().next(), Some("finished"));
    assert_eq!(world.status().module("Slim").pid, Some(slim));
}
