//! A module that runs but does not serve is shown as degraded, everywhere, until it does.

use std::net::TcpListener;

use crate::{
    harness::{World, wait_until},
    registration::{idle, module},
    tasks::{Database, Tasks},
    upgrade,
    web::{Web, console},
};

/// Says what its file `say` says, and that it did.
const SPEAKER: &str = r#"
import os, socket, time
sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
path, said = os.environ["HOME"] + "/say", None
while True:
    text = open(path).read() if os.path.exists(path) else ""
    if text != said:
        sender.sendto(("X_DEGRADED=" + text).encode(), "\0" + os.environ["NOTIFY_SOCKET"][1:])
        said = text
    time.sleep(0.02)
"#;

fn speaker() -> String {
    module("Speaker").command(&["python3", "-c", SPEAKER]).xml()
}

#[test]
fn what_a_module_meets_in_its_first_second_is_part_of_starts_answer() {
    let dies = module("Dies").shell("sleep 0.3; echo no licence >&2; exit 3").xml();
    let printer = module("Printer").native(2);
    let printer =
        printer.does("PreRun", "degraded in either tray; wait-for paper; recovered").xml();
    let world = World::new().with("modules", &[dies, printer, idle("A", 1)]);
    let started = world.otrsd(&["start"]).ok();
    assert!(started.stdout.contains("Dies is not running: exit 3"), "{started:?}");
    assert!(started.stdout.contains("no licence"), "{started:?}");
    let warning = "warning: Printer is degraded: has no paper: in either tray\n";
    assert!(started.stderr.contains(warning), "{started:?}");
    world.file("paper", "");
    world.wait_for("a module that is well", |status| {
        (status.module("Printer").state == "running").then_some(())
    });
}

#[test]
fn what_a_module_says_is_shown_until_it_takes_it_back() {
    let world = World::new().with_own_program();
    let world = world.with("modules", &[speaker(), idle("A", 1)]);
    world.file("say", "the printer has no paper");
    world.start();
    let is = |state: &'static str| {
        world.wait_for(state, |status| (status.module("Speaker").state == state).then_some(()));
    };
    is("degraded");
    let shown = world.otrsd(&["status"]);
    assert_eq!(shown.code, 5, "{shown:?}");
    assert!(shown.stdout.contains("1 of 2 modules is degraded."), "{shown:?}");
    assert!(shown.stdout.contains("the printer has no paper"), "{shown:?}");
    assert_eq!(world.otrsd(&["status", "--json"]).code, 5);
    // Another program takes over, and the module's process goes on.
    let pid = world.status().module("Speaker").pid;
    upgrade::replace(&world);
    let told = world.otrsd(&["reload"]).ok();
    let warning = "warning: Speaker is degraded: the printer has no paper\n";
    assert!(told.stderr.contains(warning), "{told:?}");
    let status = world.status();
    let speaker = status.module("Speaker");
    assert_eq!((speaker.state.as_str(), speaker.pid), ("degraded", pid));
    assert_eq!(speaker.note.as_deref(), Some("the printer has no paper"));
    world.file("say", "");
    is("running");
    world.otrsd(&["status"]).ok();
}

#[test]
fn a_console_whose_port_is_taken_is_degraded() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let tasks = Tasks::new(Database::Sqlite, &[]);
    tasks.world.configure("60-web", &console(&address));
    let started = tasks.world.otrsd(&["start"]).ok();
    let why = format!("cannot listen on {address}: Address already in use");
    assert!(started.stderr.contains(&why), "{started:?}");
    let shown = tasks.world.otrsd(&["status"]);
    assert_eq!(shown.code, 5, "{shown:?}");
    assert!(shown.stdout.contains(&why), "{shown:?}");
    drop(taken);
    wait_until("a console", || (tasks.world.otrsd(&["status"]).code == 0).then_some(()));
}

#[test]
fn the_console_shows_it_and_readyz_betrays_nothing() {
    let web = Web::with(Database::Sqlite, &[speaker()]);
    let world = &web.tasks.world;
    let ready = || web.curl("/readyz", &[]);
    world.file("say", "");
    wait_until("readiness", || (ready().status == 200).then_some(()));
    world.file("say", "no route to 10.1.2.3");
    wait_until("no readiness", || (ready().status == 503).then_some(()));
    let body = ready().body;
    assert!(body.contains(r#"{"name":"modules","result":"is degraded"}"#), "{body}");
    assert!(!body.contains("10.1.2.3"), "{body}");
    let overview = web.view("/api/v1/overview").body;
    assert!(overview.contains("Speaker is degraded: no route to 10.1.2.3"), "{overview}");
    let metrics = web.view("/metrics").body;
    for line in [
        "otrsd_module_degraded{module=\"Speaker\"} 1",
        "otrsd_module_degraded{module=\"WebConsole\"} 0",
        "otrsd_module_running{module=\"Speaker\"} 1",
    ] {
        assert!(metrics.contains(line), "{metrics}");
    }
}
