//! What happens to cron tasks beside their due instants: downtime, changed settings.

use jiff::{Timestamp, tz::TimeZone};
use task_store::{CronRun, Outcome, RunStatus};

use crate::{
    cron::{accounted, cron, manager, occurrences},
    harness::wait_until,
    tasks::{Database, Tasks, on_each_database, shell},
};

on_each_database! {
    a_day_of_downtime_under_each_policy
    a_removed_one_begins_anew
    a_changed_one_cuts_nothing
    a_changed_one_runs_nothing_for_the_past
    a_database_that_was_locked_is_told_of
}

fn typed(key: &str, schedule: &str, more: &str) -> String {
    cron(key, schedule, &format!("<Item Key=\"TaskType\">Echo</Item>{more}"))
}

/// Hourly ones, whose last due instant was half an hour ago, and the last one that anybody knows of a day
/// and an hour before it.
fn a_day_of_downtime_under_each_policy(database: Database) {
    let now = Timestamp::now();
    let schedule = format!("{} * * * *", (now.to_zoned(TimeZone::UTC).minute() + 30) % 60);
    let policy = |policy| format!("<Item Key=\"MissedRuns\">{policy}</Item>");
    let all = policy("all")
        + "<Item Key=\"MissedRunsLimit\">5</Item>\
               <Item Key=\"MaximumParallelInstances\">0</Item>";
    let settings = [
        typed("Latest", &schedule, ""),
        typed("None", &schedule, &policy("none")),
        typed("All", &schedule, &all),
        shell("Echo", "true", &[]),
        manager("SchedulerCronTaskManager"),
    ];
    let tasks = Tasks::new(database, &settings);
    tasks.start();
    wait_until("the first sight of all", || {
        let rows = tasks.block(tasks.store().recurrents("Cron")).ok()?;
        (rows.len() == 3).then_some(())
    });
    tasks.world.otrsd(&["stop"]).ok();
    let known = now - jiff::SignedDuration::from_mins(25 * 60 + 30);
    let text = task_store::wall_clock(known, &TimeZone::UTC);
    tasks.sql(&format!("UPDATE scheduler_recurrent_task SET last_execution_time = '{text}'"));
    tasks.start();
    for (name, ran) in [("Latest", 1), ("None", 0), ("All", 5)] {
        let all = wait_until("25 accounted instants", || {
            let all = occurrences(&tasks, name);
            (all.iter().map(|it| it.instants).sum::<u64>() >= 25).then_some(all)
        });
        let missed = all.first().unwrap();
        assert_eq!((missed.status, missed.instants), (RunStatus::Missed, 25 - ran), "{name}");
        assert_eq!(missed.reason, "no manager was running");
        assert!(all[1..].iter().all(|it| it.status == RunStatus::Ran), "{all:?}");
        assert_eq!(all.len() as u64, 1 + ran);
        all[1..].iter().for_each(|it| drop(tasks.succeeds(it.task.unwrap())));
    }
}

fn a_removed_one_begins_anew(database: Database) {
    let settings = [
        typed("Tick", "* * * * * *", ""),
        shell("Echo", "true", &[]),
        manager("SchedulerCronTaskManager"),
    ];
    let tasks = Tasks::new(database, &settings);
    tasks.start();
    let before = accounted(&tasks, "Tick", 2);
    tasks.world.configure("30-types", &settings[1..]);
    tasks.world.otrsd(&["reload"]).ok();
    wait_until("its row to go", || {
        tasks.block(tasks.store().recurrents("Cron")).ok()?.is_empty().then_some(())
    });
    let last = occurrences(&tasks, "Tick").pop().unwrap().last_due.as_second();
    wait_until("some seconds", || (Timestamp::now().as_second() > last + 2).then_some(()));
    let again = Timestamp::now();
    tasks.world.configure("30-types", &settings);
    tasks.world.otrsd(&["reload"]).ok();
    let new = wait_until("an instant after it", || {
        occurrences(&tasks, "Tick").into_iter().find(|it| it.due >= again)
    });
    assert_eq!((new.status, new.instants), (RunStatus::Ran, 1));
    let all = occurrences(&tasks, "Tick");
    assert!(all.len() > before.len());
    // On a slow machine some may be missed while it is there.
    let is_from_between = |it: &&CronRun| {
        it.due.as_second() > last && it.due < again && it.status == RunStatus::Missed
    };
    assert_eq!(all.iter().find(is_from_between), None);
}

