//! Adding tasks, each once however often it is asked for.

use std::sync::Arc;

use axum::{
    Json,
    extract::State as App,
    http::{HeaderMap, StatusCode},
};
use serde_json::Value;

use super::{
    Machine,
    model::{AddedTask, NewTasks},
    problems::Problems,
};
use crate::web::{Console, problem::Problem};

const MOST: usize = 1000;
const LONGEST_KEY: usize = 200;

/// Add a task, or up to 1000 in one transaction
///
/// With a header `Idempotency-Key`, asking again with the same key and the same number of tasks adds nothing more.
#[utoipa::path(post, path = "/tasks", tag = "tasks", request_body = NewTasks,
    params(("Idempotency-Key" = Option<String>, Header, description = "A text of the caller's choice, for this addition alone.")),
    responses((status = 201, body = Vec<AddedTask>), Problems))]
pub(super) async fn add(
    App(console): App<Arc<Console>>,
    Machine(caller): Machine,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Result<(StatusCode, Json<Vec<AddedTask>>), Problem> {
    let tasks = read(body)?.into_list();
    let key = match headers.get("idempotency-key") {
        None => None,
        Some(key) => Some(
            key.to_str()
                .ok()
                .filter(|key| !key.is_empty() && key.len() <= LONGEST_KEY)
                .ok_or_else(|| {
                    Problem::bad("the header Idempotency-Key must be a text of 1 to 200 characters")
                })?,
        ),
    };
    let added = console.add_tasks(&caller, &tasks, key).await?;
    let added = added
        .into_iter()
        .map(|(id, result)| AddedTask { id: id.to_string(), result: result.word().to_owned() });
    Ok((StatusCode::CREATED, Json(added.collect())))
}

/// Reads by the kind of the value, so that an error points at its place.
fn read(body: Value) -> Result<NewTasks, Problem> {
    let task = |place: &str, value| {
        serde_path_to_error::deserialize(value).map_err(|error| {
            let place = format!("{place}{}", error.path()).trim_end_matches(['.', '?']).to_owned();
            let place = if place.is_empty() { "the body" } else { &place };
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, format!("{place}: {}", error.inner()))
        })
    };
    match body {
        Value::Array(values) if values.is_empty() => Err(Problem::bad("no task in the list")),
        Value::Array(values) if values.len() > MOST => {
            Err(Problem::bad(format!("{} tasks at once; {MOST} at most", values.len())))
        }
        Value::Array(values) => {
            let tasks = values.into_iter().enumerate();
            let tasks = tasks.map(|(number, value)| task(&format!("[{number}]."), value));
            tasks.collect::<Result<_, Problem>>().map(NewTasks::Many)
        }
        value => task("", value).map(|task| NewTasks::One(Box::new(task))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_error_points_at_its_place() {
        let task = json!({"type": "Greet", "at": "2026-12-24T18:00:00Z", "data": {"any": [1]}});
        assert_eq!(read(task.clone()).unwrap().into_list()[0].task_type, "Greet");
        assert_eq!(read(json!([task, task])).unwrap().into_list().len(), 2);
        for (body, problem) in [
            (json!({"type": "Greet", "nmae": "x"}), "nmae: unknown field `nmae`"),
            (json!([task, {"type": 7}]), "[1].type: invalid type"),
            (json!({"type": "x", "at": "soon"}), "at: "),
            (json!({}), "the body: missing field `type`"),
            (json!(null), "the body: invalid type"),
            (json!([]), "no task"),
        ] {
            let told = read(body).unwrap_err().detail;
            assert!(told.starts_with(problem), "{told}");
        }
    }
}
