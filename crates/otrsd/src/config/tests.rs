//! Tests of the interpretation of registrations and of the problems of bad ones.

use std::fs;

use super::{Configuration, default_paths::DefaultPaths, modules::Kind};
use crate::config::{natives::Natives, pace::Pace, packages};

fn interpret(directory: &tempfile::TempDir, settings: &str) -> anyhow::Result<Configuration> {
    interpret_with(directory, settings, &[])
}

/// With these packages known beside the example.
fn interpret_with(
    directory: &tempfile::TempDir,
    settings: &str,
    packages: &[&'static str],
) -> anyhow::Result<Configuration> {
    let path = directory.path().join("a.xml");
    fs::write(
        &path,
        format!("<otrsd_config version='2.0' init='Application'>{settings}</otrsd_config>"),
    )?;
    let document = sysconfig::read_file(&path)?;
    let mut read = sysconfig::SysConfig::default();
    let defaults = sysconfig::parse("built-in", include_str!("defaults.xml"))?;
    let mut problems = read.overlay(defaults.settings);
    problems.extend(read.overlay(document.settings));
    let mut natives = Natives::default();
    for package in packages.iter().chain([&packages::TEST_DAEMON]) {
        natives.add(package);
    }
    Configuration::interpret(read, problems, &natives, &DefaultPaths::of_this_user()).usable()
}

fn module(name: &str, keys: &str) -> String {
    format!(
        "<Setting Name='DaemonModules###{name}' Valid='1'><Value><Hash>{keys}</Hash></Value></Setting>"
    )
}

fn key(key: &str, value: &str) -> String {
    format!("<Item Key='{key}'>{value}</Item>")
}

fn setting(name: &str, value: &str) -> String {
    format!(
        "<Setting Name='{name}' Valid='1'><Value><Item ValueType='String'>{value}</Item></Value></Setting>"
    )
}

fn directory() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn a_registration_becomes_what_its_keys_say() {
    let test_daemon = key("Module", packages::TEST_DAEMON);
    let command = key("Command", "<Array><Item>/bin/true</Item><Item>x</Item></Array>");
    let argv = || vec!["/bin/true".to_owned(), "x".to_owned()];
    for (keys, kind, pace) in [
        (test_daemon.clone(), Kind::Native, Pace::default()),
        (command.clone(), Kind::Command(argv()), Pace::default()),
        (
            command.clone() + &key("SleepPost", "2"),
            Kind::Rounds(argv()),
            Pace { sleep_post: Some(std::time::Duration::from_secs(2)), discard: None },
        ),
        // A command is an explicit choice, whatever the name of the module.
        (test_daemon + &command, Kind::Command(argv()), Pace::default()),
        (key("Command", "/bin/true"), Kind::Command(vec!["/bin/true".to_owned()]), Pace::default()),
    ] {
        let configuration = interpret(&directory(), &module("M", &keys)).unwrap();
        let spec =
            configuration.module("M").unwrap_or_else(|| panic!("{:?}", configuration.problems));
        assert_eq!((&spec.kind, spec.pace), (&kind, pace), "{keys}");
        assert!(configuration.problems.is_empty(), "{:?}", configuration.problems);
    }
}

#[test]
fn a_bad_registration_is_refused_with_its_reason_and_the_others_run() {
    let command = key("Command", "/bin/true");
    let longest = "x".repeat(101);
    for (name, keys, reason) in [
        ("M", String::new(), "the key 'Module' or 'Command' is missing"),
        ("M", key("Module", "No::Such"), "no module 'No::Such' in this program"),
        (
            "M",
            key("Module", packages::TEST_DAEMON),
            "is registered twice; DaemonModules###First runs",
        ),
        ("M", key("Command", "ls -l"), "'Command' must be an array"),
        ("M", key("Command", "<Hash><Item Key='a'>b</Item></Hash>"), "'Command' must be an array"),
        (
            "M",
            command.clone() + &key("SleepPost", "soon"),
            "'SleepPost' must be seconds, not 'soon'",
        ),
        ("M", command.clone() + &key("Discard", "-1"), "'Discard' must be seconds, not '-1'"),
        ("M", command.clone() + &key("MemoryMax", "much"), "'MemoryMax' must be bytes like 200M"),
        ("M", command.clone() + &key("MemoryMax", "99999999999G"), "'MemoryMax' must be bytes"),
        ("M", command.clone() + &key("MemoryMax", "1M") + &key("SleepPost", "1"), "has no meaning"),
        ("M", command.clone() + &key("Environment", "A=b"), "'Environment' must be a hash"),
        ("a/b", command.clone(), "a module's name becomes part of file names"),
        (".hidden", command.clone(), "a module's name becomes part of file names"),
        (&longest, command.clone(), "a module's name becomes part of file names"),
        ("Supervisor", command.clone(), "a module cannot be called 'Supervisor'"),
    ] {
        let first = module("First", &key("Module", packages::TEST_DAEMON));
        let settings = first + &module(name, &keys);
        let configuration = interpret(&directory(), &settings).unwrap();
        let runs: Vec<_> = configuration.modules.iter().map(|spec| spec.name.as_str()).collect();
        assert_eq!(runs, ["First"], "{name} {keys}");
        let refused = configuration.refused.first().unwrap().problem.to_string();
        assert!(refused.contains(reason), "{name} {keys}: {refused}");
        assert!(
            refused.contains(&format!("a.xml:1: setting DaemonModules###{name}: ")),
            "{refused}"
        );
    }
}

#[test]
fn a_slip_of_the_pen_is_told_and_the_module_runs() {
    let keys = key("Command", "/bin/true") + &key("SleepPots", "2");
    let configuration = interpret(&directory(), &module("M", &keys)).unwrap();
    assert!(configuration.module("M").is_some());
    assert!(
        configuration.problems[0]
            .to_string()
            .ends_with("key 'SleepPots' means nothing here; is 'SleepPost' meant?")
    );
}

#[test]
fn a_bad_number_leaves_its_default_but_a_bad_node_is_an_error() {
    let configuration = interpret(&directory(), &setting("Daemon::StopGrace", "soon")).unwrap();
    assert_eq!(configuration.stop_grace.as_secs(), 30);
    assert!(
        configuration.problems[0]
            .to_string()
            .contains("'soon' is not a whole number up to 86400; 30 is used")
    );
    for node in ["0", "1000", "-1", "+1", "007", "one", ""] {
        let error = interpret(&directory(), &setting("NodeID", node)).unwrap_err().to_string();
        assert!(
            error.ends_with(&format!("setting NodeID: '{node}' is not a number from 1 to 999")),
            "{error}"
        );
    }
}

#[test]
fn a_change_concerns_the_modules_that_may_read_it() {
    let base = module("A", &key("Module", packages::TEST_DAEMON))
        + &module("B", &key("Command", "/bin/true"));
    let old = interpret(&directory(), &base).unwrap();
    for (change, a_is_same, b_is_same) in [
        (String::new(), true, true),
        (setting("Acme::Anything", "1"), false, true),
        (setting("Daemon::A::Interval", "1"), false, true),
        (setting("Daemon::Acme::Interval", "1"), false, true),
        (setting("Daemon::B::Interval", "1"), true, true),
        (setting("Daemon::Log::DaysToKeep", "9"), true, true),
        (setting("Daemon::StopGrace", "5"), true, true),
        (setting("Daemon::Log::STDOUT", "1"), false, false),
        (module("B", &key("Command", "/bin/false")), true, false),
        (module("C", &key("Command", "/bin/false")), true, true),
    ] {
        let new = interpret(&directory(), &(base.clone() + &change)).unwrap();
        let same = (old.is_same_for("A", &new), old.is_same_for("B", &new));
        assert_eq!(same, (a_is_same, b_is_same), "{change}");
    }
    assert!(!old.is_same_for("C", &old));
}

/// Only the installation's own managers can compute schedules in a way of its own.
#[test]
fn managers_of_foreign_schedules_run_in_perl() {
    let directory = directory();
    let modules: String = packages::PLANNERS
        .iter()
        .chain([&packages::TEST_DAEMON])
        .enumerate()
        .map(|(number, package)| module(&format!("M{number}"), &key("Module", package)))
        .collect();
    let home = setting("Home", "/nowhere");
    for (said, in_perl) in [("UTC", 0), ("OTRSTimeZone", 0), ("it says something odd", 2)] {
        let settings = format!("{modules}{home}{}", setting("HomeCronEvents", said));
        let read = interpret_with(&directory, &settings, &packages::PLANNERS).unwrap();
        let found: Vec<_> =
            read.modules.iter().filter(|it| matches!(it.kind, Kind::Perl { .. })).collect();
        assert_eq!((found.len(), read.modules.len()), (in_perl, 3), "{said}");
        let told = read.problems.iter().map(ToString::to_string);
        let told = told.filter(|it| it.contains("runs in Perl and not natively, for it says"));
        assert_eq!(told.count(), in_perl);
    }
}

#[test]
fn rights_are_gained_where_it_is_asked_for_and_in_a_help_desk() {
    let asked = setting("Daemon::NewPrivileges", "1");
    for (settings, expected) in
        [(String::new(), false), (asked, true), (setting("Home", "/nowhere"), true)]
    {
        let read = interpret_with(&directory(), &settings, &[]).unwrap();
        assert_eq!(read.new_privileges, expected, "{settings}");
    }
}

/// The console shows all settings; the worker runs cron tasks' commands, and cron tasks are added by the policies of
/// types.
#[test]
fn a_change_concerns_the_stock_modules_that_read_it_too() {
    let modules = [
        ("SchedulerTaskWorker", packages::TASK_WORKER),
        ("SchedulerCronTaskManager", packages::CRON_MANAGER),
        ("WebConsole", packages::WEB_CONSOLE),
        ("SchedulerOther", packages::TEST_DAEMON),
    ];
    let base: String = modules.map(|(name, it)| module(name, &key("Module", it))).concat();
    let packages = [packages::TASK_WORKER, packages::CRON_MANAGER, packages::WEB_CONSOLE];
    let read = |settings: &str| interpret_with(&directory(), settings, &packages).unwrap();
    let old = read(&base);
    let hash = |name: &str| {
        format!(
            "<Setting Name='{name}' Valid='1'><Value><Hash>{}</Hash></Value></Setting>",
            key("Timeout", "5")
        )
    };
    for (change, expected) in [
        (String::new(), ""),
        (
            hash("Daemon::SchedulerTaskWorker::TaskType###T"),
            "SchedulerTaskWorker SchedulerCronTaskManager WebConsole",
        ),
        (
            hash("Daemon::SchedulerCronTaskManager::Task###T"),
            "SchedulerTaskWorker SchedulerCronTaskManager WebConsole",
        ),
        (
            setting("Daemon::SchedulerTaskWorker::MaximumWorkers", "3"),
            "SchedulerTaskWorker WebConsole",
        ),
        (setting("Daemon::StopGrace", "5"), "SchedulerTaskWorker WebConsole"),
        (setting("Daemon::Log::DaysToKeep", "5"), "WebConsole"),
    ] {
        let new = read(&(base.clone() + &change));
        let changed: Vec<_> = modules
            .map(|(name, _)| name)
            .into_iter()
            .filter(|name| !old.is_same_for(name, &new))
            .collect();
        assert_eq!(changed.join(" "), expected, "{change}");
    }
}
