//! Tests of every described setting and key, each with invalid and with extreme values.

use std::{fs, path::Path, time::Duration};

use jiff::Timestamp;
use task_store::later;

use super::{GROUPS, Group, Key, Kind, kind};
use crate::config::{
    Configuration, default_paths::DefaultPaths, events, natives::Natives, packages,
};

/// A value that no kind accepts, except one that accepts everything.
const NO_SHAPE: &str = "<Array><Item><Array><Item>x</Item></Array></Item></Array>";

/// The keys that a hash needs beside the key under test.
const BASES: [(&str, &[(&str, &str)]); 5] = [
    ("DaemonModules", &[("Command", "/bin/true"), ("SleepPost", "1")]),
    ("Daemon::SchedulerTaskWorker::TaskType", &[("Command", "/bin/true")]),
    (
        "Daemon::SchedulerCronTaskManager::Task",
        &[("Schedule", "@daily"), ("Command", "/bin/true"), ("MissedRuns", "all")],
    ),
    ("Daemon::Event", &[("Event", "Created"), ("TaskType", "T")]),
    ("WebConsole::Tokens", &[("Role", "view")]),
];

/// The name of the setting, and its XML with `value` for the key.
fn setting(group: &Group, key: &Key, value: &str) -> (String, String) {
    let one = |name: &str, value: &str| {
        let value = if value.starts_with('<') {
            value.to_owned()
        } else {
            format!("<Item ValueType='String'>{value}</Item>")
        };
        format!("<Setting Name='{name}' Valid='1'><Value>{value}</Value></Setting>")
    };
    if group.hash.is_empty() {
        let name = key.name.replace("NAME", "N");
        return (name.clone(), one(&name, value));
    }
    let name = group.hash.replace("NAME", "N");
    let (parent, base) = match BASES.iter().find(|(parent, _)| *parent == group.setting()) {
        Some(_) if group.hash.ends_with("Http") => (&name[..], &[("URL", "https://a/")][..]),
        Some((_, base)) => (&name[..], *base),
        None => panic!("{} has no example", group.hash),
    };
    let items = base.iter().filter(|(name, _)| *name != key.name);
    let items = items.map(|(name, value)| format!("<Item Key='{name}'>{value}</Item>"));
    let items: String = items.chain([format!("<Item Key='{}'>{value}</Item>", key.name)]).collect();
    // The whole hash: a problem of one of its keys is reported for the hash.
    let told = parent.strip_suffix("###Http").unwrap_or(parent).to_owned();
    (told, one(parent, &format!("<Hash>{items}</Hash>")))
}

/// The interpretation of some settings in a new directory.
fn interpret(settings: &str) -> Configuration {
    interpret_in(tempfile::tempdir().unwrap().path(), settings)
}

/// As above, from a file that persists: the trust of a file that sets a command is checked when it is read.
fn interpret_in(directory: &Path, settings: &str) -> Configuration {
    let path = directory.join("a.xml");
    let text = format!("<otrsd_config version='2.0' init='Application'>{settings}</otrsd_config>");
    fs::write(&path, text).unwrap();
    let mut read = sysconfig::SysConfig::default();
    let defaults = sysconfig::parse("built-in", include_str!("../defaults.xml")).unwrap();
    let mut problems = read.overlay(defaults.settings);
    problems.extend(read.overlay(sysconfig::read_file(&path).unwrap().settings));
    let mut natives = Natives::default();
    natives.add(packages::TASK_WORKER);
    Configuration::interpret(read, problems, &natives, &DefaultPaths::of_this_user())
}

/// A text that no value of the kind may be; `None` where each may.
fn bad_text(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Text | Kind::Truth | Kind::Any | Kind::List => None,
        Kind::Whole(..) => Some("abc"),
        Kind::Seconds => Some("-1"),
        Kind::Bytes => Some("much"),
        Kind::OneOf(_) => Some("nonsense"),
        Kind::Zone => Some("Nowhere/City"),
        Kind::Path => Some("~/relative"),
        Kind::Schedule => Some("0 2 * * 8"),
        Kind::Argv => Some("~/bin/run"),
        Kind::Texts | Kind::Hash => Some("text"),
    }
}

fn all() -> impl Iterator<Item = (&'static Group, &'static Key)> {
    GROUPS.into_iter().flat_map(|group| group.keys.iter().map(move |key| (group, key)))
}

/// Numbers that exceed the range of some type, and texts that are no number.
const EXTREMES: [&str; 18] = [
    "0",
    "1",
    "-1",
    "0.000000001",
    "1e-308",
    "2147483648",
    "4294967296",
    "999999999999",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "99999999999G",
    "1e308",
    "1e999",
    "NaN",
    "",
];

/// The interpretation of each key of a group, or setting, with each extreme value, in a file of the directory.
pub(crate) fn with_extremes(
    directory: &Path,
    group: &'static Group,
) -> impl Iterator<Item = Configuration> {
    let huge = "9".repeat(10_000);
    let values = EXTREMES.iter().map(ToString::to_string).chain([huge]);
    let values: Vec<_> = values.collect();
    let keys =
        group.keys.iter().flat_map(move |key| values.clone().into_iter().map(move |it| (key, it)));
    keys.map(move |(key, value)| interpret_in(directory, &setting(group, key, &value).1))
}

