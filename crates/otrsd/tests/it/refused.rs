//! Registrations and settings that cannot be used: each is refused with its reason, the rest runs.

use std::{fs, os::unix::fs::PermissionsExt as _};

use crate::{
    harness::{World, finish, setting},
    registration::{Registration, idle, module},
    status::Status,
};

/// Starts the world; what is said of the module, which is refused, and that `Fine` runs.
#[track_caller]
fn refusal(world: &World, name: &str) -> String {
    let started = world.otrsd(&["start"]).ok();
    world.running("Fine");
    let status = world.status();
    let module = status.module(name);
    assert_eq!((module.state.as_str(), module.pid), ("refused", None));
    let note = module.note.clone().unwrap();
    assert!(started.stderr.contains(&format!("warning: {note}\n")), "{started:?}");
    let checked = world.otrsd(&["check"]);
    assert_eq!(checked.code, 3);
    assert!(checked.stdout.contains(&note), "{checked:?}");
    let asked = world.otrsd(&["summary", name]);
    assert_eq!(asked.all(), (1, "", format!("{note}\n").as_str()));
    assert!(world.read("log/SupervisorERR.log").contains(&note));
    world.otrsd(&["stop"]).ok();
    note
}

/// The registration's line is the second of the file.
fn placed(world: &World, name: &str, what: &str) -> String {
    format!("{}:2: setting DaemonModules###{name}: {what}", world.text("config/bad.xml"))
}

#[test]
fn a_bad_registration_is_refused_with_its_reason() {
    let native = || module("Bad").native(2);
    let command = || module("Bad").shell("sleep 1000");
    let table: [(Registration, &str); 16] = [
        (module("Bad"), "the key 'Module' or 'Command' is missing"),
        (native().key("WatchdogSeconds", "soon"), "'WatchdogSeconds' must be seconds, not 'soon'"),
        (native().key("WatchdogSeconds", "-1"), "'WatchdogSeconds' must be seconds, not '-1'"),
        (native().key("SleepPost", "NaN"), "'SleepPost' must be seconds, not 'NaN'"),
        (native().key("Discard", "-1e300"), "'Discard' must be seconds, not '-1e300'"),
        (native().key("MemoryMax", "much"), "'MemoryMax' must be bytes like 200M, not 'much'"),
        (
            native().key("MemoryMax", "99999999999G"),
            "'MemoryMax' must be bytes like 200M, not '99999999999G'",
        ),
        (native().list("SleepPost", &["1"]), "'SleepPost' must be a text"),
        (
            native().list("SummaryCommand", &["true"]),
            "'SummaryCommand' needs a 'Command': this module has a Summary of its own",
        ),
        (
            module("Bad").key("Command", "df -h /"),
            "'Command' must be an array: the program, then its arguments",
        ),
        (module("Bad").command(&[]), "'Command' must be an array: the program, then its arguments"),
        (command().key("Environment", "PATH=/bin"), "'Environment' must be a hash of variables"),
        (
            command().key("SleepPost", "1").key("MemoryMax", "1M"),
            "'MemoryMax' has no meaning for a command that ends with its round",
        ),
        (
            module("Bad").command(&["./poll.py"]),
            "'Command' must name a program by an absolute path or by its name alone",
        ),
        (
            command().list("SummaryCommand", &["bin/sum"]),
            "'SummaryCommand' must name a program by an absolute path or by its name alone",
        ),
        (command().key("WorkingDirectory", "here"), "'WorkingDirectory' must be an absolute path"),
    ];
    for (registration, reason) in table {
        let world =
            World::new().with("fine", &[idle("Fine", 1)]).with("bad", &[registration.xml()]);
        assert_eq!(refusal(&world, "Bad"), placed(&world, "Bad", reason));
    }
}

