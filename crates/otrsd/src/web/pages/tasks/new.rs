//! The form for a new task.

use std::sync::Arc;

use axum::{
    extract::{Query, State},
    response::Redirect,
};
use maud::{Markup, html};
use serde::Deserialize;
use task_store::Payload;

use crate::{
    config::{secret_hash::SecretHash, task_types},
    text::time,
    web::{
        Console,
        api::model::NewTask,
        auth_middleware::Operator,
        form::Form,
        pages::layout::{key, page},
        problem::Problem,
    },
};

#[derive(Default, Deserialize)]
#[serde(default)]
pub(in crate::web) struct Wanted {
    #[serde(rename = "type")]
    task_type: String,
}

pub(in crate::web) async fn show(
    State(console): State<Arc<Console>>,
    Operator(caller): Operator,
    Query(wanted): Query<Wanted>,
) -> Result<Markup, Problem> {
    let types = addable(&console);
    // The same form sent twice adds one task.
    let (once, _) = SecretHash::draw()?;
    Ok(page(
        &console,
        &caller,
        "/tasks",
        "New task",
        &html! {
            p { a href="/tasks" { "Tasks" } " / new" }
            h1 { "New task" }
            @if types.is_empty() {
                p.calm { "No type of task may be added here: the setting WebConsole::AddableTypes lists those that may." }
            } @else {
                form.card.long method="post" action="/tasks/new" {
                    (key(&caller))
                    input type="hidden" name="once" value=(once);
                    label for="type" { "Type" }
                    select #type name="type" { @for it in &types { option selected[*it == wanted.task_type] { (it) } } }
                    label for="name" { "Name" }
                    input #name name="name" maxlength="150" autocomplete="off";
                    label for="data" { "Data, as JSON" }
                    textarea #data .mono name="data" rows="8" spellcheck="false" { "{}" }
                    label for="at" { "When, if not at once" }
                    input #at name="at" placeholder=(time::FORMS) autocomplete="off";
                    div { button.primary { "Add" } }
                }
            }
        },
    ))
}

fn addable(console: &Console) -> Vec<String> {
    let (types, _) = task_types::read(console.context.settings());
    types.into_keys().filter(|it| console.web.is_addable(it, true)).collect()
}

#[derive(Deserialize)]
pub(in crate::web) struct Given {
    once: String,
    #[serde(rename = "type")]
    task_type: String,
    name: String,
    data: String,
    at: String,
}

pub(in crate::web) async fn add(
    State(console): State<Arc<Console>>,
    form: Form<Given>,
) -> Result<Redirect, Problem> {
    let Given { once, task_type, name, data, at } = form.fields;
    let data = match data.trim() {
        "" => Payload::default(),
        text => text.parse().map_err(|error| Problem::bad(format!("the data: {error}")))?,
    };
    let at = match at.trim() {
        "" => None,
        text => Some(
            time::argument(text).map_err(|error| Problem::bad(format!("'{text}' is {error}")))?,
        ),
    };
    let task = NewTask {
        task_type,
        name: name.trim().to_owned(),
        data,
        at,
        attempts: None,
        max_parallel: None,
    };
    let added = console.add_tasks(&form.caller, &[task], Some(&once)).await?;
    match added.first() {
        Some((id, _)) => Ok(Redirect::to(&format!("/tasks/{id}"))),
        None => Err(Problem::bad("no task was given")),
    }
}
