//! The API of statistics: what the ledger holds about the types of tasks.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    extract::{Query, State as App},
};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use task_store::Tally;
use utoipa::{IntoParams, ToSchema};

use super::{Answer, problems::Problems};
use crate::{
    clock,
    web::{Console, auth::Caller, live::quantile, search},
};

/// The executions of a type.
#[derive(Serialize, ToSchema)]
pub(super) struct TypeStatistics {
    #[serde(rename = "type")]
    task_type: String,
    ended: u64,
    unsuccessful: u64,
    /// Estimated from the buckets of the durations' histogram.
    p50_ms: Option<f64>,
    p95_ms: Option<f64>,
    p99_ms: Option<f64>,
    longest_ms: f64,
    cpu_seconds: f64,
}

/// The start of the period.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Since {
    /// A day ago, if absent.
    from: Option<Timestamp>,
}

/// Number of executions, durations and failures, by type; of the newest 100,000 executions at most
#[utoipa::path(get, path = "/statistics", tag = "tasks", params(Since), responses((status = 200, body = Vec<TypeStatistics>), Problems))]
pub(super) async fn show(
    App(console): App<Arc<Console>>,
    _: Caller,
    Query(since): Query<Since>,
) -> Answer<Vec<TypeStatistics>> {
    let store = console.store()?;
    let from = since.from.unwrap_or_else(|| clock::now_utc() - SignedDuration::from_hours(24));
    let (tallies, _) = search::counted(store, from, "").await?;
    let mut types: BTreeMap<&str, Vec<&Tally>> = BTreeMap::new();
    for it in &tallies {
        types.entry(&it.task_type).or_default().push(it);
    }
    Ok(Json(types.into_iter().map(|(name, all)| of_type(name, &all)).collect()))
}

fn of_type(name: &str, all: &[&Tally]) -> TypeStatistics {
    let count = |wanted: &dyn Fn(&Tally) -> bool| {
        all.iter().filter(|it| wanted(it)).map(|it| it.count).sum()
    };
    let part = |share| quantile(all.iter().copied(), share);
    TypeStatistics {
        task_type: name.to_owned(),
        ended: count(&|_| true),
        unsuccessful: count(&|it| it.outcome.is_unsuccessful()),
        p50_ms: part(0.5),
        p95_ms: part(0.95),
        p99_ms: part(0.99),
        longest_ms: all.iter().map(|it| it.longest).max().unwrap_or(0) as f64 / 1000.0,
        cpu_seconds: all.iter().map(|it| it.cpu).sum::<u64>() as f64 / 1e6,
    }
}
