//! Planned changes lose nothing: a bad file takes no module away, a long round ends in peace.

use std::{
    fs,
    time::{Duration, Instant},
};

use nix::sys::signal::Signal::SIGHUP;

use crate::{
    harness::{World, setting, signal, wait_until},
    registration::{Registration, idle, module},
    status::Status,
};

/// Discards itself once, when the file `go` comes.
fn leaving() -> Registration {
    module("A").native(1).does("Run", "trace began; once left; wait-for go; discard enough")
}

fn good() -> String {
    leaving().key("SleepPost", "3600").xml()
}

/// The same with a slip, and with what must not happen before it is mended.
fn slipped() -> String {
    leaving().key("SleepPost", "soon").does("PreRun", "trace slipped").xml()
}

fn mended() -> String {
    leaving().key("SleepPost", "3600").does("PreRun", "trace mended").xml()
}

fn stale_note(status: &Status) -> Option<String> {
    let note = status.module("A").note.clone()?;
    note.contains("'SleepPost' must be seconds, not 'soon'").then_some(note)
}

#[test]
fn a_slip_found_at_a_discard_takes_no_module_away() {
    let world = World::new().with("a", &[good()]).with("b", &[idle("B", 2)]);
    world.start();
    world.traced("A", "began");
    let (a, b) = (world.running("A"), world.running("B"));
    world.configure("a", &[slipped()]);
    world.file("go", "");
    let second = world.running_anew("A", a);
    let (status, note) = world.wait_for("a note on the slip", stale_note);
    assert!(note.starts_with("runs as registered before: "), "{note}");
    assert_eq!(status.module("A").state, "running");
    // The corrected file is taken at the next end, whoever asks for it.
    world.configure("a", &[mended()]);
    world.otrsd(&["restart", "A"]).ok();
    world.running_anew("A", second);
    world.traced("A", "mended");
    assert!(!world.read("A.trace").contains("slipped"));
    let status = world.status();
    assert_eq!((status.module("A").note.as_ref(), status.module("B").pid), (None, Some(b)));
}

#[test]
fn a_slip_found_at_a_reload_takes_no_module_away() {
    let world = World::new().with("a", &[good()]).with("b", &[idle("B", 2)]);
    world.start();
    world.traced("A", "began");
    let (a, b) = (world.running("A"), world.running("B"));
    world.configure("a", &[slipped()]);
    let told = world.otrsd(&["reload"]);
    assert!(told.stderr.contains("'SleepPost' must be seconds, not 'soon'"), "{told:?}");
    let (status, note) = world.wait_for("a note on the slip", stale_note);
    assert!(note.starts_with("runs as registered before: "), "{note}");
    assert_eq!((status.module("A").pid, status.module("A").restarts), (Some(a), 0));
    assert!(world.otrsd(&["status"]).ok().stdout.contains(&note));
    world.configure("a", &[mended()]);
    world.file("go", "");
    world.otrsd(&["reload"]).ok();
    world.running_anew("A", a);
    world.traced("A", "mended");
    assert!(!world.read("A.trace").contains("slipped"));
    assert_eq!(world.running("B"), b);
}

#[test]
fn a_file_that_is_away_at_a_discard_takes_no_module_away() {
    let world = World::new().with("a", &[good()]).with("b", &[idle("B", 2)]);
    world.start();
    world.traced("A", "began");
    let a = world.running("A");
    fs::remove_file(world.path("config/a.xml")).unwrap();
    world.file("go", "");
    let second = world.running_anew("A", a);
    world.configure("a", &[mended()]);
    world.otrsd(&["restart", "A"]).ok();
    world.running_anew("A", second);
    world.traced("A", "mended");
}

#[test]
fn a_reload_waits_for_a_long_round_and_a_stop_does_not() {
    let long = |text: &str| {
        let run = "trace began; wait-for go; trace ended";
        [module("A").native(1).does("Run", run).key("SleepPost", text).xml()]
    };
    let world =
        World::new().with("a", &long("3600")).with("zz", &[setting("Daemon::StopGrace", "1")]);
    let supervisor = world.start();
    world.traced("A", "began");
    let a = world.running("A");
    let is_ended = |status: &Status| (status.module("A").state == "stopping").then_some(());
    world.configure("a", &long("3601"));
    signal(supervisor, SIGHUP);
    world.wait_for("the reload to ask A to end", is_ended);
    let asked = Instant::now();
    let grace = Duration::from_millis(2500);
    wait_until("more than the grace to pass", || (asked.elapsed() > grace).then_some(()));
    assert_eq!(world.status().module("A").pid, Some(a), "its round was cut short");
    world.file("go", "");
    let second = world.running_anew("A", a);
    assert_eq!(world.read("A.trace").lines().take(2).collect::<Vec<_>>(), ["began", "ended"]);
    fs::remove_file(world.path("go")).unwrap();
    // The second life is in its pause; the third has a long round again.
    world.otrsd(&["restart", "A"]).ok();
    let third = world.running_anew("A", second);
    wait_until("the third round", || {
        (world.read("A.trace").matches("began").count() == 3).then_some(())
    });
    world.configure("a", &long("3602"));
    signal(supervisor, SIGHUP);
    world.wait_for("the reload to ask A to end", is_ended);
    assert_eq!(world.status().module("A").pid, Some(third));
    world.otrsd(&["stop"]).ok();
    world.deserted();
    assert!(world.read("log/SupervisorERR.log").contains(" did not end in time and is killed"));
}

#[test]
fn a_reload_restarts_who_may_read_what_changed() {
    let settings = |interval: &str, days: &str| {
        [setting("Daemon::Acme::Interval", interval), setting("Daemon::Log::DaysToKeep", days)]
    };
    let show = module("A")
        .native(1)
        .does("PreRun", "show Daemon::Acme::Interval")
        .key("SleepPost", "3600")
        .xml();
    let command = module("Command").shell("exec sleep 1000").xml();
    let world = World::new().with("modules", &[show, command]).with("zz", &settings("first", "1"));
    world.start();
    world.traced("A", "first");
    let (a, command) = (world.running("A"), world.running("Command"));
    world.configure("zz", &settings("first", "7"));
    world.otrsd(&["reload"]).ok();
    assert_eq!((world.running("A"), world.running("Command")), (a, command), "no module's affair");
    world.configure("zz", &settings("second", "7"));
    world.otrsd(&["reload"]).ok();
    world.running_anew("A", a);
    world.traced("A", "second");
    assert_eq!(world.running("Command"), command);
}
