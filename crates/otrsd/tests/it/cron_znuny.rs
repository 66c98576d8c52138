//! The cron settings of a real Znuny, loaded as they are, with commands in place of its Perl packages: what is
//! due over a year is what its own Perl says, to the minute.

use std::{env, fs};

use serde_json::Value;

use crate::{
    harness::{World, finish, setting},
    tasks::{Database, Tasks},
};

const PERL: &str = r#"
    use strict; use warnings; use POSIX (); use Schedule::Cron::Events; use Time::Local;
    my ( $from, $to, $schedule ) = @ARGV;
    my $cron = Schedule::Cron::Events->new( $schedule, Seconds => $from );
    while (1) {
        my $due = timegm( $cron->nextEvent() );
        last if $due > $to;
        print "$due\n" if $due > $from;
    }
"#;

const FROM: &str = "2026-03-01T00:00:00Z";

#[test]
fn a_year_is_what_perl_says() {
    let home = env::var("ZNUNY_HOME").expect("scripts/znuny-home makes a home for the tests");
    let settings = format!("{home}/Kernel/Config/Files/XML");
    let world = World::stock();
    let otrsd = |arguments: &[&str]| {
        let mut command = world.command(&world.program);
        command.args(["--config", &settings, "--config", &world.text("config")]).args(arguments);
        finish(command)
    };
    let dialect = setting("Daemon::SchedulerCronTaskManager::Dialect", "perl");
    // Something to look at: the list reads the database.
    let database = setting("DatabaseURL", &format!("sqlite:{}", world.text("tasks.db")));
    world.configure("10-cron", &[dialect, database]);
    otrsd(&["db", "migrate"]).ok();
    let list: Vec<Value> =
        serde_json::from_str(&otrsd(&["cron", "list", "--json"]).ok().stdout).unwrap();
    assert_eq!(list.len(), 23, "the stock tasks that are active");
    let second = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_second();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    for task in &list {
        let (name, schedule) = (text(&task["name"]), text(&task["schedule"]));
        // Of those that are due each few minutes a month shows the same.
        let to =
            if schedule.starts_with('*') { "2026-04-01T00:00:00Z" } else { "2027-03-01T00:00:00Z" };
        let mut perl = world.command("perl");
        perl.args(["-e", PERL, &second(FROM).to_string(), &second(to).to_string(), &schedule]);
        perl.env("TZ", "UTC");
        let theirs = finish(perl).ok().stdout;
        let ours = otrsd(&["cron", "next", &name, "--from", FROM, "--to", to]).ok().stdout;
        let ours: Vec<String> =
            ours.lines().skip(1).map(|line| second(&line[29..49]).to_string()).collect();
        assert!(!ours.is_empty());
        assert_eq!(ours, theirs.lines().collect::<Vec<_>>(), "{name}");
    }
}

/// The files of the installation may be anybody's; the command comes from one of ours.
#[test]
fn a_command_takes_the_place_of_a_package() {
    let home = env::var("ZNUNY_HOME").expect("scripts/znuny-home makes a home for the tests");
    let tasks = Tasks::new(Database::Sqlite, &[]).unwrap();
    let xml = format!("{home}/Kernel/Config/Files/XML/Daemon.xml");
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
