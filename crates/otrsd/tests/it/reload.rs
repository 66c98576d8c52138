//! `reload` touches what changed and nothing else; a broken file changes nothing at all.

use nix::sys::signal::Signal::SIGHUP;

use crate::{
    harness::{World, setting, signal, wait_until},
    registration::{idle, module},
};

/// Two native modules and a command, each in a file of its own.
fn three() -> World {
    World::new()
        .with("a", &[idle("A", 1)])
        .with("b", &[module("B").native(2).key("SleepPost", "3600").does("New", "version 1").xml()])
        .with("c", &[module("C").shell("exec sleep 1000").xml()])
}

fn pids(world: &World) -> [i32; 3] {
    ["A", "B", "C"].map(|name| world.running(name))
}

#[test]
fn only_what_changed_is_touched() {
    let world = three();
    world.start();
    let [a, b, c] = pids(&world);

    world.configure("d", &[idle("D", 4)]);
    let told = world.otrsd(&["reload"]).ok().stdout;
    let d = world.running("D");
    assert_eq!(told, format!("D started (PID {d})\nreloaded\n"));
    assert_eq!(pids(&world), [a, b, c], "a module was added");

    world.configure(
        "b",
        &[module("B").native(2).key("SleepPost", "3600").does("New", "version 2").xml()],
    );
    world.otrsd(&["reload"]).ok();
    let b = world.running_anew("B", b);
    assert_eq!(pids(&world), [a, b, c], "a module's own setting changed");
    let exit = world.status().module("B").last_exit.clone().unwrap();
    assert_eq!((exit.planned, exit.reason.as_str()), (true, "its configuration changed"));

    world.configure("c", &[module("C").shell("exec sleep 1001").xml()]);
    world.otrsd(&["reload"]).ok();
    let c = world.running_anew("C", c);
    assert_eq!(pids(&world), [a, b, c], "a command changed");

    std::fs::remove_file(world.path("config/d.xml")).unwrap();
    world.otrsd(&["reload"]).ok();
    assert!(world.status().find("D").is_none(), "a module was removed");
    assert_eq!(pids(&world), [a, b, c]);

    world.otrsd(&["reload"]).ok();
    assert_eq!(pids(&world), [a, b, c], "nothing changed");
}

#[test]
fn a_setting_that_all_may_read_restarts_the_native_modules_alone() {
    let world = three().with("common", &[setting("Ticket::Hook", "Ticket#")]);
    world.start();
    let [a, b, c] = pids(&world);
    world.configure("common", &[setting("Ticket::Hook", "Case#")]);
    world.otrsd(&["reload"]).ok();
    world.running_anew("A", a);
    world.running_anew("B", b);
    assert_eq!(pids(&world)[2], c);
}

#[test]
fn a_reload_reads_what_the_daemon_was_started_with() {
    let world = three();
    world.start();
    let (config, more) = (world.text("config"), world.text("more.xml"));
    world.file("more.xml", &world.read("config/a.xml"));
    let told = world.otrsd(&["--config", &config, "--config", &more, "reload"]);
    let warning = format!(
        "warning: the daemon reloads {config}, not {config}, {more}; stop and start it to change its sources\n"
    );
    assert_eq!(told.all(), (0, "reloaded\n", warning.as_str()));
    assert_eq!(world.otrsd(&["reload"]).all(), (0, "reloaded\n", ""));
}

#[test]
fn a_hangup_is_a_reload() {
    let world = three();
    let supervisor = world.start();
    let before = pids(&world);
    world.configure("d", &[idle("D", 4)]);
    signal(supervisor, SIGHUP);
    world.running("D");
    assert_eq!(pids(&world), before);
    assert_eq!(world.status().pid, supervisor);
}

