//! Limits of request bodies: small ones for everyone, larger ones for operators, with a common budget.

use axum::{
    body::HttpBody as _,
    extract::{DefaultBodyLimit, Request},
    http::{HeaderValue, StatusCode, header::RETRY_AFTER},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use tokio::sync::Semaphore;

use super::{Console, auth::Caller, problem::Problem};
use crate::config::console::Role;

/// The limit before a login, and for callers that change nothing.
const SMALL: usize = 16 << 10;
pub(super) const LARGEST: usize = 4 << 20;
/// The budget for the bodies of all operators; a request beyond it is told to retry.
const BUDGET: usize = 32 << 20;

/// The rest of the budget, in kB.
pub(super) struct Budget(Semaphore);

impl Default for Budget {
    fn default() -> Self {
        Self(Semaphore::new(BUDGET >> 10))
    }
}

/// Passes a request on with the limit of its body.
pub(super) async fn run(
    console: &Console,
    caller: Option<Caller>,
    mut request: Request,
    next: Next,
) -> Response {
    let sends_much = caller.as_ref().is_some_and(|it| it.role >= Role::Operate);
    if let Some(caller) = caller {
        request.extensions_mut().insert(caller);
    }
    if !sends_much {
        DefaultBodyLimit::max(SMALL).apply(&mut request);
        return next.run(request).await;
    }
    DefaultBodyLimit::max(LARGEST).apply(&mut request);
    // Held until the response begins.
    let Ok(_part) = console.bodies.0.try_acquire_many(part(&request)) else {
        let text = "too much is sent to this console at the same time: send it again in a moment";
        let mut response = Problem::new(StatusCode::SERVICE_UNAVAILABLE, text).into_response();
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        return response;
    };
    next.run(request).await
}

/// The share of the budget that a body takes, in kB; a body of unknown length takes its whole limit.
fn part(request: &Request) -> u32 {
    let length = request.body().size_hint().upper();
    let length = length.unwrap_or(LARGEST as u64).min(LARGEST as u64);
    u32::try_from(length.div_ceil(1024)).unwrap_or(u32::MAX)
}
