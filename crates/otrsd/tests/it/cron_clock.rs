//! A wall clock that jumps under a cron task: what it leaps over is missed, and nothing runs twice.

use nix::sys::signal::Signal;
use task_store::{CronRun, RunStatus};

use crate::{
    cron::{cron, manager, occurrences},
    harness::{signal, wait_until},
    tasks::{Database, Tasks, on_each_database, shell},
    tasks_clock::Faked,
};

on_each_database! {
    an_hour_forward_and_back
    a_day_forward_and_back
}

fn an_hour_forward_and_back(database: Database) {
    forward_and_back(database, "+1h", 3_600);
}

fn a_day_forward_and_back(database: Database) {
    forward_and_back(database, "+1d", 86_400);
}

/// All occurrences, once the last of them is a run that is due at `second` or later; they follow each other
/// without a gap.
#[track_caller]
fn whole(tasks: &Tasks, second: i64) -> Vec<CronRun> {
    let all = wait_until(&format!("a run due at {second} or later"), || {
        let all = occurrences(tasks, "Tick");
        let last = all.last()?;
        (last.status == RunStatus::Ran && last.due.as_second() >= second).then_some(all)
    });
    for pair in all.windows(2) {
        assert_eq!(pair[1].due.as_second() - pair[0].last_due.as_second(), 1, "{pair:?}");
    }
    all
}

fn forward_and_back(database: Database, forward: &str, seconds: i64) {
    let work = "<Item Key=\"TaskType\">Echo</Item><Item Key=\"MaximumParallelInstances\">0</Item>";
    let settings = [
        cron("Tick", "* * * * * *", work),
        shell("Echo", "true", &[]),
        manager("SchedulerCronTaskManager"),
    ];
    let tasks = Faked::start(Tasks::new(database, &settings), true);
    let before = whole(&tasks, 0).pop().unwrap().due.as_second();
    tasks.jump(forward);
    let all = whole(&tasks, before + seconds);
    let missed: u64 =
        all.iter().filter(|it| it.status == RunStatus::Missed).map(|it| it.instants).sum();
    let leapt = seconds.unsigned_abs();
    assert!((leapt - 20..leapt + 20).contains(&missed), "{missed} of {leapt}");
    // Back again: those instants are accounted for, so nothing is due until the clock comes there.
    tasks.jump("+0");
    let last = all.last().unwrap().due;
    let id = tasks.add_of("Echo", "meanwhile");
    tasks.succeeds(id);
    let after = occurrences(&tasks, "Tick");
    assert!(after.iter().all(|it| it.due <= last || it.due.as_second() >= before + seconds));
    tasks.jump(forward);
    // No kernel tells of a jump that is only played: who has gone to sleep must be woken.
    signal(tasks.world.running("SchedulerCronTaskManager"), Signal::SIGKILL);
    let all = whole(&tasks, after.last().unwrap().due.as_second() + 2);
    let mut due: Vec<_> = all.iter().map(|it| it.due).collect();
    due.dedup();
    assert_eq!(due.len(), all.len());
}