#[test]
fn a_broken_file_changes_nothing_and_the_daemon_is_still_found() {
    let world = three();
    let supervisor = world.start();
    let before = pids(&world);
    // It held the PID file's path.
    let good = world.read("config/00-base.xml");
    let broken = good.replace(
        "</Value></Setting>\n<Setting Name=\"Daemon::Log",
        "</Velue>\n<Setting Name=\"Daemon::Log",
    );
    assert_ne!(good, broken);
    world.file("config/00-base.xml", &broken);
    let path = world.text("config/00-base.xml");
    let place = format!("{path}:2:");

    let told = world.otrsd(&["reload"]);
    assert_eq!((told.code, told.stdout.as_str()), (1, ""));
    assert!(
        told.stderr.contains(&place) && told.stderr.contains("found </Velue>; expected </Value>"),
        "{told:?}"
    );
    assert!(
        told.stderr.ends_with("the daemon runs on with the configuration it has\n"),
        "{told:?}"
    );
    assert_eq!(pids(&world), before);

    let status = world.otrsd(&["status"]).ok();
    assert!(status.stdout.contains(&format!("is running: PID {supervisor}")), "{status:?}");
    assert!(status.stdout.contains("The configuration on disk is not in use:\n"), "{status:?}");
    assert!(status.stdout.contains(&place), "{status:?}");

    world.file("config/00-base.xml", &good);
    world.configure("d", &[idle("D", 4)]);
    world.otrsd(&["reload"]).ok();
    world.running("D");
    assert_eq!((pids(&world), world.status().configuration_error), (before, None));

    world.file("config/00-base.xml", &broken);
    assert_eq!(world.otrsd(&["stop"]).ok().stdout.lines().last(), Some("stopped"));
    world.deserted();
    let told = world.otrsd(&["start"]);
    assert_eq!(told.code, 3);
    assert!(told.stderr.contains(&place), "{told:?}");
}

#[test]
fn a_module_sees_changed_settings_at_its_discard_without_a_reload() {
    let leave = "show Daemon::A::Word; wait-for go; discard next";
    let a = |word: &str| {
        let module = module("A").native(1).does("Run", leave).does("Word", word);
        vec![module.xml()]
    };
    let world = World::new().with("a", &a("old")).with("b", &[idle("B", 2)]);
    world.start();
    let b = world.running("B");
    world.traced("A", "old");
    world.configure("a", &a("new"));
    world.file("go", "");
    world.traced("A", "new");
    assert_eq!(world.status().module("B").pid, Some(b), "the others go on with what they have");
}

#[test]
fn a_file_broken_at_a_discard_leaves_the_old_generation_in_use() {
    let world = World::new().with(
        "a",
        &[module("A")
            .native(1)
            .does("Run", "show Daemon::A::Word; wait-for go")
            .does("Word", "old")
            .xml()],
    );
    world.start();
    let a = world.running("A");
    world.traced("A", "old");
    world.file("config/a.xml", "<otrs_config version=\"2.0\" init=\"Changes\">\n<Setting");
    signal(a, nix::sys::signal::SIGKILL);
    world.running_anew("A", a);
    wait_until("the old word again", || (world.read("A.trace") == "old\nold\n").then_some(()));
    let error = world.status().configuration_error.unwrap();
    assert!(error.starts_with(&format!("{}:2:", world.text("config/a.xml"))), "{error}");
    assert!(
        world
            .read("log/SupervisorERR.log")
            .contains("the daemon runs on with the configuration it has")
    );
}

#[test]
fn a_restart_is_of_one_module_or_of_all() {
    let world = three();
    let supervisor = world.start();
    let [a, b, c] = pids(&world);
    let told = world.otrsd(&["restart", "A"]).ok().stdout;
    let new = world.running_anew("A", a);
    assert!(
        told.contains(&format!("A started (PID {new})\n")) && told.ends_with("restarted\n"),
        "{told}"
    );
    assert_eq!(pids(&world), [new, b, c]);
    let exit = world.status().module("A").last_exit.clone().unwrap();
    assert_eq!((exit.planned, exit.reason.as_str()), (true, "restart asked for"));
    world.otrsd(&["restart"]).ok();
    for (name, old) in [("A", new), ("B", b), ("C", c)] {
        world.running_anew(name, old);
    }
    assert_eq!(world.status().pid, supervisor);
    let told = world.otrsd(&["restart", "X"]);
    assert_eq!(told.all(), (1, "", "no module X is running here\n"));
}

#[test]
fn a_module_registered_again_while_it_ends_is_not_forgotten() {
    let a = [module("A").native(1).does("Run", "trace began; wait-for go").xml()];
    let world = World::new().with("a", &a);
    let supervisor = world.start();
    world.traced("A", "began");
    let pid = world.running("A");
    std::fs::remove_file(world.path("config/a.xml")).unwrap();
    signal(supervisor, SIGHUP);
    world.wait_for("A to be ended", |status| (status.find("A")?.state == "stopping").then_some(()));
    world.configure("a", &a);
    signal(supervisor, SIGHUP);
    let reloads = || world.read("log/SupervisorERR.log").matches("reloaded; changed").count();
    wait_until("the second reload", || (reloads() == 2).then_some(()));
    world.file("go", "");
    world.running_anew("A", pid);
}
