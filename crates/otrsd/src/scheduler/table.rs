//! The Summary of the managers of scheduled work, as the original's.

use jiff::Timestamp;
use task_store::{Recurrent, Store};

use crate::{
    config::cron_tasks::CronTask,
    engine::summary::{duration, row, time},
    module::{Column, Summary},
};

/// `kind`: the original's name for these tasks; `rows`: those of the store.
pub(super) fn of(
    kind: &str,
    tasks: &[CronTask],
    (store, rows): (&Store, &[Recurrent]),
    now: Timestamp,
) -> Summary {
    let place = |task: &&CronTask| rows.iter().position(|row| row.name == task.name);
    let mut tasks: Vec<_> = tasks.iter().collect();
    // The original's order; tasks without a row come last.
    tasks.sort_by_cached_key(|task| place(task).unwrap_or(rows.len()));
    let cells = |task: &CronTask| {
        let last = place(&task).map(|place| &rows[place]);
        let status = match last.and_then(|last| last.last_success) {
            Some(true) => "Success",
            Some(false) => "Fail",
            None => "N/A",
        };
        let seconds = last.and_then(|last| last.last_seconds);
        let took = seconds.map(|seconds| duration(seconds.max(0).unsigned_abs()));
        let next = task.schedule.next(now, &task.zone).map(|due| due.instant);
        row([
            ("Name", task.name.clone()),
            ("LastExecutionTime", time(store, last.and_then(|last| last.last_due))),
            ("LastWorkerStatus", status.to_owned()),
            ("LastWorkerRunningTime", took.unwrap_or_else(|| "N/A".to_owned())),
            ("NextExecutionTime", time(store, next)),
        ])
    };
    Summary {
        header: format!("Recurrent {kind} tasks:"),
        columns: vec![
            Column::new("Name", "Name", 40),
            Column::new("LastExecutionTime", "Last Execution", 20),
            Column::new("LastWorkerStatus", "Last Status", 20),
            Column::new("LastWorkerRunningTime", "Last Duration", 20),
            Column::new("NextExecutionTime", "Next Execution", 20),
        ],
        rows: tasks.into_iter().map(cells).collect(),
        no_data_message: format!("There are currently no {kind} recurring tasks configured."),
    }
}
