//! Problems: reported to a person as a page and to a program as JSON (RFC 9457).

use axum::{
    extract::Request,
    http::{HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::pages;
use crate::ops::Error;

/// Why a request failed.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    pub(super) status: StatusCode,
    /// What happened, where, and what to do.
    pub(super) detail: String,
}

impl Problem {
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into() }
    }

    pub(super) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    pub(super) fn bad(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    pub(super) fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, detail)
    }

    pub(super) fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, detail)
    }

    pub(super) fn title(&self) -> &'static str {
        self.status.canonical_reason().unwrap_or("Error")
    }

    fn json(&self) -> Response {
        let body =
            json!({ "title": self.title(), "status": self.status.as_u16(), "detail": self.detail });
        (self.status, [(header::CONTENT_TYPE, "application/problem+json")], body.to_string())
            .into_response()
    }
}

impl From<task_store::Error> for Problem {
    fn from(error: task_store::Error) -> Self {
        use task_store::Error::{Invalid, UnknownOutcome};
        match error {
            Invalid(what) => Self::bad(what),
            error @ UnknownOutcome(_) => {
                Self::new(StatusCode::GATEWAY_TIMEOUT, format!("database: {error}"))
            }
            error => Self::new(StatusCode::SERVICE_UNAVAILABLE, format!("database: {error}")),
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let status = match error {
            Error::Store(error) => return error.into(),
            Error::Invalid(_) => StatusCode::BAD_REQUEST,
            Error::NotFound(_) => StatusCode::NOT_FOUND,
            Error::Conflict(_) => StatusCode::CONFLICT,
            Error::Data(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Error::Configuration(_) | Error::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(status, error.to_string())
    }
}

impl From<anyhow::Error> for Problem {
    fn from(error: anyhow::Error) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}"))
    }
}

impl IntoResponse for Problem {
    /// [`tell`], which knows the request, renders it.
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Renders each problem in the form that suits the path, and adds a text to those of the framework.
pub(super) async fn tell(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let for_programs = path.starts_with("/api/") || path == "/metrics";
    let response = next.run(request).await;
    let status = response.status();
    let is_text = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_none_or(|it| it.as_bytes().starts_with(b"text/plain"));
    // Some error statuses are complete responses, such as those of health checks.
    if !status.is_client_error() && !status.is_server_error() || !is_text {
        return response;
    }
    let (parts, body) = response.into_parts();
    let problem = match parts.extensions.get::<Problem>() {
        Some(problem) => problem.clone(),
        // Texts of the framework's extractors, which point at the location.
        None => Problem::new(status, text_of(body).await),
    };
    let mut told = if for_programs {
        problem.json()
    } else {
        (status, pages::problem(&problem)).into_response()
    };
    let headers = parts.headers.into_iter().filter(|(name, _)| {
        name.as_ref()
            .is_some_and(|name| ![header::CONTENT_TYPE, header::CONTENT_LENGTH].contains(name))
    });
    told.headers_mut().extend(headers);
    if status == StatusCode::UNAUTHORIZED {
        told.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    told
}

async fn text_of(body: axum::body::Body) -> String {
    const LONGEST: usize = 8 << 10;
    let bytes = axum::body::to_bytes(body, LONGEST).await.unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}
