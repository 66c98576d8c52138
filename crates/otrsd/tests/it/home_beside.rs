//! An installation of a real Znuny that is not alone: nodes of the original beside it, or a copy of its database.

use std::{collections::BTreeSet, time::Duration};

use serde_json::Value;

use crate::{
    harness::{setting, wait_until},
    home_together::{add, begun, select, sql, together},
    installation::Installation,
    tasks::{Database, WORKER, shell},
};

/// What a node of the original would run otherwise, or delete, is refused and left out, until there is said to be none.
#[test]
fn what_fights_with_the_original_is_left_out() {
    let it = Installation::new(Database::Postgres).with_probe();
    it.otrsd(&["db", "migrate"]).ok();
    let cron = "Daemon::SchedulerCronTaskManager::Task###";
    let task = |key: &str, items: &str| {
        let schedule = "<Item Key='Schedule'>1 2 3 4 *</Item>";
        format!(
            "<Setting Name='{cron}{key}' Valid='1'><Value><Hash>{schedule}{items}</Hash></Value></Setting>\n"
        )
    };
    let module =
        "<Item Key='Module'>Kernel::System::Cache</Item><Item Key='Function'>CleanUp</Item>";
    it.world.configure(
        "50-foreign",
        &[
            task("Zone", &format!("{module}<Item Key='TimeZone'>Europe/Berlin</Item>")),
            task("Missed", &format!("{module}<Item Key='MissedRuns'>all</Item>")),
            task("Program", "<Item Key='Command'>true</Item>"),
            task("Type", "<Item Key='TaskType'>Nowhere</Item>"),
            task("Fine", "<Item Key='TaskType'>Probe</Item>"),
            shell("Nowhere", "true", &[]),
            shell("Probe", "true", &[]),
            setting("Daemon::SchedulerCronTaskManager::Dialect", "vixie"),
        ],
    );
    let listed = || -> BTreeSet<String> {
        let text = it.otrsd(&["cron", "list", "--json"]).ok().stdout;
        let all: Vec<Value> = serde_json::from_str(&text).unwrap();
        all.iter().map(|it| it["name"].as_str().unwrap().to_owned()).collect()
    };
    let ours = ["Zone", "Missed", "Program", "Type", "Fine"];
    let own = || ours.into_iter().filter(|name| listed().contains(*name)).collect::<Vec<_>>();
    let check = it.otrsd(&["check"]);
    assert_eq!(check.code, 3, "{check:?}");
    let said: Vec<_> =
        check.stdout.lines().filter(|it| it.contains("Daemon::MixedCluster")).collect();
    assert_eq!(said.len(), 6, "{check:?}");
    for what in [
        "Task###Zone",
        "Task###Missed",
        "Task###Program",
        "Task###Type",
        "TaskType###Nowhere",
        "Dialect",
    ] {
        assert_eq!(said.iter().filter(|line| line.contains(what)).count(), 1, "{what}: {said:#?}");
    }
    assert_eq!(own(), ["Fine"]);
    it.edit("$Self->{'Daemon::MixedCluster'} = 0;");
    let check = it.otrsd(&["check"]).ok().stdout;
    assert!(check.contains("no problem"), "{check}");
    assert_eq!(own(), ours);
}

/// A test system on a copy of the database must not send what waits there, be it on another host or on the same.
#[test]
fn on_postgres_a_copy_waits_for_its_adoption() {
    a_copy_waits_for_its_adoption(Database::Postgres);
}

#[test]
fn on_mariadb_a_copy_waits_for_its_adoption() {
    a_copy_waits_for_its_adoption(Database::MariaDb);
}

fn a_copy_waits_for_its_adoption(database: Database) {
    let it = together(database, 2);
    let managers = [
        "SchedulerCronTaskManager",
        "SchedulerFutureTaskManager",
        "SchedulerGenericAgentTaskManager",
    ];
    it.otrsd(&["db", "migrate"]).ok();
    let memory = "UPDATE otrsd_schema SET value = REPLACE(value, '";
    let here = nix::unistd::gethostname().unwrap().into_string().unwrap();
    for (number, (known, other)) in
        [(here.as_str(), "elsewhere"), ("\"system\":\"10\"", "\"system\":\"11\"")]
            .into_iter()
            .enumerate()
    {
        let name = u32::try_from(number).unwrap();
        sql(&it, &format!("{memory}{known}', '{other}') WHERE name = 'identity'"));
        add(&it, [name], "1");
        let planned = format!("{}", 10 + number);
        let data = r#"{"Code": "return 1"}"#;
        let later =
            ["task", "add", "--type", "Probe", "--name", &planned, "--at", "+0s", "--data", data];
        let planned = it.otrsd(&later).ok().stdout;
        it.otrsd(&["start"]).ok();
        for module in [WORKER].iter().chain(&managers) {
            wait_until(&format!("a word of {module}"), || {
                let log = it.world.read(&format!("log/{module}ERR.log"));
                let words = if number == 0 {
                    "used on elsewhere (SystemID 10)"
                } else {
                    "(SystemID 11), and this is"
                };
                (log.contains(words) && log.contains("until 'otrsd db adopt'")).then_some(())
            });
        }
        assert_eq!(begun(&it, name), None);
        assert_eq!(select(&it, "SELECT COUNT(*) FROM scheduler_recurrent_task").trim(), "0");
        it.otrsd(&["db", "adopt"]).ok();
        wait_until("the task", || begun(&it, name));
        assert_eq!(it.ended(planned.trim())["state"], "done");
        it.otrsd(&["stop"]).ok();
        sql(&it, "DELETE FROM scheduler_recurrent_task");
    }
    it.world.deserted();
}

/// The installation's own tests of its scheduler find all as it was.
#[test]
fn on_postgres_znunys_own_tests_pass() {
    znunys_own_tests_pass(Database::Postgres);
}

#[test]
fn on_mariadb_znunys_own_tests_pass() {
    znunys_own_tests_pass(Database::MariaDb);
}

fn znunys_own_tests_pass(database: Database) {
    let it = together(database, 2);
    it.otrsd(&["start"]).ok();
    let cron = it.otrsd(&["cron", "run", "SessionDeleteExpired"]).ok().stdout;
    for id in [it.probe("return 1"), cron] {
        assert_eq!(it.ended(id.trim())["state"], "done");
    }
    assert_eq!(it.ended(&it.probe("die"))["state"], "failed");
    it.otrsd(&["stop"]).ok();
    // All but one: CronTaskToExecute.t counts the tasks of a minute, and fails where the next one begins meanwhile.
    let files = [
        "Daemon/SchedulerDB",
        "SchedulerDB/GetIdentifier",
        "SchedulerDB/TaskAdd",
        "SchedulerDBFutureTask",
        "SchedulerDBRecurrentTask",
    ];
    let mut tests = vec!["Dev::UnitTest::Run", "--directory", "Daemon/DaemonModules"];
    tests.extend(files.iter().flat_map(|file| ["--test", file]));
    let said = it.console_within(Duration::from_mins(20), &tests);
    let all =
        said.rsplit_once("All ").and_then(|(_, it)| it.split_once(" tests passed.")).unwrap().0;
    assert!(all.parse::<u32>().unwrap() >= 690, "{said}");
}
