//! Settings that change while tasks of them wait and run: what is new counts from then on, and nothing is cut or lost.

use jiff::{SignedDuration, Timestamp};
use task_store::{RunStatus, State};

use crate::{
    cron::{accounted, cron, manager, occurrences},
    harness::{setting, wait_until},
    tasks::{Database, Tasks, on_each_database, shell},
};

on_each_database! {
    a_renamed_cron_task_begins_anew
    a_last_instant_in_the_future_is_told_of
}

/// Waits in a slot until the test lets it go.
const GATE: &str = "echo $OTRSD_TASK_NAME >>$HOME/begun; while [ ! -e $HOME/end ]; do sleep 0.05; done; echo ended";

fn slots(number: &str) -> String {
    setting("Daemon::SchedulerTaskWorker::MaximumWorkers", number)
}

fn begun(tasks: &Tasks) -> usize {
    tasks.world.read("begun").lines().count()
}

#[test]
fn waiting_tasks_get_the_new_handler_of_their_type() {
    let types = |script| [shell("Gate", GATE, &[]), shell("Echo", script, &[]), slots("1")];
    let tasks = Tasks::new(Database::Sqlite, &types("echo old"));
    tasks.start();
    let gate = tasks.add_of("Gate", "gate");
    wait_until("a task in the only slot", || (begun(&tasks) == 1).then_some(()));
    let waiting = tasks.add_of("Echo", "waits");
    tasks.world.configure("30-types", &types("echo new"));
    tasks.world.otrsd(&["reload"]).ok();
    tasks.world.file("end", "");
    assert_eq!(tasks.succeeds(waiting).output.as_deref(), Some("new\n"));
    // What ran meanwhile was not cut.
    assert_eq!(tasks.succeeds(gate).output.as_deref(), Some("ended\n"));
    assert_eq!((tasks.executions(gate).len(), begun(&tasks)), (1, 1));
}

#[test]
fn fewer_slots_cut_nothing_that_runs() {
    let alone = "mkdir $HOME/alone && sleep 0.05 && rmdir $HOME/alone";
    let types = |number| [shell("Gate", GATE, &[]), shell("Alone", alone, &[]), slots(number)];
    let tasks = Tasks::new(Database::Sqlite, &types("4"));
    tasks.start();
    let running: Vec<_> = (0..4).map(|number| tasks.add_of("Gate", &number.to_string())).collect();
    wait_until("four that run", || (begun(&tasks) == 4).then_some(()));
    let waiting: Vec<_> = (0..8).map(|number| tasks.add_of("Alone", &number.to_string())).collect();
    tasks.world.configure("30-types", &types("1"));
    tasks.world.otrsd(&["reload"]).ok();
    assert_eq!(tasks.count(State::Waiting), waiting.len(), "all slots are taken");
    tasks.world.file("end", "");
    for id in running.into_iter().chain(waiting) {
        tasks.succeeds(id);
        assert_eq!(tasks.executions(id).len(), 1);
    }
    assert_eq!(begun(&tasks), 4);
}

fn a_renamed_cron_task_begins_anew(database: Database) {
    let gate = "<Item Key=\"TaskType\">Gate</Item><Item Key=\"MissedRuns\">all</Item>\
                <Item Key=\"MaximumParallelInstances\">1</Item>";
    let settings = |name| {
        let name = format!("<Item Key=\"TaskName\">{name}</Item>");
        [
            cron("Tick", "* * * * * *", &(gate.to_owned() + &name)),
            shell("Gate", GATE, &[]),
            manager("SchedulerCronTaskManager"),
        ]
    };
    let tasks = Tasks::new(database, &settings("Old"));
    tasks.start();
    let before = accounted(&tasks, "Old", 2);
    let running =
        before.iter().find(|it| it.status == RunStatus::Ran).and_then(|it| it.task).unwrap();
    wait_until("its beginning", || (begun(&tasks) == 1).then_some(()));
    let renamed = Timestamp::now() - SignedDuration::from_secs(1);
    tasks.world.configure("30-types", &settings("New"));
    tasks.world.otrsd(&["reload"]).ok();
    let new =
        wait_until("an instant under the new name", || occurrences(&tasks, "New").first().cloned());
    assert!(new.due > renamed, "{new:?}");
    wait_until("the old row to go", || {
        let rows = tasks.block(tasks.store().recurrents("Cron")).ok()?;
        rows.iter().all(|row| row.name == "New").then_some(())
    });
    tasks.world.file("end", "");
    tasks.succeeds(running);
    tasks.succeeds(new.task.unwrap());
}

/// A clock was wrong, or another program wrote it: its cron task waits, the others run.
fn a_last_instant_in_the_future_is_told_of(database: Database) {
    let echo = "<Item Key=\"TaskType\">Echo</Item>";
    let settings = [
        cron("Ahead", "* * * * * *", echo),
        cron("Tick", "* * * * * *", echo),
        shell("Echo", "true", &[]),
        manager("SchedulerCronTaskManager"),
    ];
    let tasks = Tasks::new(database, &settings);
    tasks.start();
    accounted(&tasks, "Ahead", 1);
    let restart = || tasks.world.otrsd(&["restart", "SchedulerCronTaskManager"]).ok();
    let is = |code| {
        wait_until("the module's health", || {
            Some(tasks.world.otrsd(&["status"])).filter(|status| status.code == code)
        })
    };
    tasks.sql("UPDATE scheduler_recurrent_task SET last_execution_time = '2099-01-01 00:00:00' WHERE name = 'Ahead'");
    restart();
    let told = is(5).stdout;
    assert!(told.contains("Cron 'Ahead': last_execution_time is 2099-01-01T00:00:00Z"), "{told}");
    let seen = Timestamp::now();
    let later = |name| occurrences(&tasks, name).into_iter().find(|it| it.due > seen);
    wait_until("a later instant of another", || later("Tick"));
    assert_eq!(later("Ahead"), None);
    tasks.sql("UPDATE scheduler_recurrent_task SET last_execution_time = '2020-01-01 00:00:00' WHERE name = 'Ahead'");
    restart();
    wait_until("a later instant of its own", || later("Ahead"));
    is(0);
}
