//! The problems that any request may return, described once.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::{
    IntoResponses, ToSchema,
    openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder},
};

/// A problem as defined by RFC 9457.
#[derive(Serialize, ToSchema)]
pub(in crate::web) struct ProblemDetails {
    title: String,
    status: u16,
    /// What happened, where, and what to do.
    detail: String,
}

const KINDS: [(u16, &str); 10] = [
    (400, "The request cannot be understood."),
    (401, "No token, or an unknown one."),
    (403, "The token's role, or a setting, does not allow it."),
    (404, "There is no such thing."),
    (409, "Its state does not allow it."),
    (413, "The body has more than 4 MB."),
    (415, "The body is no JSON."),
    (422, "The body says what cannot be; the detail points at the place."),
    (503, "The database or the supervisor does not answer. Nothing was changed."),
    (
        504,
        "The database did not answer to a change. It may have happened: ask before you send it again.",
    ),
];

/// All of them.
pub(super) struct Problems;

impl IntoResponses for Problems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let response = |text: &str| {
            let content =
                ContentBuilder::new().schema(Some(Ref::from_schema_name("ProblemDetails"))).build();
            ResponseBuilder::new()
                .description(text)
                .content("application/problem+json", content)
                .build()
        };
        KINDS.iter().map(|(status, text)| (status.to_string(), RefOr::T(response(text)))).collect()
    }
}
