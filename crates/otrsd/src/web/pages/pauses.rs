//! The page of the workers' pauses.

use std::sync::Arc;

use axum::{extract::State, response::Redirect};
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    layout::{key, page},
    parts::moment,
};
use crate::{
    clock,
    config::console::Role,
    web::{Console, auth::Caller, form::Form, problem::Problem},
};

pub(in crate::web) async fn show(
    State(console): State<Arc<Console>>,
    caller: Caller,
) -> Result<Markup, Problem> {
    let pauses = console.store()?.pauses().await?;
    let (now, operates) = (clock::now_utc(), caller.role >= Role::Operate);
    Ok(page(
        &console,
        &caller,
        "/",
        "Pauses",
        &html! {
            h1 { "Pauses" }
            @if pauses.is_empty() { p.calm { "Workers take every task." } }
            @else {
                div.card.scroll tabindex="0" role="group" aria-label="Pauses" { table {
                    thead { tr { th { "Tasks" } th { "Where" } th { "Since" } th { "Why" } @if operates { th { span.sr { "Actions" } } } } }
                    tbody { @for it in &pauses { tr {
                        th scope="row" { @if it.task_type.is_empty() { "all" } @else { (it.task_type) } }
                        td { @if it.node == 0 { "on all nodes" } @else { "on node " (it.node) } }
                        td { (moment(it.since, now)) }
                        td.wide { (it.reason) }
                        @if operates { td { form.inline method="post" action="/pauses" {
                            (key(&caller))
                            input type="hidden" name="type" value=(it.task_type);
                            input type="hidden" name="node" value=(it.node);
                            button name="action" value="resume" { "Resume" }
                        } } }
                    } } }
                } }
            }
            @if operates {
                form.filters method="post" action="/pauses" {
                    (key(&caller))
                    div { label for="type" { "Type" } input #type name="type" placeholder="all types"; }
                    div { label for="node" { "Node" } input #node name="node" inputmode="numeric" placeholder="all"; }
                    div { button name="action" value="pause" { "Take no more of them" } }
                }
                p.faint { "What runs goes on; what waits stays in the queue." }
            }
        },
    ))
}

#[derive(Deserialize)]
pub(in crate::web) struct Change {
    action: String,
    #[serde(rename = "type")]
    task_type: String,
    node: String,
}

pub(in crate::web) async fn change(
    State(console): State<Arc<Console>>,
    form: Form<Change>,
) -> Result<Redirect, Problem> {
    let Change { action, task_type, node } = form.fields;
    let node = match node.trim() {
        "" => 0,
        text => text
            .parse()
            .ok()
            .filter(|node| *node <= 999)
            .ok_or_else(|| Problem::bad(format!("'{text}' is no number of a node")))?,
    };
    match action.as_str() {
        "pause" => console.pause_tasks(&form.caller, task_type.trim(), node).await?,
        "resume" => drop(console.resume_tasks(&form.caller, &task_type, node).await?),
        other => return Err(Problem::bad(format!("there is no action '{other}'"))),
    }
    Ok(Redirect::to("/pauses"))
}
