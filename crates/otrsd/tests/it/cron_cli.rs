//! The cron commands, beside a running manager.

use serde_json::Value;
use task_store::{CronRun, RunStatus};

use crate::{
    cron::{accounted, cron, manager, occurrences},
    harness::{World, finish, wait_until},
    tasks::{Database, Tasks, on_each_database, shell},
};

on_each_database! {
    paused_resumed_and_run_by_hand
}

fn paused_resumed_and_run_by_hand(database: Database) {
    let slow = "<Item Key=\"TaskType\">Slow</Item>";
    let settings = [
        cron("Tick", "* * * * * *", "<Item Key=\"Command\">/bin/true</Item>"),
        cron("Yearly", "0 0 1 1 *", slow),
        shell("Slow", "while [ ! -e \"$HOME/end\" ]; do sleep 0.05; done", &[]),
        manager("SchedulerCronTaskManager"),
    ];
    let tasks = Tasks::new(database, &settings);
    tasks.start();
    let otrsd = |arguments: &[&str]| tasks.world.otrsd(arguments);
    accounted(&tasks, "Tick", 2);
    assert_eq!(otrsd(&["cron", "pause", "Tick"]).ok().stdout, "paused: Tick\n");
    assert_eq!(otrsd(&["cron", "pause", "Tick"]).ok().stdout, "was paused already: Tick\n");
    let skipped = wait_until("a skipped instant", || {
        // On a slow machine one may have been skipped for another reason.
        let is_paused = |it: &CronRun| it.reason.starts_with("paused by ");
        occurrences(&tasks, "Tick").into_iter().find(is_paused)
    });
    assert_eq!(skipped.status, RunStatus::Skipped, "{skipped:?}");
    let list = otrsd(&["cron", "list"]).ok().stdout;
    assert!(list.contains("* * * * * *") && list.contains(&skipped.reason), "{list}");
    let list: Value =
        serde_json::from_str(&otrsd(&["cron", "list", "--json"]).ok().stdout).unwrap();
    let tick = list.as_array().unwrap().iter().find(|it| it["name"] == "Tick").unwrap();
    assert_eq!(tick["paused"]["reason"], skipped.reason);
    assert_eq!((&tick["last"]["fate"], &tick["time_zone"]), (&"skipped".into(), &"UTC".into()));

    // By hand it runs all the same, within its limit, and no due instant is touched.
    otrsd(&["cron", "run", "Tick", "--wait"]).ok();
    otrsd(&["cron", "run", "Yearly"]).ok();
    let refused = otrsd(&["cron", "run", "Yearly"]).failed(1);
    assert!(refused.stderr.contains("limit reached"), "{}", refused.stderr);
    tasks.world.file("end", "");
    assert_eq!(occurrences(&tasks, "Yearly"), []);

    assert_eq!(otrsd(&["cron", "resume", "Tick"]).ok().stdout, "resumed: Tick\n");
    wait_until("another run", || {
        occurrences(&tasks, "Tick").pop().filter(|it| it.status == RunStatus::Ran)
    });
    accounted(&tasks, "Tick", 3);
    assert_eq!(otrsd(&["cron", "resume", "Tick"]).ok().stdout, "was not paused: Tick\n");
    assert_eq!(otrsd(&["cron", "list"]).ok().stderr, "");
    tasks.world.configure("30-types", &settings[..3]);
    let said = otrsd(&["cron", "list"]).ok();
    assert!(said.stderr.contains("no SchedulerCronTaskManager is registered here"), "{said:?}");
    for verb in ["pause", "resume", "run"] {
        let unknown = otrsd(&["cron", verb, "Tock"]).failed(1);
        assert!(unknown.stderr.contains("no cron task is called 'Tock'"), "{}", unknown.stderr);
    }
}

