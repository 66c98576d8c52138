//! The API of tasks: list, show, explain, retry, cancel, delete.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    extract::{Path, Query, State as App},
};
use serde::{Deserialize, Serialize};
use task_store::{Filter, Search, TaskId, decode};
use utoipa::{IntoParams, ToSchema};

use super::{
    Answer, Machine,
    model::{Done, Run, Task, TaskList},
    problems::Problems,
};
use crate::{
    config::{identity, task_types::attempts},
    ops::task::{explain, find},
    redact::redact_data,
    web::{Console, actions::Ended, auth::Caller, problem::Problem, search},
};

const MOST: u32 = 500;
const USUAL: u32 = 100;
/// The time budget for the rows of one page; the rest follows with `next`.
const BUDGET: Duration = Duration::from_millis(100);

/// A filter of tasks.
#[derive(Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
#[derive(Default)]
pub(super) struct Wanted {
    /// waiting, running (if absent), future, retry, failed, quarantined, no-handler or done.
    state: String,
    #[serde(rename = "type")]
    task_type: String,
    name: String,
    /// A part of the name; for done tasks also of the error, for the role operate.
    text: String,
    /// For done tasks: an outcome, or `unsuccessful`.
    outcome: String,
    /// For done tasks.
    node: u16,
    /// For done tasks: ended at this time or later.
    from: Option<jiff::Timestamp>,
    /// For done tasks: ended before this time.
    to: Option<jiff::Timestamp>,
    /// The value of `next` in an earlier reply.
    after: Option<i64>,
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

/// Tasks of one state, a page at a time
#[utoipa::path(get, path = "/tasks", tag = "tasks", params(Wanted), responses((status = 200, body = TaskList), Problems))]
pub(super) async fn list(
    App(console): App<Arc<Console>>,
    caller: Caller,
    Query(wanted): Query<Wanted>,
) -> Answer<TaskList> {
    let store = console.store()?;
    let limit = wanted.limit.unwrap_or(USUAL);
    if !(1..=MOST).contains(&limit) {
        return Err(Problem::bad(format!("limit must be from 1 to {MOST}")));
    }
    let Some(state) = search::state(&wanted.state)? else {
        let found = store.search(&wanted.search(limit, &caller)?).await?;
        let tasks = found.executions.iter().map(|(_, it)| Task::done(it, &caller)).collect();
        return Ok(Json(TaskList { tasks, next: found.searched_to.map(|row| row.to_string()) }));
    };
    let Wanted { task_type, name, text, .. } = &wanted;
    let after = wanted.after.unwrap_or(0);
    let entries = store.list(&Filter { state, task_type, name, text, after, limit }).await?;
    let last = entries.last().filter(|_| entries.len() == limit as usize);
    let next = last.map(|it| it.row.to_string());
    Ok(Json(TaskList { tasks: entries.iter().map(|it| Task::of(it, &caller)).collect(), next }))
}

impl Wanted {
    fn search(&self, limit: u32, caller: &Caller) -> Result<Search<'_>, Problem> {
        Ok(Search {
            task_type: &self.task_type,
            name: &self.name,
            text: &self.text,
            in_names_alone: !caller.sees_contents(),
            outcome: search::outcome(&self.outcome)?,
            node: self.node,
            from: self.from,
            to: self.to,
            before: self.after,
            limit,
            budget: BUDGET,
        })
    }
}

/// One task: its state, its executions, its payload
#[utoipa::path(get, path = "/tasks/{id}", tag = "tasks", params(("id" = String, Path)), responses((status = 200, body = Task), Problems))]
pub(super) async fn show(
    App(console): App<Arc<Console>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer<Task> {
    let (id, store) = (read_id(&id)?, console.store()?);
    let mut entry = store.get(id).await?;
    if let Some(entry) = &mut entry {
        entry.attempts = attempts(console.context.settings(), &entry.task_type, entry.attempts);
    }
    let executions = store.executions(id).await?;
    let mut task = match (&entry, executions.last()) {
        (Some(entry), _) => Task::of(entry, &caller),
        (None, Some(last)) => Task::done(last, &caller),
        (None, None) => return Err(find::unknown(id).into()),
    };
    task.executions = Some(executions.iter().map(|it| Run::of(it, &caller)).collect());
    if caller.sees_contents() && entry.is_some() {
        let column = store.data(id).await?;
        task.data = column.and_then(|column| decode(&column).ok()).map(|it| redact_data(&it));
    }
    Ok(Json(task))
}

/// Why a task runs or does not.
#[derive(Serialize, ToSchema)]
pub(super) struct Explanation {
    sentences: Vec<String>,
}

/// Why a task runs or does not, in sentences
#[utoipa::path(get, path = "/tasks/{id}/explain", tag = "tasks", params(("id" = String, Path)), responses((status = 200, body = Explanation), Problems))]
pub(super) async fn explain(
    App(console): App<Arc<Console>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer<Explanation> {
    let id = read_id(&id)?;
    let settings = console.context.settings();
    let identity = identity::present(settings)?;
    let said =
        explain::explain(console.store()?, settings, &identity, id, caller.sees_contents()).await?;
    let sentences = said.ok_or_else(|| find::unknown(id))?;
    Ok(Json(Explanation { sentences }))
}

/// Put a held task into the queue now
#[utoipa::path(post, path = "/tasks/{id}/retry", tag = "tasks", params(("id" = String, Path)), responses((status = 200, body = Done), Problems))]
pub(super) async fn retry(
    App(console): App<Arc<Console>>,
    Machine(caller): Machine,
    Path(id): Path<String>,
) -> Answer<Done> {
    console.retry(&caller, read_id(&id)?).await?;
    Ok(Done::new("retried"))
}

/// Take a task out of the queue, or end it where it runs
#[utoipa::path(post, path = "/tasks/{id}/cancel", tag = "tasks", params(("id" = String, Path)), responses((status = 200, body = Done), Problems))]
pub(super) async fn cancel(
    App(console): App<Arc<Console>>,
    Machine(caller): Machine,
    Path(id): Path<String>,
) -> Answer<Done> {
    Ok(match console.cancel(&caller, read_id(&id)?).await? {
        Ended::Gone => Done::new("cancelled"),
        Ended::Asked => Done::new("asked"),
    })
}

/// Delete a held task
#[utoipa::path(delete, path = "/tasks/{id}", tag = "tasks", params(("id" = String, Path)), responses((status = 200, body = Done), Problems))]
pub(super) async fn delete(
    App(console): App<Arc<Console>>,
    Machine(caller): Machine,
    Path(id): Path<String>,
) -> Answer<Done> {
    console.delete(&caller, read_id(&id)?).await?;
    Ok(Done::new("deleted"))
}

fn read_id(text: &str) -> Result<TaskId, Problem> {
    text.parse().map_err(|error: task_store::NotATaskId| Problem::bad(error.to_string()))
}
