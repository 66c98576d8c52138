//! The routes of the console.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::Request,
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};

use super::{
    Console, api, auth_middleware, health, login, metrics, pages,
    problem::{self, Problem},
};

/// The timeout of a request with its body and its response; a stream's response ends when it begins.
const WITHIN: Duration = Duration::from_secs(30);

const STYLE: &str = include_str!("assets/style.css");
const SCRIPT: &str = include_str!("assets/app.js");
const ICON: &str = include_str!("assets/icon.svg");

pub(super) fn app(console: Arc<Console>) -> Router {
    Router::new()
        .route("/", get(pages::overview::page))
        .route("/live", get(pages::overview::stream))
        .route("/tasks", get(pages::tasks::list::show))
        .route("/tasks/new", get(pages::tasks::new::show).post(pages::tasks::new::add))
        .route("/pauses", get(pages::pauses::show).post(pages::pauses::change))
        .route("/tasks/change", post(pages::tasks::change::ticked))
        .route(
            "/tasks/all/{action}",
            get(pages::tasks::change::preview).post(pages::tasks::change::every),
        )
        .route("/tasks/{id}", get(pages::tasks::detail::show))
        .route("/tasks/{id}/change", post(pages::tasks::change::one))
        .route("/jobs/{number}", get(pages::tasks::change::job))
        .route("/modules", get(pages::modules::list))
        .route("/modules/{name}", get(pages::modules::show))
        .route("/modules/{name}/restart", post(pages::modules::restart))
        .route("/modules/{name}/log", get(pages::modules::follow))
        .route("/schedule", get(pages::schedule::show))
        .route("/schedule/change", post(pages::schedule::change))
        .route("/statistics", get(pages::statistics::show))
        .route("/settings", get(pages::settings::show))
        .route("/sessions", get(pages::sessions::show).post(pages::sessions::end))
        .route("/metrics", get(metrics::show))
        .route("/livez", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/login", get(login::page).post(login::enter))
        .route("/logout", post(login::leave))
        .route("/style.css", get(async || asset(STYLE, "text/css; charset=utf-8")))
        .route("/app.js", get(async || asset(SCRIPT, "text/javascript; charset=utf-8")))
        .route("/icon.svg", get(async || asset(ICON, "image/svg+xml")))
        .merge(api::routes().0)
        .fallback(async || Problem::not_found("there is no such page"))
        .method_not_allowed_fallback(async || {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this path has no such method")
        })
        .layer(middleware::from_fn(in_time))
        .layer(middleware::from_fn_with_state(Arc::clone(&console), auth_middleware::guard))
        .layer(middleware::from_fn(problem::tell))
        .with_state(console)
}

/// A body that arrives slowly holds a connection, but not for long.
async fn in_time(request: Request, next: Next) -> Response {
    tokio::time::timeout(WITHIN, next.run(request)).await.unwrap_or_else(|_| {
        Problem::new(StatusCode::REQUEST_TIMEOUT, "the request took longer than 30 s")
            .into_response()
    })
}

/// Assets change only with the program, whose version is in their URL.
fn asset(text: &'static str, kind: &'static str) -> (HeaderMap, &'static str) {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, max-age=86400"));
    (headers, text)
}