#[test]
fn no_value_is_too_much_for_a_reader() {
    let directory = tempfile::tempdir().unwrap();
    for group in GROUPS {
        for configuration in with_extremes(directory.path(), group) {
            assert!(configuration.stop_grace <= Duration::from_hours(24));
            for module in &configuration.modules {
                assert!(module.pace.rounds() > 0);
                assert!(module.watchdog.unwrap_or_default() <= Duration::from_secs(kind::LONGEST));
            }
            for event in events::read(&configuration.settings).registrations {
                let delay = event.delay.unwrap_or_default();
                assert!(later(Timestamp::UNIX_EPOCH, delay) < Timestamp::MAX);
            }
        }
    }
}

#[test]
fn each_that_cannot_be_is_told_with_its_place() {
    let mut missed = Vec::new();
    for (group, key) in all() {
        let shape = Some(NO_SHAPE).filter(|_| key.kind != Kind::Any);
        for value in shape.into_iter().chain(bad_text(key.kind)) {
            let (name, xml) = setting(group, key, value);
            let configuration = interpret(&xml);
            let place = format!("a.xml:1: setting {name}: ");
            let is_told = |it: &String| {
                let is_named = group.hash.is_empty() || it.contains(&format!("'{}'", key.name));
                it.contains(&place) && is_named
            };
            let fault = configuration.fault().map(str::to_owned);
            let found = configuration.problems.iter().map(ToString::to_string);
            let found: Vec<_> = found.chain(fault).collect();
            if found.iter().filter(|it| is_told(it)).count() != 1 {
                missed.push(format!("{} {} '{value}': {found:?}", group.title, key.name));
            }
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn what_nothing_reads_is_told_with_the_nearest_name() {
    for (name, meant) in [
        (
            "Daemon::SchedulerTaskWorker::MaximumWorker",
            "; is 'Daemon::SchedulerTaskWorker::MaximumWorkers' meant?",
        ),
        ("Daemon::Log::Directory", ""),
        ("WebConsole::Listn", "; is 'WebConsole::Listen' meant?"),
        ("DatabaseUrl", "; is 'DatabaseURL' meant?"),
        ("NodeId", "; is 'NodeID' meant?"),
        ("DaemonModule###A###Command", "; is 'DaemonModules' meant?"),
        ("Daemon::StopGraze", "; is 'Daemon::StopGrace' meant?"),
    ] {
        let one =
            format!("<Setting Name='{name}' Valid='1'><Value><Item>1</Item></Value></Setting>");
        let problems = interpret(&one).problems;
        let said: Vec<_> = problems.iter().map(|it| it.what.as_str()).collect();
        assert_eq!(said, [format!("means nothing here{meant}")], "{name}");
    }
    // A user's own module has its settings where the documents say.
    for name in ["Acme::Poll::Directory", "Daemon::Poll::Interval"] {
        let one =
            format!("<Setting Name='{name}' Valid='1'><Value><Item>1</Item></Value></Setting>");
        assert!(interpret(&one).problems.is_empty(), "{name}");
    }
}

#[test]
fn a_hash_of_hashes_must_be_one() {
    for name in ["DaemonModules", "Daemon::Event", "WebConsole::Tokens"] {
        let one =
            format!("<Setting Name='{name}' Valid='1'><Value><Item>1</Item></Value></Setting>");
        let problems = interpret(&one).problems;
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].what.contains("must be a hash"), "{problems:?}");
    }
}

/// On a node that runs a worker.
#[test]
fn a_type_that_nothing_runs_is_told_where_it_is_used() {
    let worker = "<Setting Name='DaemonModules###W' Valid='1'><Value><Hash><Item Key='Module'>\
                  Kernel::System::Daemon::DaemonModules::SchedulerTaskWorker</Item></Hash></Value></Setting>";
    let uses = "<Setting Name='Daemon::Event###E' Valid='1'><Value><Hash><Item Key='Event'>Created</Item>\
                <Item Key='TaskType'>Mail</Item></Hash></Value></Setting>\
                <Setting Name='Daemon::SchedulerCronTaskManager::Task###C' Valid='1'><Value><Hash>\
                <Item Key='Schedule'>@daily</Item><Item Key='TaskType'>Mail</Item></Hash></Value></Setting>";
    let handler = "<Setting Name='Daemon::SchedulerTaskWorker::TaskType###Mail' Valid='1'><Value><Hash>\
                   <Item Key='Command'>/bin/true</Item></Hash></Value></Setting>";
    for (settings, told) in [
        ([worker, uses, ""], 2),
        ([worker, uses, handler], 0),
        // Another node may run them.
        (["", uses, ""], 0),
    ] {
        let problems = interpret(&settings.concat()).problems;
        let of_type =
            problems.iter().filter(|it| it.what.contains("nothing here runs tasks of type Mail"));
        assert_eq!(of_type.count(), told, "{problems:?}");
    }
}
