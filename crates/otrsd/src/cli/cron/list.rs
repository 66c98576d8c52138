//! `cron list`: the schedule of each cron task, the result of its last fire time, and the next one.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde_json::{Value, json};
use task_store::{CronPause, CronRun, Execution, RunStatus, TaskId};

use crate::{
    cli::{
        Failure,
        database::Database,
        table::{Cell, Table},
        task::colour,
        terminal::{Colour, Paint, print, print_json, width},
    },
    clock,
    config::{
        cron_tasks::{self, CronTask, TYPE},
        packages,
    },
    logs::warn,
    text::time::{costs, local},
};

/// A cron task, and its state in the database.
struct Known<'a> {
    task: &'a CronTask,
    paused: Option<&'a CronPause>,
    last: Option<&'a CronRun>,
    execution: Option<&'a Execution>,
    next: Option<Timestamp>,
}

pub(super) async fn run(database: &Database, json: bool) -> Result<(), Failure> {
    let read = cron_tasks::read(&database.configuration.settings);
    let last = database.store.newest_cron_runs(TYPE).await?;
    let last: HashMap<&str, &CronRun> = last.iter().map(|it| (it.name.as_str(), it)).collect();
    let pauses = database.store.cron_pauses(TYPE).await?;
    let ids: Vec<TaskId> = last.values().filter_map(|it| it.task).collect();
    let executions = match &ids[..] {
        [] => HashMap::new(),
        ids => database.store.last_executions(ids).await?,
    };
    let now = clock::now_utc();
    let known = |task| known(task, &last, &pauses, &executions, now);
    if json {
        let all: Vec<Value> = read.tasks.iter().map(|task| object(&known(task))).collect();
        return Ok(print_json(&all)?);
    }
    let mut table =
        Table::new(&["name", "schedule", "zone", "last", "status", "took", "late", "next"])
            .right(&["took", "late"])
            .optional(&["zone", "took", "late"]);
    read.tasks.iter().for_each(|task| table.row(cells(&known(task))));
    print(&table.render(Paint::for_stdout(), width()));
    let has_manager =
        database.configuration.modules.iter().any(|module| module.module == packages::CRON_MANAGER);
    if !has_manager && !read.tasks.is_empty() {
        warn(
            "no SchedulerCronTaskManager is registered here; cron tasks run only if another node has one",
        );
    }
    Ok(())
}

fn known<'a>(
    task: &'a CronTask,
    last: &HashMap<&str, &'a CronRun>,
    pauses: &'a [CronPause],
    executions: &'a HashMap<TaskId, Execution>,
    now: Timestamp,
) -> Known<'a> {
    let last = last.get(task.name.as_str()).copied();
    Known {
        task,
        paused: pauses.iter().find(|pause| pause.name == task.name),
        last,
        execution: last.and_then(|last| executions.get(&last.task?)),
        next: task.schedule.next(now, &task.zone).map(|due| due.instant),
    }
}

impl Known<'_> {
    /// The result of the last fire time, in a word.
    fn status(&self) -> &'static str {
        match (self.last.map(|last| last.status), self.execution) {
            (None, _) => "",
            (Some(RunStatus::Ran), Some(execution)) => execution.outcome.as_str(),
            (Some(RunStatus::Ran), None) => "queued",
            (Some(status), _) => status.as_str(),
        }
    }

    /// The delay from the fire time to the start, or to the decision while nothing has started.
    fn late(&self) -> Option<SignedDuration> {
        let last = self.last.filter(|last| last.status == RunStatus::Ran)?;
        let begun = self.execution.map(|it| it.started).or(last.decided)?;
        Some(begun.duration_since(last.last_due))
    }
}

fn cells(known: &Known<'_>) -> Vec<Cell> {
    let Known { task, paused, last, execution, next } = known;
    let status = known.status();
    let late = known.late().map(|late| match late.as_secs() {
        ..10 => format!("{} ms", late.as_millis()),
        seconds => format!("{seconds} s"),
    });
    let next = match paused {
        Some(pause) => Cell::coloured(&pause.reason, Some(Colour::Yellow)),
        None => next.map_or_else(String::new, local).into(),
    };
    vec![
        task.name.as_str().into(),
        task.text.as_str().into(),
        zone(&task.zone).into(),
        last.map_or_else(String::new, |last| local(last.last_due)).into(),
        Cell::coloured(status, colour(status).filter(|_| execution.is_some())),
        execution.map_or_else(String::new, |it| costs(it)[0].clone()).into(),
        late.unwrap_or_default().into(),
        next,
    ]
}

fn object(known: &Known<'_>) -> Value {
    let Known { task, paused, last, execution, next } = known;
    let text = |time: Timestamp| time.to_string();
    let last = last.map(|last| {
        json!({
            "due": text(last.last_due),
            "fate": last.status.as_str(),
            "reason": last.reason,
            "decided": last.decided.map(text),
            "task": last.task.map(|task| task.to_string()),
            "outcome": execution.map(|it| it.outcome.as_str()),
            "started": execution.map(|it| text(it.started)),
            "ended": execution.map(|it| text(it.ended)),
            "late_ms": known.late().map(|late| late.as_millis()),
        })
    });
    json!({
        "name": task.name,
        "setting": task.key,
        "schedule": task.text,
        "time_zone": zone(&task.zone),
        "paused": paused.map(|it| json!({ "since": it.since.map(text), "reason": it.reason })),
        "last": last,
        "next": next.map(text),
    })
}

fn zone(zone: &TimeZone) -> &str {
    zone.iana_name().unwrap_or("UTC")
}
