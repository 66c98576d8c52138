//! The handbook's registration and the examples made of it: they run as the chapter says.

use std::{fs, path::Path};

use crate::{
    harness::{World, example, install, setting, wait_until},
    registration::{idle, module},
};

const TABLE: &str = "  Test Daemon Summary:
  +-------------+----------------+
  | Some Column | Another Column |
  +-------------+----------------+
  | Some Data 1 | Another Data 1 |
  | Some Data 2 | Another Data 2 |
  +-------------+----------------+

Done.
";

fn summary_of(whose: &str) -> String {
    format!("\nGathering summary for {whose}...\n\n{TABLE}")
}

/// Copies an example's file; programs are expected in the world's directory.
fn copy(world: &World, from: &str, to: &str) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(from);
    let text = fs::read_to_string(&source).unwrap().replace("/opt/acme", &world.text(""));
    world.file(to, &text);
    if to.ends_with("sh") {
        fs::rename(world.path(to), world.path("data")).unwrap();
        install(&world.path("data"), &world.path(to));
    }
}

/// The time is printed again and again.
fn ticks(world: &World) {
    wait_until("two lines with the time", || {
        let printed = world.read("log/TestDaemonOUT.log");
        let lines: Vec<_> = printed.lines().filter(|it| it.starts_with("Current time ")).collect();
        lines
            .iter()
            .all(|line| line.len() == "Current time Mon Nov 23 12:00:00 2026".len())
            .then_some(())?;
        (lines.len() >= 2 && lines[0] != lines[1]).then_some(())
    });
}

#[test]
fn the_handbooks_registration_alone_runs() {
    let world = World::stock();
    // An otherwise empty directory: where files go is said by the environment.
    fs::remove_file(world.path("config/00-base.xml")).unwrap();
    copy(&world, "handbook/TestDaemon.xml", "config/TestDaemon.xml");
    let otrsd = |arguments: &[&str]| {
        let mut command = world.command(&world.program);
        command.env("OTRSD_PID_PATH", world.path("run"));
        command.env("OTRSD_LOG_PATH", world.path("log")).args(arguments);
        crate::harness::finish(command)
    };
    let started = otrsd(&["start"]).ok();
    let pid = world.status().pid;
    assert_eq!(started.stdout, format!("started (PID {pid}), 2 modules running\n"));
    // The web console is there without being asked for.
    world.running("TestDaemon");
    let summary = otrsd(&["summary", "TestDaemon"]).ok();
    assert_eq!(summary.stdout, summary_of("'TestDaemon'"));
    assert_eq!(otrsd(&["stop"]).ok().stdout.lines().last(), Some("stopped"));
    world.deserted();
}

#[test]
fn the_time_is_printed_every_two_seconds() {
    let world = World::stock().with("log", &[setting("Daemon::Log::STDOUT", "1")]);
    copy(&world, "handbook/TestDaemon.xml", "config/TestDaemon.xml");
    world.start();
    ticks(&world);
}

#[test]
fn a_program_of_ones_own_is_a_daemon() {
    let world =
        World::of(example("test_daemon")).with("log", &[setting("Daemon::Log::STDOUT", "1")]);
    copy(&world, "own-binary/TestDaemon.xml", "config/TestDaemon.xml");
    world.start();
    ticks(&world);
    assert_eq!(world.otrsd(&["summary"]).ok().stdout, summary_of("all daemons"));
}

#[test]
fn a_script_is_a_module_and_ends_itself_after_the_set_time() {
    let world = World::stock().with("log", &[setting("Daemon::Log::STDOUT", "1")]);
    for file in ["TestDaemon.xml", "test-daemon.sh", "test-daemon-summary.sh"] {
        let directory = if file.ends_with("xml") { "config/" } else { "" };
        copy(&world, &format!("commands/{file}"), &format!("{directory}{file}"));
    }
    let mut command = world.command(&world.program);
    command.args(["start"]).env("TEST_DAEMON_SLEEP_POST", "1").env("TEST_DAEMON_DISCARD", "3");
    crate::harness::finish(command).ok();
    world.running("FreeSpace");
    let script = world.running("TestDaemon");
    ticks(&world);
    world.running_anew("TestDaemon", script);
    let exit = world.status().module("TestDaemon").last_exit.clone().unwrap();
    assert_eq!((exit.planned, exit.how.as_str()), (true, "exit 0"), "{exit:?}");
    let summary = world.otrsd(&["summary", "TestDaemon"]).ok();
    assert_eq!(summary.stdout, summary_of("'TestDaemon'"));
}