#[test]
fn an_unknown_module_is_refused_and_the_known_ones_are_named() {
    let world = World::stock().with("fine", &[module("Fine").shell("exec sleep 1000").xml()]).with(
        "bad",
        &[module("Bad").key("Module", "Kernel::System::Daemon::DaemonModules::TestDeamon").xml()],
    );
    let packages = "Kernel::System::Daemon::DaemonModules";
    let known = [
        "SchedulerCronTaskManager",
        "SchedulerFutureTaskManager",
        "SchedulerGenericAgentTaskManager",
        "SchedulerTaskWorker",
        "SystemConfigurationSyncManager",
        "TestDaemon",
    ]
    .map(|name| format!("'{packages}::{name}'"));
    let reason = format!(
        "no module '{packages}::TestDeamon' in this program; known are {}, 'Otrsd::WebConsole'. \
         Is the name right? Does it need a 'Command'?",
        known.join(", ")
    );
    assert_eq!(refusal(&world, "Bad"), placed(&world, "Bad", &reason));
}

#[test]
fn a_name_that_cannot_be_part_of_a_file_name_is_refused() {
    let rule = "a module's name becomes part of file names: at most 100 letters, digits, _ - .";
    let long = "x".repeat(101);
    for (name, reason) in [
        ("../x", rule),
        ("a/b", rule),
        (".hidden", rule),
        ("with space", rule),
        (&long, rule),
        ("Supervisor", "a module cannot be called 'Supervisor'"),
    ] {
        let world = World::new().with("fine", &[idle("Fine", 1)]).with("bad", &[idle(name, 2)]);
        assert_eq!(refusal(&world, name), placed(&world, name, reason));
        assert!(!world.path("xERR.log").exists());
    }
}

#[test]
fn of_two_registrations_of_a_module_one_runs() {
    let world = World::new().with("fine", &[idle("Fine", 2)]).with("bad", &[idle("Other", 2)]);
    let reason =
        "module 'Test::2' is registered twice; DaemonModules###Fine runs, this one does not";
    assert_eq!(refusal(&world, "Other"), placed(&world, "Other", reason));
}

/// Whatever it says: a setting of another user is a shell, a database or a token of his.
#[test]
fn a_file_that_others_could_have_written_is_refused_whole() {
    let says = [
        module("Bad").shell("sleep 1000").xml(),
        module("Bad").native(2).key("User", "root").xml(),
        setting("DaemonModules###Fine###Environment###LD_PRELOAD", "/tmp/evil.so"),
        setting("Home", "/srv/evil"),
        setting("DatabaseURL", "postgres://evil.example/tasks"),
        setting("WebConsole::Tokens###evil", "operate 1"),
        setting("Daemon::Log::LogPath", "/srv/evil"),
        setting("Daemon::StopGrace", "7"),
    ];
    for (number, text) in says.into_iter().enumerate() {
        let world = World::new().with("fine", &[idle("Fine", 1)]).with("zz", &[text]);
        let path = world.path("config/zz.xml").canonicalize().unwrap();
        let mode = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let told = format!(
            "{}: is refused, for others could have written it: {1} can be written by others; chmod go-w {1}\n",
            world.text("config/zz.xml"),
            path.display()
        );
        mode(if number % 2 == 0 { 0o664 } else { 0o646 });
        for command in ["start", "status", "check"] {
            let refused = world.otrsd(&[command]);
            let both = refused.stdout.clone() + &refused.stderr;
            assert!(refused.code == 3 && both.contains(&told), "{number} {command}: {refused:?}");
        }
        world.deserted();
    }
}

/// What runs goes on with what it has.
#[test]
fn a_reload_takes_nothing_from_a_directory_that_others_may_write() {
    let world = World::new().with("fine", &[idle("Fine", 1)]);
    world.start();
    let path = world.path("config").canonicalize().unwrap();
    let mode = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    mode(0o775);
    let reload = world.otrsd(&["reload"]);
    let told = format!("{0} can be written by others; chmod go-w {0}\n", path.display());
    assert!(reload.code != 0 && reload.stderr.contains(&told), "{reload:?}");
    world.running("Fine");
    // Others cannot replace there what is not theirs.
    mode(0o1777);
    world.otrsd(&["reload"]).ok();
}

