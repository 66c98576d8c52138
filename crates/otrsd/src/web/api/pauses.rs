//! The API of pauses of the workers.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Query, State as App},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Answer, Machine, model::Done, problems::Problems};
use crate::web::{Console, auth::Caller};

/// A pause that is in force.
#[derive(Serialize, ToSchema)]
pub(super) struct Pause {
    /// Absent for all types.
    #[serde(rename = "type")]
    task_type: Option<String>,
    /// Absent for all nodes.
    node: Option<u16>,
    since: Option<Timestamp>,
    reason: String,
}

/// The scope of a pause: tasks and nodes.
#[derive(Default, Deserialize, IntoParams, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// All types, if absent.
    #[serde(rename = "type")]
    task_type: String,
    /// All nodes, if absent or 0.
    #[schema(maximum = 999)]
    #[param(maximum = 999)]
    node: u16,
}

/// The pauses that are in force
#[utoipa::path(get, path = "/pauses", tag = "worker", responses((status = 200, body = Vec<Pause>), Problems))]
pub(super) async fn list(App(console): App<Arc<Console>>, _: Caller) -> Answer<Vec<Pause>> {
    let pauses = console.store()?.pauses().await?.into_iter().map(|it| Pause {
        task_type: Some(it.task_type).filter(|it| !it.is_empty()),
        node: Some(it.node).filter(|it| *it > 0),
        since: it.since,
        reason: it.reason,
    });
    Ok(Json(pauses.collect()))
}

/// Stop claiming tasks: of a type, on a node, or all
#[utoipa::path(post, path = "/pauses", tag = "worker", request_body = Which, responses((status = 200, body = Done), Problems))]
pub(super) async fn pause(
    App(console): App<Arc<Console>>,
    Machine(caller): Machine,
    Json(which): Json<Which>,
) -> Answer<Done> {
    let Which { task_type, node } = which;
    console.pause_tasks(&caller, &task_type, node).await?;
    Ok(Done::new("paused"))
}

/// End such a pause
#[utoipa::path(delete, path = "/pauses", tag = "worker", params(Which), responses((status = 200, body = Done), Problems))]
pub(super) async fn resume(
    App(console): App<Arc<Console>>,
    Machine(caller): Machine,
    Query(which): Query<Which>,
) -> Answer<Done> {
    let Which { task_type, node } = which;
    let was_paused = console.resume_tasks(&caller, &task_type, node).await?;
    Ok(Done::new(if was_paused { "resumed" } else { "was not paused" }))
}
