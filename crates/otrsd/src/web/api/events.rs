//! The API of events.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State as App},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sysconfig::SysConfig;
use task_store::{Added, Payload};
use utoipa::ToSchema;

use super::{Answer, Machine, problems::Problems};
use crate::{
    clock,
    config::{
        console::runs_its_data,
        events::{self, Registration},
    },
    ops::{self, Error},
    web::{Console, problem::Problem},
};

/// The event to fire.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Happened {
    /// The event's data, any JSON, kept as it is written.
    #[schema(value_type = serde_json::Value)]
    data: Payload,
}

/// A task that was added for the event.
#[derive(Serialize, ToSchema)]
pub(super) struct Followed {
    /// The setting that registers it.
    setting: String,
    /// Absent if its limit was reached.
    task: Option<String>,
    #[serde(rename = "type")]
    task_type: String,
    name: String,
    due: Option<Timestamp>,
}

/// Add the tasks that the settings register for an event, all or none
#[utoipa::path(post, path = "/events/{name}", tag = "events", params(("name" = String, Path)), request_body = Happened,
    responses((status = 200, body = Vec<Followed>), Problems))]
pub(super) async fn fire(
    App(console): App<Arc<Console>>,
    Machine(caller): Machine,
    Path(name): Path<String>,
    Json(happened): Json<Happened>,
) -> Answer<Vec<Followed>> {
    let (store, settings) = (console.store()?, console.context.settings());
    check(settings, &name)?;
    let fired = ops::event::fire(store, settings, &name, &happened.data, clock::now_utc()).await;
    let fired = fired.map_err(|error| match error {
        Error::Configuration(_) => Problem::conflict(error.to_string()),
        error => error.into(),
    })?;
    console.audit(&caller, &format!("fired event {name}: {} tasks", fired.len()));
    let followed = fired.into_iter().map(|it| Followed {
        task: (it.added == Added::Added).then(|| it.task.id.to_string()),
        setting: it.setting,
        task_type: it.task.task_type,
        name: it.task.name,
        due: it.due,
    });
    Ok(Json(followed.collect()))
}

/// The tasks carry the event's data. Where the data says what to run, a token would amount to a shell.
fn check(settings: &SysConfig, event: &str) -> Result<(), Problem> {
    let registered = events::read(settings).registrations;
    let mut of_event = registered.iter().filter(|it| it.event == event);
    match of_event.find(|it| runs_its_data(&it.task_type)) {
        None => Ok(()),
        Some(Registration { key, task_type, .. }) => Err(Problem::forbidden(format!(
            "setting {}###{key} adds tasks of type {task_type}, which run what their data says: this event is not \
             fired from outside",
            events::SETTING
        ))),
    }
}