#[test]
fn an_invalid_node_id_keeps_the_daemon_from_starting() {
    for text in ["0", "1000", "-1", "one", "", "1.5", " "] {
        let world = World::new().with("node", &[setting("NodeID", text)]);
        let origin = format!("{}:2", world.text("config/node.xml"));
        let expected =
            format!("{origin}: setting NodeID: '{text}' is not a number from 1 to 999\n");
        for command in ["start", "list", "status"] {
            let said = world.otrsd(&[command]);
            assert_eq!(said.all(), (3, "", expected.as_str()), "{command}");
        }
        let checked = world.otrsd(&["check"]);
        assert!(checked.code == 3 && checked.stdout.contains(&expected), "{checked:?}");
    }
    let world = World::new().with("modules", &[idle("A", 1)]);
    let said = world.otrsd(&["--node-id", "x", "start"]);
    assert_eq!(
        said.all(),
        (3, "", "--node-id: setting NodeID: 'x' is not a number from 1 to 999\n")
    );
    let mut command = world.command(&world.program);
    command.args(["status"]).env("OTRSD_NODE_ID", "0");
    let said = finish(command);
    assert_eq!(
        said.all(),
        (3, "", "OTRSD_NODE_ID: setting NodeID: '0' is not a number from 1 to 999\n")
    );
}

#[test]
fn a_bad_setting_is_reported_and_its_default_holds() {
    let table = [
        ("Daemon::StopGrace", "soon", "'soon' is not a whole number up to 86400; 30 is used"),
        ("Daemon::Log::DaysToKeep", "-1", "'-1' is not a whole number up to 36500; 1 is used"),
        (
            "Daemon::Log::RotationType",
            "weekly",
            "'weekly' is neither 'otrs' nor 'external'; 'otrs' is used",
        ),
        ("Daemon::Log::Format", "xml", "'xml' is neither 'text' nor 'json'; 'text' is used"),
    ];
    let world = World::new()
        .with("modules", &[idle("A", 1)])
        .with("zz", &table.map(|(name, text, _)| setting(name, text)))
        .with("unknown", &[module("B").native(2).key("SleepPots", "1").xml()]);
    let checked = world.otrsd(&["check"]);
    assert_eq!(checked.code, 3);
    for (index, (name, _, reason)) in table.iter().enumerate() {
        let line =
            format!("{}:{}: setting {name}: {reason}\n", world.text("config/zz.xml"), index + 2);
        assert!(checked.stdout.contains(&line), "{line}{checked:?}");
    }
    let slip =
        "setting DaemonModules###B: key 'SleepPots' means nothing here; is 'SleepPost' meant?\n";
    assert!(checked.stdout.contains(slip), "{checked:?}");
    assert!(checked.stdout.ends_with(" modules to run: 5 problems\n"), "{checked:?}");
    let started = world.otrsd(&["start"]).ok();
    assert_eq!(started.stderr.matches("warning: ").count(), 5, "{started:?}");
    world.wait_for("both modules", |status: &Status| status.running("A").and(status.running("B")));
}

#[test]
fn a_number_that_is_too_large_is_reported_and_its_default_holds() {
    let huge = u64::MAX.to_string();
    let table = [
        ("Daemon::Log::DaysToKeep", "9999999", "not a whole number up to 36500; 1 is used"),
        ("Daemon::Log::DaysToKeep", &huge, "not a whole number up to 36500; 1 is used"),
        ("Daemon::StopGrace", "86401", "not a whole number up to 86400; 30 is used"),
        ("Daemon::StopGrace", &huge, "not a whole number up to 86400; 30 is used"),
    ];
    for (name, text, reason) in table {
        let world =
            World::new().with("modules", &[idle("A", 1)]).with("zz", &[setting(name, text)]);
        let told = format!("setting {name}: '{text}' is {reason}\n");
        assert!(world.otrsd(&["check"]).stdout.contains(&told), "{told}");
        let started = world.otrsd(&["start"]).ok();
        assert!(started.stderr.contains(&told), "{started:?}");
        world.running("A");
        assert_eq!(world.otrsd(&["stop"]).ok().stdout.lines().last(), Some("stopped"));
    }
}