/// Once a year, and then daily: by a reload, and while the daemon is stopped.
fn a_changed_one_runs_nothing_for_the_past(database: Database) {
    let settings = |schedule, more| {
        [
            typed("Changed", schedule, more),
            typed("Tick", "* * * * * *", ""),
            shell("Echo", "true", &[]),
            manager("SchedulerCronTaskManager"),
        ]
    };
    let tasks = Tasks::new(database, &settings("0 0 1 1 *", ""));
    let is_planned_by = |text: &str| {
        wait_until(text, || {
            let known = tasks.block(tasks.store().planned_by("Cron")).ok()?;
            (known.get("Changed")? == text).then_some(())
        });
        // What is due longest is decided first.
        let seen = Timestamp::now();
        wait_until("a later instant of another", || {
            occurrences(&tasks, "Tick").into_iter().find(|it| it.due > seen)
        });
        assert_eq!(occurrences(&tasks, "Changed"), [], "{text}");
    };
    tasks.start();
    is_planned_by("vixie UTC 0 0 1 1 *");
    tasks.world.configure("30-types", &settings("0 0 * * *", ""));
    tasks.world.otrsd(&["reload"]).ok();
    is_planned_by("vixie UTC 0 0 * * *");
    tasks.world.otrsd(&["stop"]).ok();
    let then = "UPDATE scheduler_recurrent_task SET last_execution_time = '2020-01-01 00:00:00' WHERE name = 'Changed'";
    tasks.sql(then);
    let zone = "<Item Key=\"TimeZone\">Asia/Kathmandu</Item>";
    tasks.world.configure("30-types", &settings("0 0 * * *", zone));
    tasks.start();
    is_planned_by("vixie Asia/Kathmandu 0 0 * * *");
    // It is as if it had been accounted for: also for the next life.
    tasks.world.otrsd(&["restart", "SchedulerCronTaskManager"]).ok();
    is_planned_by("vixie Asia/Kathmandu 0 0 * * *");
}

fn a_changed_one_cuts_nothing(database: Database) {
    let script = "echo begun >>$HOME/begun; while [ ! -e $HOME/end ]; do sleep 0.05; done";
    let command = format!(
        "<Item Key=\"Command\"><Array><Item>/bin/sh</Item><Item>-c</Item>\
         <Item>{}</Item></Array></Item>",
        script.replace('>', "&gt;")
    );
    let settings =
        |schedule| [cron("Tick", schedule, &command), manager("SchedulerCronTaskManager")];
    let tasks = Tasks::new(database, &settings("* * * * * *"));
    tasks.start();
    let first = accounted(&tasks, "Tick", 2);
    let running =
        first.iter().find(|it| it.status == RunStatus::Ran).and_then(|it| it.task).unwrap();
    wait_until("its beginning", || (tasks.world.read("begun") == "begun\n").then_some(()));
    tasks.world.configure("30-types", &settings("*/2 * * * * *"));
    tasks.world.otrsd(&["reload"]).ok();
    let changed = Timestamp::now().as_second() + 1;
    let skipped = wait_until("two instants of the new schedule", || {
        let all = occurrences(&tasks, "Tick");
        let new: Vec<_> = all.into_iter().filter(|it| it.due.as_second() > changed).collect();
        (new.len() >= 2).then_some(new)
    });
    assert!(skipped.iter().all(|it| it.due.as_second() % 2 == 0), "{skipped:?}");
    assert_eq!(
        (skipped[0].status, skipped[0].reason.as_str()),
        (RunStatus::Skipped, "limit reached")
    );
    tasks.world.file("end", "");
    let end = tasks.outcome(running);
    assert_eq!((end.outcome, tasks.executions(running).len()), (Outcome::Success, 1));
    wait_until("the next run", || {
        occurrences(&tasks, "Tick").pop().filter(|it| it.status == RunStatus::Ran)
    });
}

/// The manager runs all the time, and cannot decide for a while.
fn a_database_that_was_locked_is_told_of(database: Database) {
    let settings = [
        typed("Tick", "* * * * * *", ""),
        shell("Echo", "true", &[]),
        manager("SchedulerCronTaskManager"),
    ];
    let tasks = Tasks::new(database, &settings);
    tasks.start();
    accounted(&tasks, "Tick", 2);
    let held = tasks.hold("UPDATE scheduler_recurrent_task SET change_time = create_time");
    let since = Timestamp::now().as_second();
    wait_until("some seconds", || (Timestamp::now().as_second() > since + 4).then_some(()));
    drop(held);
    let missed = wait_until("what was missed", || {
        let is_told = |it: &CronRun| it.reason == "the database was away or locked";
        occurrences(&tasks, "Tick").into_iter().find(is_told)
    });
    assert_eq!(missed.status, RunStatus::Missed);
    accounted(&tasks, "Tick", 5);
}
