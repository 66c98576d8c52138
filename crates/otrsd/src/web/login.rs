//! Logging in by a one-time link or a token, and out.

use std::sync::Arc;

use axum::{
    extract::{Query, State},
    http::{HeaderMap, StatusCode, header::SET_COOKIE},
    response::{IntoResponse as _, Redirect, Response},
};
use maud::Markup;
use serde::Deserialize;

use super::{
    Console,
    auth::Caller,
    form::{Form, Nothing},
    guard::{COOKIE_NAME, cookie, too_many},
    pages,
    problem::Problem,
};
use crate::clock;

#[derive(Deserialize)]
pub(super) struct Code {
    #[serde(default)]
    code: String,
}

/// A page with a button: what only looks at a link, as mail scanners do, does not use it up.
pub(super) async fn page(Query(query): Query<Code>) -> Markup {
    pages::login::page(&query.code)
}

pub(super) async fn enter(
    State(console): State<Arc<Console>>,
    axum::Form(given): axum::Form<Code>,
) -> Response {
    if let Some(refusal) = too_many(&console) {
        return refusal;
    }
    let code = given.code.trim();
    let known = console.auth().links.take(code, clock::now());
    let known = known.or_else(|| console.machine(code).map(|caller| (caller.name, caller.role)));
    let Some((name, role)) = known else {
        console.auth().throttle.failed(clock::now());
        return Problem::new(
            StatusCode::UNAUTHORIZED,
            "this link was used, or is older than a minute; `otrsd console-url` gives a new one",
        )
        .into_response();
    };
    let begun = console.auth().sessions.begin(name.clone(), role, clock::wall());
    let value = match begun {
        Ok(value) => value,
        Err(error) => return Problem::from(error).into_response(),
    };
    let caller = Caller { name, role, form_key: None };
    console.audit(&caller, &format!("logged in ({})", role.word()));
    ([(SET_COOKIE, set_cookie(&console, &value, 12 * 3600))], Redirect::to("/")).into_response()
}

pub(super) async fn leave(
    State(console): State<Arc<Console>>,
    headers: HeaderMap,
    form: Form<Nothing>,
) -> Result<Response, Problem> {
    let Nothing {} = form.fields;
    if let Some(value) = cookie(&headers) {
        console.auth().sessions.end(value)?;
    }
    console.audit(&form.caller, "logged out");
    Ok(([(SET_COOKIE, set_cookie(&console, "", 0))], Redirect::to("/login")).into_response())
}

fn set_cookie(console: &Console, value: &str, seconds: u32) -> String {
    let secure = if console.origin.starts_with("https:") { "; Secure" } else { "" };
    format!("{COOKIE_NAME}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}")
}
