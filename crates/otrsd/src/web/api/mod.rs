//! The JSON API: programs see and change what the pages show and change. Routes and their description are one table.

#![expect(unused_qualifications, reason = "the macro that describes a route writes them")]

mod cron;
mod daemon;
mod events;
pub(super) mod model;
mod new_tasks;
mod pauses;
mod problems;
mod statistics;
mod tasks;

use std::sync::Arc;

use axum::{
    Json, RequestPartsExt as _,
    extract::FromRequestParts,
    http::{header::CONTENT_TYPE, request::Parts},
    response::{IntoResponse, Response},
};
use utoipa::{
    Modify, OpenApi as _,
    openapi::{
        OpenApi,
        security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme},
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Console, auth::Caller, auth_middleware::Operator, problem::Problem};

#[derive(utoipa::OpenApi)]
#[openapi(info(
    title = "otrsd",
    description = "Tasks, schedules and modules of an otrsd daemon. Each request carries `Authorization: Bearer TOKEN`; \
                   `otrsd console-token` makes tokens. What goes wrong is told as RFC 9457 problem details."
), modifiers(&Tokens), components(schemas(problems::ProblemDetails)))]
struct Description;

struct Tokens;

impl Modify for Tokens {
    fn modify(&self, api: &mut OpenApi) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        api.components.get_or_insert_default().add_security_scheme("token", scheme);
        api.security = Some(vec![SecurityRequirement::new("token", Vec::<String>::new())]);
    }
}

/// All routes, below `/api/v1`.
pub(super) fn routes() -> (axum::Router<Arc<Console>>, OpenApi) {
    let table = OpenApiRouter::new()
        .routes(routes!(daemon::overview))
        .routes(routes!(tasks::list, new_tasks::add))
        .routes(routes!(tasks::show, tasks::delete))
        .routes(routes!(tasks::explain))
        .routes(routes!(tasks::retry))
        .routes(routes!(tasks::cancel))
        .routes(routes!(cron::list))
        .routes(routes!(cron::occurrences))
        .routes(routes!(cron::run))
        .routes(routes!(cron::pause))
        .routes(routes!(cron::resume))
        .routes(routes!(daemon::modules))
        .routes(routes!(daemon::module))
        .routes(routes!(daemon::restart))
        .routes(routes!(daemon::log))
        .routes(routes!(daemon::settings))
        .routes(routes!(events::fire))
        .routes(routes!(pauses::list, pauses::pause, pauses::resume))
        .routes(routes!(statistics::show));
    let (served, api) = OpenApiRouter::with_openapi(Description::openapi())
        .nest("/api/v1", table)
        .split_for_parts();
    let text: Arc<str> = api.to_json().unwrap_or_default().into();
    let described = async move |_: Caller| ([(CONTENT_TYPE, "application/json")], text.to_string());
    (served.route("/api/v1/openapi.json", axum::routing::get(described)), api)
}

/// The description for people and for generators of clients.
///
/// # Errors
///
/// None that is known.
pub(crate) fn description() -> Result<String, serde_json::Error> {
    routes().1.to_pretty_json()
}

/// A caller that may change data through the API: a program with a token. A browser's session may not, since browsers
/// send its cookie with any request.
pub(super) struct Machine(pub(super) Caller);

impl<S: Send + Sync> FromRequestParts<S> for Machine {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        let Operator(caller) = parts.extract().await?;
        if caller.session.is_some() {
            let text = "changes by the API need a token: otrsd console-token --role operate NAME";
            return Err(Problem::forbidden(text).into_response());
        }
        Ok(Self(caller))
    }
}

type Answer<T> = Result<Json<T>, Problem>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_is_whole() {
        let (_, api) = routes();
        let api: serde_json::Value = serde_json::from_str(&api.to_json().unwrap()).unwrap();
        assert_eq!(api["openapi"], "3.1.0");
        let paths = api["paths"].as_object().unwrap();
        assert!(paths.len() >= 17, "{}", paths.len());
        for (path, methods) in paths {
            for (method, operation) in methods.as_object().unwrap() {
                let place = format!("{method} {path}: {operation}");
                assert!(path.starts_with("/api/v1/"), "{place}");
                assert!(operation["summary"].is_string(), "{place}");
                assert!(operation["responses"].as_object().unwrap().contains_key("401"), "{place}");
            }
        }
    }
}