#[test]
fn a_daemon_is_found_although_the_configured_place_changed() {
    let world = World::new().with("modules", &[idle("A", 1)]);
    let pid = world.start();
    for bad in [setting("Daemon::PID::Path", &world.text("elsewhere")), setting("NodeID", "0")] {
        world.configure("zz", &[bad]);
        let said = world.otrsd(&["status"]);
        assert!(said.code == 0 && said.stdout.contains(&format!("PID {pid}")), "{said:?}");
        let said = world.otrsd(&["reload"]);
        assert_eq!(said.code, 1, "{said:?}");
        assert!(said.stderr.contains("runs on with the configuration it has"), "{said:?}");
    }
    assert_eq!(world.otrsd(&["stop"]).ok().stdout.lines().last(), Some("stopped"));
    world.deserted();
}

fn hash(name: &str, items: &[(&str, &str)]) -> String {
    let items = items.iter().map(|(key, value)| format!("<Item Key='{key}'>{value}</Item>"));
    let items: String = items.collect();
    format!("<Setting Name='{name}' Valid='1'><Value><Hash>{items}</Hash></Value></Setting>\n")
}

/// Each reader of settings has its own process; whoever asks the daemon hears of all of them.
#[test]
fn what_any_module_refuses_is_told_by_start_reload_status_and_check() {
    let slips = [
        (
            setting("Daemon::SchedulerTaskWorker::MaximumWorkers", "abc"),
            "'abc' is not a whole number from 1 to 10000; 5 is used",
        ),
        (setting("OTRSTimeZone", "Nowhere/City"), "'Nowhere/City' is not in this machine's"),
        (
            hash(
                "Daemon::SchedulerCronTaskManager::Task###Backup",
                &[("Schedule", "0 2 * * 8"), ("Command", "/bin/true")],
            ),
            "this cron task is skipped",
        ),
        (hash("Daemon::Event###E", &[("Event", "Created")]), "'TaskType' is missing"),
        (setting("WebConsole::Listen", "0.0.0.0:80"), "speaks no TLS"),
        (setting("Daemon::SchedulerTaskWorker::Workers", "1"), "means nothing here"),
    ];
    let world = World::new().with("modules", &[idle("A", 1)]);
    let told = |said: &str| slips.iter().all(|(_, what)| said.contains(what));
    world.start();
    assert_eq!(world.otrsd(&["reload"]).ok().stderr, "");
    let slipped: Vec<_> = slips.iter().map(|(slip, _)| slip.clone()).collect();
    world.configure("zz", &slipped);
    let reloaded = world.otrsd(&["reload"]).ok();
    assert!(told(&reloaded.stderr) && reloaded.stdout.ends_with("reloaded\n"), "{reloaded:?}");
    let status = world.otrsd(&["status"]).ok();
    assert!(told(&status.stdout), "{status:?}");
    let json: serde_json::Value =
        serde_json::from_str(&world.otrsd(&["status", "--json"]).ok().stdout).unwrap();
    let problems = json["configuration_problems"].as_array().unwrap();
    assert_eq!(problems.len(), slips.len(), "{problems:?}");
    assert_eq!(problems[0]["origin"]["source"], world.text("config/zz.xml"));
    let checked = world.otrsd(&["check"]);
    assert!(checked.code == 3 && told(&checked.stdout), "{checked:?}");
    world.otrsd(&["stop"]).ok();
    let started = world.otrsd(&["start"]).ok();
    assert!(told(&started.stderr), "{started:?}");
    assert!(told(&world.read("log/SupervisorERR.log")));
}
