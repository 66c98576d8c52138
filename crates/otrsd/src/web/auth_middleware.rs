//! The authentication middleware: checks of host name and origin, the login, and the security headers of every
//! response.

use std::sync::Arc;

use axum::{
    RequestPartsExt as _,
    extract::{FromRequestParts, Request, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
        header::{AUTHORIZATION, CACHE_CONTROL, COOKIE, HOST, ORIGIN},
        request::Parts,
    },
    middleware::Next,
    response::{IntoResponse as _, Redirect, Response},
};

use super::{
    Console,
    auth::Caller,
    bodies,
    hosts::{self, Kind},
    places::Connection,
    problem::Problem,
};
use crate::{
    clock,
    config::console::{Grant, Role},
};

/// Only the console's own files; no inline script or style.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
const HEADERS: [(&str, &str); 6] = [
    ("content-security-policy", POLICY),
    ("x-content-type-options", "nosniff"),
    // Without it, browsers would not send the origin of a form.
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
];

/// The name under which the console was addressed.
#[derive(Clone, Debug)]
pub(super) struct Host {
    pub(super) kind: Kind,
    /// Without the port.
    pub(super) name: String,
    /// With its colon, or empty.
    pub(super) port: String,
}

/// Checks host and origin, authenticates the caller, and adds the security headers.
pub(super) async fn guard(
    State(console): State<Arc<Console>>,
    mut request: Request,
    next: Next,
) -> Response {
    let mut response = match admit(&console, &request) {
        Ok((host, caller)) => {
            request.extensions_mut().insert(host);
            bodies::run(&console, caller, request, next).await
        }
        Err(problem) => problem.into_response(),
    };
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

fn admit(console: &Console, request: &Request) -> Result<(Host, Option<Caller>), Problem> {
    let headers = request.headers();
    let given = text(headers, HOST).unwrap_or_default();
    let host = check_host(console, given)?;
    // No text in a database contains it, and a query with it would only raise a database error.
    if request.uri().to_string().contains("%00") {
        return Err(Problem::bad("the address holds the character NUL"));
    }
    let changes = ![Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method());
    if changes {
        check_origin(
            given,
            text(headers, ORIGIN),
            text(headers, HeaderName::from_static("sec-fetch-site")),
        )?;
    }
    let connection = request.extensions().get::<Arc<Connection>>();
    let caller = who(console, &host, headers, connection)?;
    if let (Some(caller), Some(connection)) = (&caller, connection)
        && !connection.is_of(&caller.name)
    {
        let text = format!("{} has as many connections as one name may have", caller.name);
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, text));
    }
    Ok((host, caller))
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// Prevents DNS rebinding: a page of a foreign site whose name resolves to this host would use that name.
fn check_host(console: &Console, host: &str) -> Result<Host, Problem> {
    let (name, port) = hosts::split(host);
    let kind = hosts::kind(console, &name, port).ok_or_else(|| {
        Problem::new(
            StatusCode::MISDIRECTED_REQUEST,
            format!(
                "this console is not called '{name}'; if a proxy calls it so, add the name to WebConsole::AllowedHosts"
            ),
        )
    })?;
    Ok(Host { kind, name, port: port.to_owned() })
}

/// Prevents forms and scripts of foreign pages from changing anything here.
fn check_origin(host: &str, origin: Option<&str>, site: Option<&str>) -> Result<(), Problem> {
    let same = match (origin, site) {
        (Some(origin), _) => {
            origin.split_once("://").is_some_and(|(_, it)| it.eq_ignore_ascii_case(host))
        }
        (None, Some(site)) => site == "same-origin",
        // No browser: programs send neither header.
        (None, None) => true,
    };
    if same {
        Ok(())
    } else {
        Err(Problem::forbidden("the request comes from a page of another site"))
    }
}

fn who(
    console: &Console,
    host: &Host,
    headers: &HeaderMap,
    connection: Option<&Arc<Connection>>,
) -> Result<Option<Caller>, Problem> {
    if let Some(given) = headers.get(AUTHORIZATION) {
        let token = given.to_str().ok().and_then(|it| it.strip_prefix("Bearer "));
        if let Some(Grant { name, role, .. }) = token.and_then(|it| console.machine(it.trim())) {
            return Ok(Some(Caller { name, role, session: None }));
        }
        console.login_failed(connection);
        return Err(Problem::new(
            StatusCode::UNAUTHORIZED,
            "no token of WebConsole::Tokens is like this one",
        ));
    }
    Ok(session(console, host, headers))
}

/// The session of a cookie at the host name that it is bound to.
fn session(console: &Console, host: &Host, headers: &HeaderMap) -> Option<Caller> {
    let value = cookie(headers, host.kind.cookie()?)?;
    console.auth().sessions.caller(value, &host.name, clock::now_utc())
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(COOKIE).iter().filter_map(|it| it.to_str().ok());
    all.flat_map(|it| it.split(';')).find_map(|it| it.trim().strip_prefix(name)?.strip_prefix('='))
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        if let Some(caller) = parts.extensions.get::<Self>() {
            return Ok(caller.clone());
        }
        let wants_page = parts.method == Method::GET
            && text(&parts.headers, HeaderName::from_static("accept"))
                .is_some_and(|it| it.contains("text/html"))
            && !parts.uri.path().starts_with("/api/");
        Err(if wants_page {
            Redirect::to("/login").into_response()
        } else {
            Problem::new(
                StatusCode::UNAUTHORIZED,
                "log in by the link of `otrsd console-url`, or send `Authorization: Bearer TOKEN`",
            )
            .into_response()
        })
    }
}

/// A caller that may change data and see payloads.
pub(super) struct Operator(pub(super) Caller);

impl<S: Send + Sync> FromRequestParts<S> for Operator {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        let caller: Caller = parts.extract().await?;
        if caller.role < Role::Operate {
            let text = format!("{} has the role view; this needs the role operate", caller.name);
            return Err(Problem::forbidden(text).into_response());
        }
        Ok(Self(caller))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_pages_change_nothing() {
        for (origin, site, is_ours) in [
            (None, None, true),
            (Some("http://127.0.0.1:8440"), None, true),
            (Some("http://127.0.0.1:8440"), Some("same-origin"), true),
            (None, Some("same-origin"), true),
            (None, Some("cross-site"), false),
            (None, Some("none"), false),
            (Some("null"), Some("same-origin"), false),
            (Some("http://evil.example"), None, false),
            (Some("http://127.0.0.1:8441"), None, false),
            (Some("http://127.0.0.1:8440.evil.example"), None, false),
        ] {
            let checked = check_origin("127.0.0.1:8440", origin, site);
            assert_eq!(checked.is_ok(), is_ours, "{origin:?} {site:?}");
        }
    }

    #[test]
    fn the_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("a=1; otrsdx=2; otrsd=abc"));
        assert_eq!(cookie(&headers, "otrsd"), Some("abc"));
        headers.insert(COOKIE, HeaderValue::from_static("notrsd=abc"));
        assert_eq!(cookie(&headers, "otrsd"), None);
    }
}