#[test]
fn the_originals_console_commands_look_as_there() {
    // Znuny's five, in the order that it shows them.
    let names = [
        "SystemConfigurationSyncManager",
        "SchedulerTaskWorker",
        "SchedulerGenericAgentTaskManager",
        "SchedulerFutureTaskManager",
        "SchedulerCronTaskManager",
    ];
    let print = |header: &str| {
        format!("echo '{{\"Header\":\"{header}:\",\"NoDataMessage\":\"None of {header}.\"}}'")
    };
    let modules = names.map(|name| {
        let summary = print(name);
        module(name)
            .shell("exec sleep 1000")
            .list("SummaryCommand", &["/bin/sh", "-c", &summary])
            .xml()
    });
    let world = World::stock().with("modules", &modules);
    let list = world.otrsd(&["console", "Maint::Daemon::List"]).ok();
    assert_eq!(
        list.stdout,
        "Listing system daemons...\n  SchedulerCronTaskManager\n  SchedulerFutureTaskManager\n  \
         SchedulerGenericAgentTaskManager\n  SchedulerTaskWorker\n  \
         SystemConfigurationSyncManager\nDone.\n"
    );
    assert_eq!(world.otrsd(&["list"]).ok().stdout, list.stdout);
    let shown = [names[0], names[3], names[4], names[2], names[1]];
    let tables = shown.map(|name| format!("  {name}:\n    None of {name}.\n\n"));
    let page = format!("\nGathering summary for all daemons...\n\n{}Done.\n", tables.concat());
    let summary = world.otrsd(&["console", "Maint::Daemon::Summary"]).ok();
    assert_eq!(summary.stdout, page);
    let one = world.otrsd(&["console", "Maint::Daemon::Summary", names[1]]).ok();
    assert_eq!(
        one.stdout,
        format!("\nGathering summary for '{}'...\n\n{}Done.\n", names[1], tables[4])
    );
}

#[test]
fn a_summary_that_fails_does_not_hide_the_others() {
    let summary = |script: &str, name: &str| {
        module(name).shell("sleep 1000").list("SummaryCommand", &["/bin/sh", "-c", script]).xml()
    };
    let world = World::stock().with(
        "modules",
        &[
            summary("echo '{\"Header\":\"Fine\",\"NoDataMessage\":\"nothing\"}'", "C"),
            summary("exit 7", "A"),
            summary("echo no JSON", "B"),
        ],
    );
    let shown = world.otrsd(&["summary"]);
    assert_eq!(shown.code, 1);
    assert!(shown.stdout.contains("  Fine\n    nothing\n\nDone."), "{shown:?}");
    assert!(
        shown.stderr.contains("A has no summary: SummaryCommand /bin/sh: it ended with"),
        "{shown:?}"
    );
    assert!(shown.stderr.contains("B has no summary: /bin/sh did not print a Summary as JSON"));
}

#[test]
fn an_unknown_name_is_said_to_be_unknown() {
    let world = World::new().with("modules", &[idle("A", 1)]);
    let shown = world.otrsd(&["summary", "B"]);
    let expected = "no module B is registered; otrsd list shows those that are\n";
    assert_eq!(shown.all(), (1, "", expected));
    let shown = world.otrsd(&["console", "Maint::Cache::Delete"]);
    let expected = "unknown console command; known are Maint::Daemon::List and Maint::Daemon::Summary [MODULE]\n";
    assert_eq!(shown.all(), (2, "", expected));
}
