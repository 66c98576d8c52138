//! The page of the sessions, which can be ended there.

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
    web::{Console, auth_middleware::Operator, form::Form, problem::Problem},
};

pub(in crate::web) async fn show(
    State(console): State<Arc<Console>>,
    Operator(caller): Operator,
) -> Markup {
    let now = clock::now_utc();
    let sessions: Vec<_> = console.auth().sessions.living(now).cloned().collect();
    let own = caller.session.as_ref().map(|it| it.id.as_str());
    page(
        &console,
        &caller,
        "/sessions",
        "Sessions",
        &html! {
            h1 { "Sessions" }
            div.card.scroll tabindex="0" role="group" aria-label="Sessions" { table {
                thead { tr { th { "Who" } th { "Role" } th { "Since" } th { "Until" } th { span.sr { "Actions" } } } }
                tbody { @for it in &sessions { tr {
                    th scope="row" { (it.grant.name) @if own == Some(it.id()) { span.faint { " (this one)" } } }
                    td { (it.grant.role.as_str()) }
                    td { (moment(Some(it.since), now)) }
                    td { (moment(Some(it.until), now)) }
                    td { form.inline method="post" action="/sessions" {
                        (key(&caller))
                        button name="id" value=(it.id()) { "End" }
                    } }
                } } }
            } }
        },
    )
}

/// The session to end.
#[derive(Deserialize)]
pub(in crate::web) struct Ended {
    id: String,
}

pub(in crate::web) async fn end(
    State(console): State<Arc<Console>>,
    form: Form<Ended>,
) -> Result<Redirect, Problem> {
    let id = &form.fields.id;
    let found = console.auth().sessions.living(clock::now_utc()).find(|it| it.id() == id).cloned();
    let session = found.ok_or_else(|| Problem::not_found("it has ended already"))?;
    console.auth().sessions.end(id)?;
    console.audit(&form.caller, &format!("ended a session of {}", session.grant.name));
    Ok(Redirect::to("/sessions"))
}
