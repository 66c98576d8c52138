//! The cron tasks of a real Znuny, its settings loaded as they are, with commands in place of its Perl modules.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    io::Write as _,
    process::{Command, Stdio},
    thread,
};

use jiff::{Timestamp, ToSpan as _, civil::date, tz::TimeZone};
use serde_json::Value;

use crate::{
    harness::{World, setting},
    tasks::{Database, Tasks},
};

const CRON: &str = "Daemon::SchedulerCronTaskManager";
const ACTIVE: usize = 23;
const YEAR: i16 = 2027;

/// By the name of a cron task, its due instants in epoch seconds.
type Due = BTreeMap<String, Vec<i64>>;

fn znuny() -> String {
    let home = env::var("ZNUNY_HOME").expect("scripts/znuny-home makes a home for the tests");
    format!("{home}/Kernel/Config/Files/XML")
}

/// Copies of the installation's files, whose owner is another user.
fn copied(world: &World) -> String {
    let copies = world.path("znuny");
    if fs::create_dir(&copies).is_ok() {
        for entry in fs::read_dir(znuny()).unwrap().flatten() {
            fs::copy(entry.path(), copies.join(entry.file_name())).unwrap();
        }
    }
    world.text("znuny")
}

fn otrsd(world: &World, arguments: &[&str]) -> String {
    let (znuny, own) = (copied(world), world.text("config"));
    let arguments = [&["--config", &znuny, "--config", &own], arguments].concat();
    world.otrsd(&arguments).stdout
}

/// The midnights of UTC between which the months of the year lie.
fn midnights() -> Vec<Timestamp> {
    let months = (0..=12).map(|month| date(YEAR, 1, 1) + month.months());
    months.map(|day| day.to_zoned(TimeZone::UTC).unwrap().timestamp()).collect()
}

/// What `cron next` says of the year, asked month by month; in each, the order of time.
fn planned(world: &World) -> Due {
    let mut due = Due::new();
    for pair in midnights().windows(2) {
        // What is due at --from itself belongs to the month before.
        let [from, to] = [pair[0], pair[1]].map(|time| (time - 1.second()).to_string());
        let text = otrsd(world, &["cron", "next", "--all", "--json", "--from", &from, "--to", &to]);
        let all: Vec<Value> = serde_json::from_str(&text).unwrap();
        let all = all.iter().map(|it| (it["due"].as_str().unwrap(), it["name"].as_str().unwrap()));
        let all: Vec<_> = all.collect();
        assert!(all.is_sorted_by_key(|(due, _)| *due), "after {from}");
        for (instant, name) in all {
            let second = instant.parse::<Timestamp>().unwrap().as_second();
            due.entry(name.to_owned()).or_default().push(second);
        }
    }
    due
}

/// What Perl's module says of the schedules, each asked once.
fn of_perl(schedules: &BTreeSet<String>) -> Due {
    let midnights = midnights();
    let [from, to] = [midnights[0], midnights[12]].map(|time| (time.as_second() - 1).to_string());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle/schedule-year.pl");
    let mut command = Command::new("perl");
    command.args([script, &from, &to]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut perl = command.spawn().unwrap();
    let (mut input, lines) = (perl.stdin.take().unwrap(), schedules.iter().cloned());
    let lines = lines.collect::<Vec<_>>().join("\n") + "\n";
    let writer = thread::spawn(move || input.write_all(lines.as_bytes()).unwrap());
    let output = perl.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success());
    let (mut due, mut schedule) = (Due::new(), String::new());
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        match line.parse() {
            Ok(second) => due.entry(schedule.clone()).or_default().push(second),
            Err(_) => line.clone_into(&mut schedule),
        }
    }
    due
}

/// The schedules as the settings have them, by task.
fn schedules(world: &World) -> BTreeMap<String, String> {
    let text = otrsd(world, &["config", "list", &format!("{CRON}::Task###"), "--json"]);
    let all: Vec<Value> = serde_json::from_str(&text).unwrap();
    let task = |it: &Value| {
        let text = |key: &str| it["value"][key].as_str().map(str::to_owned);
        Some((text("TaskName")?, text("Schedule")?))
    };
    all.iter().filter_map(task).collect()
}

#[test]
fn a_year_of_them_is_what_perls_module_says() {
    let world = World::stock().with("10-dialect", &[setting(&format!("{CRON}::Dialect"), "perl")]);
    let schedules = schedules(&world);
    assert_eq!(schedules.len(), ACTIVE, "{schedules:#?}");
    let check = otrsd(&world, &["check"]);
    assert_eq!(check.matches("nothing here runs 'Module'").count(), ACTIVE, "{check}");

    let commands: Vec<_> = schedules
        .keys()
        .map(|name| setting(&format!("{CRON}::Task###{name}###Command"), "/bin/true"))
        .collect();
    world.configure("20-commands", &commands);
    let check = otrsd(&world, &["check"]);
    assert!(!check.contains("SchedulerCronTaskManager::Task###"), "{check}");

    let planned = planned(&world);
    assert!(planned.keys().eq(schedules.keys()), "{:?}", planned.keys());
    let perls = of_perl(&schedules.values().cloned().collect());
    for (name, due) in &planned {
        let schedule = &schedules[name];
        let expected = &perls[schedule];
        let first = due.iter().zip(expected).find(|(ours, theirs)| ours != theirs);
        assert_eq!(first, None, "{name}, {schedule}: ours and Perl's");
        assert_eq!(due.len(), expected.len(), "{name}, {schedule}");
    }
    assert_eq!(planned["MailQueueSend"].len(), 365 * 24 * 60);
}

/// The files are the installation's; the command comes from one of ours.
#[test]
fn a_command_takes_the_place_of_a_package() {
    let tasks = Tasks::new(Database::Sqlite, &[]);
    let xml = format!("{}/Daemon.xml", znuny());
    fs::copy(xml, tasks.world.path("config/00-daemon.xml")).unwrap();
    let command = "<Setting Name=\"Daemon::SchedulerCronTaskManager::Task###MailQueueSend###Command\" Valid=\"1\">\
                   <Value><Array><Item>/bin/echo</Item><Item>sent</Item></Array></Value></Setting>";
    tasks.world.configure("50-commands", &[command.to_owned()]);
    tasks.start();
    let id = tasks.world.otrsd(&["cron", "run", "MailQueueSend"]).ok().stdout;
    let end = tasks.succeeds(id.trim().parse().unwrap());
    assert_eq!(end.output.as_deref(), Some("sent\n"));
    // Of the others the task waits, held, for whoever can run it.
    let id = tasks.world.otrsd(&["cron", "run", "CoreCacheCleanup"]).ok().stdout;
    let held = tasks.held(id.trim().parse().unwrap(), task_store::HeldState::NoHandler);
    assert!(held.reason.contains("no handler for type 'Cron'"), "{held:?}");
    let check = tasks.world.otrsd(&["check"]).failed(3).stdout;
    assert!(
        check.contains("Task###CoreCacheCleanup: nothing here runs 'Module' Kernel::System::Cache"),
        "{check}"
    );
}
