//! How much of a request's body is taken in: little but of operators, and of theirs together no more than a budget.

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

/// Before a login, and for those that change nothing.
const SMALL: usize = 16 << 10;
pub(super) const LARGEST: usize = 4 << 20;
/// For the bodies of all operators; what is more is told to come again.
const BUDGET: usize = 32 << 20;

/// What is left of the budget, in kB.
pub(super) struct Budget(Semaphore);

impl Default for Budget {
    fn default() -> Self {
        Self(Semaphore::new(BUDGET >> 10))
    }
}

/// Lets a request go on with what its body may have.
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
    // Held until the answer begins.
    let Ok(_part) = console.bodies.0.try_acquire_many(part(&request)) else {
        let text = "too much is sent to this console at the same time: send it again in a moment";
        let mut response = Problem::new(StatusCode::SERVICE_UNAVAILABLE, text).into_response();
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        return response;
    };
    next.run(request).await
}

/// What a body takes of the budget, in kB; one of unknown length all that it may have.
fn part(request: &Request) -> u32 {
    let length = request.body().size_hint().upper();
    let length = length.unwrap_or(LARGEST as u64).min(LARGEST as u64);
    u32::try_from(length.div_ceil(1024)).unwrap_or(u32::MAX)
}
