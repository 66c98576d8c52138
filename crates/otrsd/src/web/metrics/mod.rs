//! `/metrics` in the format of Prometheus.

mod families;
mod ledger;
mod schedule;
mod scrape;

use std::sync::Arc;

use axum::{
    extract::State,
    http::{
        HeaderMap, StatusCode,
        header::{ACCEPT, CONTENT_TYPE},
    },
    response::{IntoResponse as _, Response},
};
use prometheus_client::{encoding, registry::Registry};

pub(super) use self::ledger::Totals;
use self::scrape::{Scrape, Value};
use super::{Console, auth::Caller, problem::Problem};

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PLAIN: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Accessible with a login, or publicly if the settings say so.
pub(super) async fn show(
    State(console): State<Arc<Console>>,
    caller: Option<axum::Extension<Caller>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if caller.is_none() && !console.web.open_metrics {
        return Err(Problem::new(
            StatusCode::UNAUTHORIZED,
            "a token is needed (otrsd console-token), or the setting WebConsole::OpenMetrics",
        ));
    }
    let mut scrape = Scrape::default();
    let snapshot = console.snapshot().await;
    families::of_snapshot(&mut scrape, &snapshot);
    schedule::add(&mut scrape, &console).await;
    console.totals.lock().await.add(&mut scrape, &console).await;
    scrape.add(
        Value::Gauge,
        "otrsd_console_streams",
        "Browsers that watch this console",
        [(&[][..], console.live.watchers() as f64)],
    );
    let mut registry = Registry::default();
    registry.register_collector(Box::new(scrape));
    let accepts = headers.get(ACCEPT).and_then(|it| it.to_str().ok()).unwrap_or_default();
    let mut text = String::new();
    let kind = if accepts.contains("application/openmetrics-text") {
        encoding::text::encode(&mut text, &registry).map(|()| OPEN_METRICS)
    } else {
        encoding::prometheus_text::encode(&mut text, &registry).map(|()| PLAIN)
    };
    let kind = kind.map_err(|error| {
        Problem::from(anyhow::anyhow!("the metrics cannot be written: {error}"))
    })?;
    Ok(([(CONTENT_TYPE, kind)], text).into_response())
}
