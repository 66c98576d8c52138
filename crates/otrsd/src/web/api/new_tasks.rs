//! The API for adding tasks, idempotent by key.

use std::sync::Arc;

use axum::{
    Json,
    extract::State as App,
    http::{HeaderMap, StatusCode},
};
use task_store::{Payload, Shape};

use super::{
    Machine,
    model::{AddedTask, NewTask, NewTasks},
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
    Json(body): Json<Payload>,
) -> Result<(StatusCode, Json<Vec<AddedTask>>), Problem> {
    let tasks = read(&body)?.into_list();
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
        .map(|(id, result)| AddedTask { id: id.to_string(), result: result.as_str().to_owned() });
    Ok((StatusCode::CREATED, Json(added.collect())))
}

/// Parses by the kind of the value, so that an error points at its location.
fn read(body: &Payload) -> Result<NewTasks, Problem> {
    match Shape::of(body.text()).map_err(|error| Problem::bad(error.to_string()))? {
        Shape::Array(parts) if parts.is_empty() => Err(Problem::bad("no task in the list")),
        Shape::Array(parts) if parts.len() > MOST => {
            Err(Problem::bad(format!("{} tasks at once; {MOST} at most", parts.len())))
        }
        Shape::Array(parts) => {
            let tasks = parts.into_iter().enumerate();
            let tasks = tasks.map(|(number, part)| task(&format!("[{number}]."), part));
            tasks.collect::<Result<_, Problem>>().map(NewTasks::Many)
        }
        _ => task("", body.text()).map(|task| NewTasks::One(Box::new(task))),
    }
}

fn task(place: &str, json: &str) -> Result<NewTask, Problem> {
    let mut json = serde_json::Deserializer::from_str(json);
    serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let place = format!("{place}{}", error.path()).trim_end_matches(['.', '?']).to_owned();
        let place = if place.is_empty() { "the body" } else { &place };
        // The path tells the location.
        let what = error.inner().to_string();
        let what = what.split(" at line ").next().unwrap_or_default();
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, format!("{place}: {what}"))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_error_points_at_its_place() {
        let task = json!({"type": "Greet", "at": "2026-12-24T18:00:00Z", "data": {"any": [1]}});
        let read = |body| read(&Payload::of(&body).unwrap());
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

    #[test]
    fn data_stay_as_they_are_written() {
        for data in ["12345678901234567890123", r#"{"z": 1.10, "a":1e400, "z" : 2}"#] {
            let one = format!(r#"{{"type": "Greet", "data": {data} }}"#);
            for body in [format!("[{one}, {one}]"), one] {
                let tasks = read(&body.parse().unwrap()).unwrap().into_list();
                assert!(tasks.iter().all(|task| task.data.text() == data), "{body}");
            }
        }
    }
}
