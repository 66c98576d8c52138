//! Forms of the console's pages: each contains the key of its session.

use axum::{
    RequestExt as _,
    body::Bytes,
    extract::{FromRequest, Request},
    response::{IntoResponse as _, Response},
};
use serde::{Deserialize, de::DeserializeOwned};
use subtle::ConstantTimeEq as _;

use super::{auth::Caller, auth_middleware::Operator, problem::Problem};

/// The name of the hidden field.
pub(super) const KEY: &str = "form_key";

/// The fields of a form with only a button.
#[derive(Deserialize)]
pub(super) struct Nothing {}

/// A form that an operator sent from a page of the console.
pub(super) struct Form<T> {
    pub(super) caller: Caller,
    pub(super) fields: T,
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Form<T> {
    type Rejection = Response;

    async fn from_request(mut request: Request, _: &S) -> Result<Self, Response> {
        let Operator(caller) = request.extract_parts().await?;
        let body: Bytes = request.extract().await.map_err(|rejection| {
            let rejection: axum::extract::rejection::BytesRejection = rejection;
            rejection.into_response()
        })?;
        let fields = read(&caller, &body).map_err(Problem::into_response)?;
        Ok(Self { caller, fields })
    }
}

/// The fields of a form of a console page, whatever the caller's role.
pub(super) fn read<T: DeserializeOwned>(caller: &Caller, body: &[u8]) -> Result<T, Problem> {
    let pairs: Vec<(String, String)> = serde_urlencoded::from_bytes(body)
        .map_err(|error| Problem::bad(format!("no form: {error}")))?;
    let key = caller.session.as_ref().map(|it| it.form_key.as_str());
    let given = pairs.iter().find(|(name, _)| name == KEY).map(|(_, value)| value.as_str());
    let is_ours =
        |key: &str| bool::from(key.as_bytes().ct_eq(given.unwrap_or_default().as_bytes()));
    if !key.is_some_and(is_ours) {
        return Err(Problem::forbidden("this form is of another session: load its page again"));
    }
    serde_urlencoded::from_bytes(body)
        .map_err(|error| Problem::bad(format!("the form is not whole: {error}")))
}
