//! The page of the cron tasks: the last and the next day as a picture, and the actions.

mod picture;
mod strip;

use std::{collections::HashMap, sync::Arc};

use axum::{
    extract::{Query, State},
    response::Redirect,
};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use maud::{Markup, html};
use serde::Deserialize;
use task_store::{CronPause, CronRun, Execution, Store, TaskId};

use self::picture::{DAY, Picture};
use super::{
    layout::{key, page},
    parts::{Said, badge, moment},
};
use crate::{
    clock,
    config::{
        console::Role,
        cron_tasks::{self, CronTask, TYPE},
    },
    web::{Console, auth::Caller, form::Form, problem::Problem},
};

/// Fire times of a task that are drawn; one every ten seconds for a day is less.
const MOST: u32 = 10_000;
/// The number of a task's newest executions that are looked up.
const MOST_EXECUTIONS: usize = 300;
/// The number of a task's next fire times that are listed.
const NEXT: usize = 3;

/// A cron task with its runs of the two days.
struct Row<'a> {
    task: &'a CronTask,
    pause: Option<&'a CronPause>,
    picture: Picture,
    last: Option<CronRun>,
    last_execution: Option<Execution>,
    next: Vec<cron_events::Occurrence>,
}

pub(in crate::web) async fn show(
    State(console): State<Arc<Console>>,
    caller: Caller,
    Query(said): Query<Said>,
) -> Result<Markup, Problem> {
    let store = console.store()?;
    let read = cron_tasks::read(console.context.settings());
    let pauses = store.cron_pauses(TYPE).await?;
    let now = clock::now_utc();
    let mut rows = Vec::new();
    for task in &read.tasks {
        rows.push(row(store, task, &pauses, now).await?);
    }
    let zone = TimeZone::system();
    Ok(page(
        &console,
        &caller,
        "/schedule",
        "Schedule",
        &html! {
            h1 { "Schedule" }
            (message(&said.said))
            @for problem in &read.problems { p.said.bad { (problem) } }
            @if rows.is_empty() {
                p.calm { "No cron task is configured: a setting Daemon::SchedulerCronTaskManager::Task###NAME makes one." }
            } @else {
                (strip::legend())
                div.card.scroll.schedule data-refresh="5" tabindex="0" role="group" aria-label="Cron tasks" {
                    table {
                        thead { tr {
                            th { "Task" } th { "Last" } th.strip { (strip::hours(now, &zone)) } th { "Next" }
                            @if caller.role >= Role::Operate { th { span.sr { "Actions" } } }
                        } }
                        tbody { @for it in &rows { (line(it, &caller, now)) } }
                    }
                }
            }
        },
    ))
}

async fn row<'a>(
    store: &Store,
    task: &'a CronTask,
    pauses: &'a [CronPause],
    now: Timestamp,
) -> Result<Row<'a>, Problem> {
    let begin = now - DAY;
    let occurrences = store.cron_runs(TYPE, &task.name, begin, MOST).await?;
    let newest = occurrences.iter().rev().filter_map(|it| it.task).take(MOST_EXECUTIONS);
    let ids: Vec<TaskId> = newest.collect();
    let executions =
        if ids.is_empty() { HashMap::new() } else { store.last_executions(&ids).await? };
    let pause = pauses.iter().find(|it| it.name == task.name);
    let fires: Vec<_> = task
        .schedule
        .following(now, &task.zone)
        .take_while(|it| it.instant <= now + DAY)
        .take(MOST as usize)
        .collect();
    let next = task.schedule.following(now, &task.zone).take(NEXT).collect();
    let last = occurrences.last().cloned();
    let last_execution = last.as_ref().and_then(|it| executions.get(&it.task?)).cloned();
    let instants = fires.iter().map(|it| it.instant);
    let picture = Picture::of(&occurrences, &ids, &executions, instants, now);
    Ok(Row { task, pause, picture, last, last_execution, next })
}

fn line(it: &Row<'_>, caller: &Caller, now: Timestamp) -> Markup {
    let name = &it.task.name;
    html! {
        tr {
            th scope="row" {
                (name) @if it.pause.is_some() { " " (badge("paused")) }
                br; span.faint.mono { (it.task.text) } " " span.faint { (it.task.zone.iana_name().unwrap_or_default()) }
            }
            td { (last(it, now)) }
            td.strip { (strip::strip(name, &it.picture, it.pause.is_some(), now)) }
            td { (next(it, now)) }
            @if caller.role >= Role::Operate {
                td { form.inline method="post" action="/schedule/change" {
                    (key(caller))
                    input type="hidden" name="name" value=(name);
                    button name="action" value="run" id=(format!("run-{name}")) aria-label=(format!("Run {name} now")) { "Run now" }
                    @if it.pause.is_some() { button.quiet name="action" value="resume" aria-label=(format!("Resume {name}")) { "Resume" } }
                    @else { button.quiet name="action" value="pause" aria-label=(format!("Pause {name}")) { "Pause" } }
                } }
            }
        }
    }
}

fn last(it: &Row<'_>, now: Timestamp) -> Markup {
    let Some(last) = &it.last else { return html! { span.none { "–" } } };
    let word = match (&it.last_execution, last.status) {
        (Some(execution), _) => execution.outcome.as_str(),
        (None, task_store::RunStatus::Ran) => "queued",
        (None, status) => status.as_str(),
    };
    html! {
        @match last.task { Some(id) => a href=(format!("/tasks/{id}")) { (badge(word)) }, None => (badge(word)) }
        " " (moment(Some(last.last_due), now))
        @if !last.reason.is_empty() { br; span.faint { (last.reason) } }
    }
}

fn next(it: &Row<'_>, now: Timestamp) -> Markup {
    html! {
        @match it.next.first() {
            None => span.none { "never" },
            Some(first) => {
                (moment(Some(first.instant), now))
                @if let Some(note) = first.note { br; span.faint { (note) } }
                details {
                    summary { "more" }
                    ol.fires { @for due in &it.next { li {
                        (due.instant.to_zoned(it.task.zone.clone()).strftime("%a %F %T %Z"))
                        @if let Some(note) = due.note { " " span.faint { (note) } }
                    } } }
                }
            },
        }
    }
}

fn message(said: &str) -> Markup {
    let text = match said {
        "run" => "A task for it is in the queue.",
        "paused" => "It is paused on all nodes until it is resumed.",
        "resumed" => "It runs again from its next due instant on.",
        _ => return html! {},
    };
    html! { p.said role="status" { (text) } }
}

/// The delay of a decision from which a task counts as late.
const LATE: SignedDuration = SignedDuration::from_secs(5);

#[derive(Deserialize)]
pub(in crate::web) struct Change {
    name: String,
    action: String,
}

pub(in crate::web) async fn change(
    State(console): State<Arc<Console>>,
    form: Form<Change>,
) -> Result<Redirect, Problem> {
    let (caller, Change { name, action }) = (&form.caller, &form.fields);
    let said = match action.as_str() {
        "run" => console.run_cron(caller, name).await.map(|_| "run")?,
        "pause" => console.pause_cron(caller, name).await.map(|_| "paused")?,
        "resume" => console.resume_cron(caller, name).await.map(|_| "resumed")?,
        other => return Err(Problem::bad(format!("there is no action '{other}'"))),
    };
    Ok(Redirect::to(&format!("/schedule?said={said}")))
}
