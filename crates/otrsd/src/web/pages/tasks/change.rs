//! Changes of tasks: a single one at once, the selected ones, or all results of a search after a preview.

use std::sync::Arc;

use axum::{
    extract::{Path, Query as Address, State},
    response::{IntoResponse as _, Redirect, Response},
};
use maud::{Markup, html};
use serde::Deserialize;
use task_store::{Entry, Filter, TaskId};

use super::{
    query::{Place, Query},
    rows,
};
use crate::{
    clock,
    web::{
        Console,
        actions::{Action, Ended, Job},
        auth::Caller,
        auth_middleware::Operator,
        form::{Form, Nothing},
        pages::{
            layout::{key, page},
            parts::number,
        },
        problem::Problem,
    },
};

/// The maximum number of tasks of one job.
const MOST: usize = 100_000;
const PAGE: u32 = 1000;
/// The number of tasks that the preview shows.
const SHOWN: usize = 10;

#[derive(Deserialize)]
pub(in crate::web) struct Change {
    action: Action,
}

/// Changes one task.
pub(in crate::web) async fn one(
    State(console): State<Arc<Console>>,
    Path(id): Path<TaskIdText>,
    form: Form<Change>,
) -> Result<Redirect, Problem> {
    let id = id.0;
    let said = match form.fields.action {
        Action::Retry => console.retry(&form.caller, id).await.map(|()| "retried")?,
        Action::Delete => console.delete(&form.caller, id).await.map(|()| "deleted")?,
        Action::Cancel => match console.cancel(&form.caller, id).await? {
            Ended::Gone => "cancelled",
            Ended::Asked => "asked",
        },
    };
    Ok(Redirect::to(&format!("/tasks/{id}?said={said}")))
}

/// A task's id in a path.
#[derive(Deserialize)]
#[serde(try_from = "String")]
pub(in crate::web) struct TaskIdText(TaskId);

impl TryFrom<String> for TaskIdText {
    type Error = task_store::NotATaskId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self)
    }
}

/// Changes the selected tasks, or redirects to the preview of all.
pub(in crate::web) async fn ticked(
    State(console): State<Arc<Console>>,
    form: Form<Vec<(String, String)>>,
) -> Result<Response, Problem> {
    let of = |wanted: &'static str| {
        form.fields.iter().filter(move |(name, _)| name == wanted).map(|(_, value)| value.as_str())
    };
    let action = of("action").next().unwrap_or_default();
    if let Some(action) = action.strip_suffix("-all") {
        let back = of("back").next().unwrap_or_default();
        let search = back.split_once('?').map_or("", |(_, search)| search);
        return Ok(Redirect::to(&format!("/tasks/all/{}?{search}", read_action(action)?.as_str()))
            .into_response());
    }
    let action = read_action(action)?;
    let ids = of("id").map(str::parse).collect::<Result<Vec<TaskId>, _>>();
    let ids = ids.map_err(|error| Problem::bad(error.to_string()))?;
    if ids.is_empty() {
        return Err(Problem::bad("no task is ticked"));
    }
    let job = console.change_all(form.caller, action, ids);
    Ok(Redirect::to(&format!("/jobs/{job}")).into_response())
}

fn read_action(word: &str) -> Result<Action, Problem> {
    let known =
        [Action::Retry, Action::Cancel, Action::Delete].into_iter().find(|it| it.as_str() == word);
    known.ok_or_else(|| Problem::bad(format!("there is no action '{word}'")))
}

/// The preview of a change.
pub(in crate::web) async fn preview(
    State(console): State<Arc<Console>>,
    Operator(caller): Operator,
    Path(action): Path<Action>,
    Address(query): Address<Query>,
) -> Result<Markup, Problem> {
    let found = all(&console, &query).await?;
    let title = format!("{} {} tasks?", action.title(), number(found.len() as u64));
    let back = query.address();
    Ok(page(
        &console,
        &caller,
        "/tasks",
        &title,
        &html! {
            p { a href=(back) { "Back to the list" } }
            h1 { (title) }
            @if found.is_empty() { p.calm { "There is none any more." } }
            @else {
                @if found.len() == MOST { p { "A job takes " (number(MOST as u64)) " tasks at most; what is left needs another one." } }
                div.card.scroll tabindex="0" role="group" aria-label="Some of them" {
                    (rows::tasks(&found[..found.len().min(SHOWN)], &caller, false, clock::now_utc()))
                }
                @if found.len() > SHOWN { p.faint { "and " (number((found.len() - SHOWN) as u64)) " more" } }
                form.bar method="post" {
                    (key(&caller))
                    button.danger { (action.title()) " all " (number(found.len() as u64)) }
                    a.button href=(back) { "Leave them" }
                }
            }
        },
    ))
}

/// Changes all results of a search, after the preview.
pub(in crate::web) async fn every(
    State(console): State<Arc<Console>>,
    Path(action): Path<Action>,
    Address(query): Address<Query>,
    form: Form<Nothing>,
) -> Result<Redirect, Problem> {
    let Nothing {} = form.fields;
    let ids = all(&console, &query).await?.into_iter().map(|it| it.id).collect();
    let job = console.change_all(form.caller, action, ids);
    Ok(Redirect::to(&format!("/jobs/{job}")))
}

async fn all(console: &Console, query: &Query) -> Result<Vec<Entry>, Problem> {
    let Place::Tasks(state) = query.place()? else {
        return Err(Problem::bad("what is done cannot be changed"));
    };
    let store = console.store()?;
    let (task_type, name) = (query.task_type.trim(), query.name.trim());
    let mut found: Vec<Entry> = Vec::new();
    while found.len() < MOST {
        let after = found.last().map_or(0, |it| it.row);
        let list = store
            .list(&Filter { state, task_type, name, text: query.text.trim(), after, limit: PAGE })
            .await?;
        let is_last = list.len() < PAGE as usize;
        found.extend(list);
        if is_last {
            break;
        }
    }
    query.keep_node(&mut found)?;
    found.truncate(MOST);
    Ok(found)
}

/// The progress of a job.
pub(in crate::web) async fn job(
    State(console): State<Arc<Console>>,
    caller: Caller,
    Path(number): Path<u64>,
) -> Result<Markup, Problem> {
    let job = console.jobs.get(number);
    let job =
        job.ok_or_else(|| Problem::not_found("this life of the console knows no such job"))?;
    Ok(page(
        &console,
        &caller,
        "/tasks",
        &format!("Job {number}"),
        &html! {
            p { a href="/tasks" { "Tasks" } " / job " (number) }
            div data-refresh="0.5" { (progress(&job)) }
        },
    ))
}

fn progress(job: &Job) -> Markup {
    let over = job.done + job.failed;
    html! {
        h1 { (job.action.title()) ": " (number(over as u64)) " of " (number(job.total as u64)) }
        div.card {
            progress aria-label="Progress" max=(job.total) value=(over) {}
            p role="status" {
                @if job.is_over() { "Finished. " }
                (number(job.done as u64)) " done, " (number(job.failed as u64)) " could not be changed."
            }
            @if !job.problems.is_empty() {
                ul { @for problem in &job.problems { li { (problem) } } }
                @if job.failed > job.problems.len() { p.faint { "and " (job.failed - job.problems.len()) " more" } }
            }
        }
        @if job.is_over() { a.button href="/tasks" { "Back to the tasks" } }
    }
}