#[test]
fn what_is_due_is_told_without_a_daemon() {
    let zone = "<Item Key=\"TimeZone\">Europe/Berlin</Item><Item Key=\"TaskType\">T</Item>";
    let world = World::stock().with(
        "10-cron",
        &[
            cron("Night", "30 2 * * *", zone),
            cron("Hour", "0 */12 * * *", "<Item Key=\"TaskType\">T</Item>"),
            cron("Bad", "0 0 31 2 *", zone),
        ],
    );
    let next = |arguments: &[&str]| {
        let text = world.otrsd(&[&["cron", "next"], arguments].concat()).ok().stdout;
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let of_night = next(&["Night", "--from", "2026-10-24T12:00:00Z", "-n", "2"]);
    assert!(of_night[1].starts_with("2026-10-25 02:30:00 CEST"), "{of_night:?}");
    assert!(of_night[1].contains("2026-10-25T00:30:00Z") && of_night.len() == 3, "{of_night:?}");
    let back = next(&["Night", "--previous", "--from", "2027-03-28T12:00:00Z", "-n", "1"]);
    assert!(back[1].contains("skip 2027-03-28 02:30:00"), "{back:?}");
    let from = ["--from", "2026-10-24T12:00:00Z"];
    let all = next(&[&["--all", "--to", "2026-10-25T12:00:00Z"], &from[..]].concat());
    let due: Vec<_> = all[1..].iter().map(|line| (&line[29..49], &line[51..55])).collect();
    assert_eq!(
        due,
        [
            ("2026-10-25T00:00:00Z", "Hour"),
            ("2026-10-25T00:30:00Z", "Nigh"),
            ("2026-10-25T12:00:00Z", "Hour"),
        ]
    );
    let json = world.otrsd(&["cron", "next", "--all", "--json", from[0], from[1]]).ok().stdout;
    let json: Vec<Value> = serde_json::from_str(&json).unwrap();
    assert_eq!(json.len(), 3, "a day, if no end is given: {json:?}");
    assert_eq!(
        (&json[1]["name"], &json[1]["civil"]),
        (&"Night".into(), &"2026-10-25 02:30:00 CEST".into())
    );
    for (arguments, code, expected) in [
        (&["Night", "--from", "+1d", "--to", "+1h"][..], 2, "--to is before --from"),
        (&["Nobody"], 1, "no cron task is called 'Nobody'"),
        (&["--schedule", "61 * * * *"], 2, "minute \"61\""),
        (&["--schedule", "* * * * *", "--time-zone", "Mars/Base"], 2, "knows no 'Mars/Base'"),
    ] {
        let failed = world.otrsd(&[&["cron", "next"], arguments].concat()).failed(code);
        assert!(failed.stderr.contains(expected), "{}", failed.stderr);
    }
}

/// A machine without time-zone data, as small containers are.
#[test]
fn without_time_zone_data_only_utc_is_known() {
    let zone = "<Item Key=\"TimeZone\">Europe/Berlin</Item><Item Key=\"TaskType\">T</Item>";
    let utc = "<Item Key=\"TaskType\">T</Item>";
    let world = World::stock()
        .with("10-cron", &[cron("Berlin", "30 2 * * *", zone), cron("Utc", "30 2 * * *", utc)]);
    let bare = |arguments: &[&str]| {
        let mut command = world.command("unshare");
        let hidden = "mount -t tmpfs none /usr/share/zoneinfo && exec \"$0\" \"$@\"";
        command.args(["--mount", "sh", "-c", hidden]).arg(&world.program).args(arguments);
        finish(command)
    };
    let check = bare(&["check"]).failed(3).stdout;
    assert!(
        check.contains("Task###Berlin: 'TimeZone'") && check.contains("knows no 'Europe/Berlin'"),
        "{check}"
    );
    bare(&["cron", "next", "Utc"]).ok();
    let refused = bare(&["cron", "next", "Berlin"]).failed(1).stderr;
    assert!(refused.contains("cron task 'Berlin' cannot run; see otrsd check"), "{refused}");
}
