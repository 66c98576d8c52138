//! The API of cron tasks.

use std::{collections::HashMap, sync::Arc};

use axum::{
    Json,
    extract::{Path, Query, State as App},
};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use task_store::CronRun;
use utoipa::{IntoParams, ToSchema};

use super::{Answer, Machine, model::Done, problems::Problems};
use crate::{
    clock,
    config::cron_tasks::{self, TYPE},
    ops,
    web::{Console, auth::Caller, problem::Problem},
};

/// A cron task.
#[derive(Serialize, ToSchema)]
pub(super) struct CronTask {
    name: String,
    schedule: String,
    time_zone: String,
    /// Why it is paused.
    #[serde(skip_serializing_if = "Option::is_none")]
    paused: Option<String>,
    /// The result of its newest scheduled time.
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<DueInstant>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<Timestamp>,
}

/// The result of a scheduled time, or of several in a row.
#[derive(Serialize, ToSchema)]
pub(super) struct DueInstant {
    due: Timestamp,
    last_due: Timestamp,
    instants: u64,
    /// ran, ran-elsewhere, skipped or missed.
    fate: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decided: Option<Timestamp>,
}

impl DueInstant {
    fn of(it: &CronRun) -> Self {
        Self {
            due: it.due,
            last_due: it.last_due,
            instants: it.instants,
            fate: it.status.as_str().to_owned(),
            reason: Some(it.reason.clone()).filter(|it| !it.is_empty()),
            task: it.task.map(|id| id.to_string()),
            decided: it.decided,
        }
    }
}

/// All cron tasks, with their newest and their next scheduled time
#[utoipa::path(get, path = "/cron", tag = "cron", responses((status = 200, body = Vec<CronTask>), Problems))]
pub(super) async fn list(App(console): App<Arc<Console>>, _: Caller) -> Answer<Vec<CronTask>> {
    let store = console.store()?;
    let last = store.newest_cron_runs(TYPE).await?;
    let last: HashMap<&str, &CronRun> = last.iter().map(|it| (it.name.as_str(), it)).collect();
    let pauses = store.cron_pauses(TYPE).await?;
    let now = clock::now_utc();
    let tasks =
        cron_tasks::read(console.context.settings()).tasks.into_iter().map(|task| CronTask {
            paused: pauses.iter().find(|it| it.name == task.name).map(|it| it.reason.clone()),
            last: last.get(task.name.as_str()).map(|it| DueInstant::of(it)),
            next: task.schedule.next(now, &task.zone).map(|due| due.instant),
            time_zone: task.zone.iana_name().unwrap_or("UTC").to_owned(),
            schedule: task.text,
            name: task.name,
        });
    Ok(Json(tasks.collect()))
}

/// The start of the period.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Since {
    /// A day ago, if absent.
    from: Option<Timestamp>,
    #[param(minimum = 1, maximum = 10000)]
    limit: Option<u32>,
}

/// The results of a cron task's scheduled times, oldest first
#[utoipa::path(get, path = "/cron/{name}/occurrences", tag = "cron", params(("name" = String, Path), Since), responses((status = 200, body = Vec<DueInstant>), Problems))]
pub(super) async fn occurrences(
    App(console): App<Arc<Console>>,
    _: Caller,
    Path(name): Path<String>,
    Query(since): Query<Since>,
) -> Answer<Vec<DueInstant>> {
    ops::cron::find(console.context.settings(), &name)?;
    let day_ago = clock::now_utc() - SignedDuration::from_hours(24);
    let limit = since.limit.unwrap_or(1000);
    if !(1..=10_000).contains(&limit) {
        return Err(Problem::bad("limit must be from 1 to 10000"));
    }
    let found =
        console.store()?.cron_runs(TYPE, &name, since.from.unwrap_or(day_ago), limit).await?;
    Ok(Json(found.iter().map(DueInstant::of).collect()))
}

/// Run a cron task now, outside its schedule
#[utoipa::path(post, path = "/cron/{name}/run", tag = "cron", params(("name" = String, Path)), responses((status = 200, body = Done), Problems))]
pub(super) async fn run(
    App(console): App<Arc<Console>>,
    Machine(caller): Machine,
    Path(name): Path<String>,
) -> Answer<Done> {
    let id = console.run_cron(&caller, &name).await?;
    Ok(Json(Done { result: "added".to_owned(), task: Some(id.to_string()) }))
}

/// Skip a cron task's scheduled times until it is resumed
#[utoipa::path(post, path = "/cron/{name}/pause", tag = "cron", params(("name" = String, Path)), responses((status = 200, body = Done), Problems))]
pub(super) async fn pause(
    App(console): App<Arc<Console>>,
    Machine(caller): Machine,
    Path(name): Path<String>,
) -> Answer<Done> {
    let is_new = console.pause_cron(&caller, &name).await?;
    Ok(Done::new(if is_new { "paused" } else { "was paused" }))
}

/// Resume a paused cron task from its next scheduled time on
#[utoipa::path(post, path = "/cron/{name}/resume", tag = "cron", params(("name" = String, Path)), responses((status = 200, body = Done), Problems))]
pub(super) async fn resume(
    App(console): App<Arc<Console>>,
    Machine(caller): Machine,
    Path(name): Path<String>,
) -> Answer<Done> {
    let was_paused = console.resume_cron(&caller, &name).await?;
    Ok(Done::new(if was_paused { "resumed" } else { "was not paused" }))
}
