//! Event streams for open pages.

use std::{convert::Infallible, future::ready, sync::Arc};

use axum::{
    body::{Body, Bytes},
    http::header::CONTENT_TYPE,
    response::{IntoResponse as _, Response},
};
use futures_util::{Stream, StreamExt as _};

use super::{Console, auth::Caller};
use crate::clock;

/// Sends events until the caller's session or this console process ends; each event is sent only while the session is
/// valid.
pub(super) fn events(
    console: Arc<Console>,
    caller: Caller,
    events: impl Stream<Item = Bytes> + Send + 'static,
) -> Response {
    let stopped = Arc::clone(&console);
    let events = events
        .take_until(async move { stopped.context.stopped().await })
        .take_while(move |_| ready(console.is_in(&caller)))
        .map(Ok::<_, Infallible>);
    ([(CONTENT_TYPE, "text/event-stream")], Body::from_stream(events)).into_response()
}

impl Console {
    /// Whether the caller's session is still valid. A token is valid as long as this process, which a change of
    /// settings restarts.
    fn is_in(&self, caller: &Caller) -> bool {
        let lasts =
            |id: &str| self.auth().sessions.living(clock::now_utc()).any(|it| it.id() == id);
        caller.session.as_ref().is_none_or(|it| lasts(&it.id))
    }
}
