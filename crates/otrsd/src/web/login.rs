//! Login by a one-time link or a token, and logout.

use std::sync::Arc;

use axum::{
    Extension,
    body::Bytes,
    extract::{Query, State},
    http::{
        HeaderMap, StatusCode,
        header::{ORIGIN, SET_COOKIE},
    },
    response::{IntoResponse as _, Redirect, Response},
};
use maud::Markup;
use serde::Deserialize;

use super::{
    Console,
    auth::Caller,
    auth_middleware::Host,
    form::{self, Nothing},
    hosts::{self, Kind},
    pages,
    places::Connection,
    problem::Problem,
};
use crate::{clock, config::console::Grant};

#[derive(Deserialize)]
pub(super) struct Code {
    #[serde(default)]
    code: String,
}

/// A page with a button: programs that only fetch a link, such as mail scanners, do not consume it.
pub(super) async fn page(Query(query): Query<Code>) -> Markup {
    pages::login::page(&query.code)
}

/// Starts a session if the host name allows one, and otherwise redirects the browser to a name that does.
pub(super) async fn enter(
    State(console): State<Arc<Console>>,
    Extension(host): Extension<Host>,
    connection: Option<Extension<Arc<Connection>>>,
    headers: HeaderMap,
    axum::Form(given): axum::Form<Code>,
) -> Result<Response, Problem> {
    if host.kind == Kind::Proxy && is_plain(&headers) {
        let text = "over http no browser keeps a session of this name: the proxy must speak TLS";
        return Err(Problem::forbidden(text));
    }
    let code = given.code.trim();
    let known = console.auth().links.take(code, clock::now());
    let known = known.or_else(|| console.machine(code).map(|grant| (grant, None)));
    let Some((grant, place)) = known else {
        console.login_failed(connection.as_ref().map(|it| &it.0));
        return Err(Problem::new(
            StatusCode::UNAUTHORIZED,
            "this link was used, or is older than a minute; `otrsd console-url` gives a new one",
        ));
    };
    // A name that the link does not contain was chosen by the sender of the link.
    let done = if host.kind == Kind::Proxy || place.as_ref() == Some(&host.name) {
        begin(&console, grant, &host)
    } else {
        send_on(&console, grant, &host)
    };
    Ok(done?)
}

/// Whether the browser reports that its page was loaded without TLS.
fn is_plain(headers: &HeaderMap) -> bool {
    headers.get(ORIGIN).is_some_and(|it| it.as_bytes().starts_with(b"http://"))
}

fn begin(console: &Console, grant: Grant, host: &Host) -> anyhow::Result<Response> {
    let caller = Caller { name: grant.name.clone(), role: grant.role, session: None };
    let value = console.auth().sessions.begin(grant, &host.name, clock::now_utc())?;
    console.audit(&caller, &format!("logged in ({})", caller.role.as_str()));
    let cookie = set_cookie(host.kind, &value, 12 * 3600);
    Ok((cookie.map(|it| [(SET_COOKIE, it)]), Redirect::to("/")).into_response())
}

/// Redirects to a name of the session's own, by a link that is valid only there.
fn send_on(console: &Console, grant: Grant, host: &Host) -> anyhow::Result<Response> {
    let name = hosts::draw()?;
    let code = console.auth().links.add(grant, Some(name.clone()), clock::now())?;
    let url = format!("http://{name}{}/login?code={code}", host.port);
    Ok(pages::login::onward(&url).into_response())
}

pub(super) async fn leave(
    State(console): State<Arc<Console>>,
    Extension(host): Extension<Host>,
    caller: Caller,
    body: Bytes,
) -> Result<Response, Problem> {
    let Nothing {} = form::read(&caller, &body)?;
    if let Some(session) = &caller.session {
        console.auth().sessions.end(&session.id)?;
    }
    console.audit(&caller, "logged out");
    let cookie = set_cookie(host.kind, "", 0);
    Ok((cookie.map(|it| [(SET_COOKIE, it)]), Redirect::to("/login")).into_response())
}

fn set_cookie(kind: Kind, value: &str, seconds: u32) -> Option<String> {
    let secure = if kind == Kind::Proxy { "; Secure" } else { "" };
    let name = kind.cookie()?;
    Some(format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}"))
}
