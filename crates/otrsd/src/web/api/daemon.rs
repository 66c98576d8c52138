//! The API of the daemon itself: its overview, its modules, their logs, and its settings.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Query, State as App},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json_;
use utoipa::{IntoParams, ToSchema};

use super::{
    Answer, Machine,
    model::{Done, Module, Supervisor},
    problems::Problems,
};
use crate::{
    supervisor::status::Status,
    web::{
        Console,
        auth::Caller,
        auth_middleware::Operator,
        effective,
        live::{Severity, Snapshot},
        log,
        problem::Problem,
    },
};

/// The overall state.
#[derive(Serialize, ToSchema)]
pub(super) struct Overview {
    at: Timestamp,
    supervisor: Option<Supervisor>,
    modules: Vec<Module>,
    workers: Vec<Worker>,
    counts: Vec<Counts>,
    /// What needs an operator's attention, worst first.
    attention: Vec<ToDo>,
}

/// A worker of any node.
#[derive(Serialize, ToSchema)]
pub(super) struct Worker {
    node: u16,
    host: String,
    pid: u32,
    slots: u32,
    started: Option<Timestamp>,
    last_sign_of_life: Option<Timestamp>,
}

/// The number of tasks of a type, by state.
#[derive(Serialize, ToSchema)]
pub(super) struct Counts {
    #[serde(rename = "type")]
    task_type: String,
    waiting: u64,
    running: u64,
    future: u64,
    retry: u64,
    failed: u64,
    quarantined: u64,
    no_handler: u64,
}

/// One finding that needs attention.
#[derive(Serialize, ToSchema)]
pub(super) struct ToDo {
    /// broken, warning or note.
    severity: String,
    text: String,
}

/// The overall state: modules, workers, tasks by type, and what needs attention
#[utoipa::path(get, path = "/overview", tag = "daemon", responses((status = 200, body = Overview), Problems))]
pub(super) async fn overview(App(console): App<Arc<Console>>, _: Caller) -> Json<Overview> {
    let snapshot = console.snapshot().await;
    let status = snapshot.status.as_ref().and_then(|it| it.as_ref().ok());
    Json(Overview {
        at: snapshot.at,
        supervisor: status.map(Supervisor::of),
        modules: status.into_iter().flat_map(|it| &it.modules).map(Module::of).collect(),
        workers: workers(&snapshot),
        counts: counts(&snapshot),
        attention: snapshot
            .attention
            .iter()
            .map(|it| ToDo { severity: severity(it.severity).to_owned(), text: it.text.clone() })
            .collect(),
    })
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Broken => "broken",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

fn workers(snapshot: &Snapshot) -> Vec<Worker> {
    let worker = |it: &task_store::Instance| Worker {
        node: it.owner.node(),
        host: it.host.clone(),
        pid: it.pid,
        slots: it.slots,
        started: it.started,
        last_sign_of_life: it.beat,
    };
    snapshot.instances.iter().map(worker).collect()
}

fn counts(snapshot: &Snapshot) -> Vec<Counts> {
    let count = |it: &task_store::Count| Counts {
        task_type: it.task_type.clone(),
        waiting: it.waiting,
        running: it.running,
        future: it.future,
        retry: it.retry,
        failed: it.failed,
        quarantined: it.quarantined,
        no_handler: it.no_handler,
    };
    snapshot.counts.iter().map(count).collect()
}

/// The modules of this node's daemon
#[utoipa::path(get, path = "/modules", tag = "daemon", responses((status = 200, body = Vec<Module>), Problems))]
pub(super) async fn modules(App(console): App<Arc<Console>>, _: Caller) -> Answer<Vec<Module>> {
    let snapshot = console.snapshot().await;
    Ok(Json(status(&snapshot)?.modules.iter().map(Module::of).collect()))
}

/// One module, with its remembered exits
#[utoipa::path(get, path = "/modules/{name}", tag = "daemon", params(("name" = String, Path)), responses((status = 200, body = Module), Problems))]
pub(super) async fn module(
    App(console): App<Arc<Console>>,
    _: Caller,
    Path(name): Path<String>,
) -> Answer<Module> {
    let snapshot = console.snapshot().await;
    let found = status(&snapshot)?.modules.iter().find(|it| it.name == name);
    found.map(|it| Json(Module::of(it))).ok_or_else(|| no_module(&name))
}

/// Restart a module, without waiting for it
#[utoipa::path(post, path = "/modules/{name}/restart", tag = "daemon", params(("name" = String, Path)), responses((status = 200, body = Done), Problems))]
pub(super) async fn restart(
    App(console): App<Arc<Console>>,
    Machine(caller): Machine,
    Path(name): Path<String>,
) -> Answer<Done> {
    let snapshot = console.snapshot().await;
    if !status(&snapshot)?.modules.iter().any(|it| it.name == name) {
        return Err(no_module(&name));
    }
    console.restart(&caller, &name).await?;
    Ok(Done::new("restarting"))
}

/// The end of a module's log.
#[derive(Serialize, ToSchema)]
pub(super) struct Log {
    stderr: String,
    stdout: String,
}

/// The end of a module's output, at most 64 kB of each file
#[utoipa::path(get, path = "/modules/{name}/log", tag = "daemon", params(("name" = String, Path)), responses((status = 200, body = Log), Problems))]
pub(super) async fn log(
    App(console): App<Arc<Console>>,
    _operator: Operator,
    Path(name): Path<String>,
) -> Answer<Log> {
    let snapshot = console.snapshot().await;
    let files = log::files(&console, status(&snapshot)?, &name);
    let [stderr, stdout] = files.ok_or_else(|| no_module(&name))?.map(|file| log::tail(&file));
    Ok(Json(Log { stderr, stdout }))
}

/// An effective setting.
#[derive(Serialize, ToSchema)]
pub(super) struct Setting {
    name: String,
    value: Json_,
    /// Its origin: file and line.
    origin: String,
}

/// A filter of settings.
#[derive(Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// The prefix of their names.
    prefix: String,
}

/// The effective settings with their origins, secrets redacted
#[utoipa::path(get, path = "/settings", tag = "daemon", params(Which), responses((status = 200, body = Vec<Setting>), Problems))]
pub(super) async fn settings(
    App(console): App<Arc<Console>>,
    caller: Caller,
    Query(which): Query<Which>,
) -> Answer<Vec<Setting>> {
    let settings = console.context.settings();
    let chosen = effective::settings(settings, &caller, |name| name.starts_with(&which.prefix));
    let all = chosen.map(|(name, value, origin)| {
        let value = serde_json::to_value(value).unwrap_or_default();
        Setting { name: name.to_owned(), value, origin }
    });
    Ok(Json(all.collect()))
}

fn status(snapshot: &Snapshot) -> Result<&Status, Problem> {
    let status = snapshot.status.as_ref().and_then(|it| it.as_ref().ok());
    status.ok_or_else(|| {
        Problem::new(axum::http::StatusCode::SERVICE_UNAVAILABLE, "the supervisor does not answer")
    })
}

fn no_module(name: &str) -> Problem {
    Problem::not_found(format!("no module is called '{name}'"))
}
