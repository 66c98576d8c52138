//! The statistics page: executions, durations and failures from the ledger, by type or by name of a type.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use axum::extract::{Query, State};
use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};
use serde::Deserialize;
use task_store::Tally;
use tokio::sync::Mutex;

use super::{
    layout::page,
    parts::{milliseconds, number},
};
use crate::{
    clock::{self, MonotonicTime},
    web::{
        Console,
        auth::Caller,
        live::quantile,
        problem::Problem,
        search::{self, MOST_COUNTED},
    },
};

const PERIODS: [(&str, &str, SignedDuration); 4] = [
    ("1h", "Hour", SignedDuration::from_hours(1)),
    ("24h", "Day", SignedDuration::from_hours(24)),
    ("7d", "Week", SignedDuration::from_hours(168)),
    ("all", "All", SignedDuration::from_hours(24 * 36_500)),
];
/// Requests within this time get the cached result.
const KEPT: Duration = Duration::from_secs(10);

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::web) struct Wanted {
    period: String,
    #[serde(rename = "type")]
    task_type: String,
}

pub(in crate::web) async fn show(
    State(console): State<Arc<Console>>,
    caller: Caller,
    Query(wanted): Query<Wanted>,
) -> Result<Markup, Problem> {
    let word = if wanted.period.is_empty() { "24h" } else { &wanted.period };
    let period = PERIODS.iter().find(|(known, ..)| *known == word);
    let (_, _, length) =
        period.ok_or_else(|| Problem::bad(format!("there is no period '{word}'")))?;
    let task_type = wanted.task_type.as_str();
    let counted = counted(&console, word, *length, task_type).await?;
    let Counted { tallies, is_cut, .. } = &*counted;
    Ok(page(
        &console,
        &caller,
        "/statistics",
        "Statistics",
        &html! {
            @if !task_type.is_empty() { p { a href=(format!("/statistics?period={word}")) { "All types" } " / " (task_type) } }
            h1 { "Statistics" @if !task_type.is_empty() { " " span.faint { (task_type) } } }
            nav aria-label="Period" { ul.tabs {
                @for (it, name, _) in PERIODS {
                    li { a href=(address(it, task_type)) aria-current=[(it == word).then_some("page")] { (name) } }
                }
            } }
            @if tallies.is_empty() { p.calm { "Nothing ended in this time." } }
            @else { (table(&rows(tallies), word, task_type.is_empty())) }
            @if *is_cut { p.faint { "Of the newest " (number(MOST_COUNTED.unsigned_abs())) " executions of this time." } }
            @if !task_type.is_empty() { p.faint { "The most frequent names." } }
            p.faint { "Shares of durations are read from their distribution, and exact to its steps." }
        },
    ))
}

/// The counts of a period, and the time of counting.
pub(in crate::web) struct Counted {
    at: MonotonicTime,
    tallies: Vec<Tally>,
    /// Whether there were more executions than are counted.
    is_cut: bool,
}

/// By period and type.
pub(in crate::web) type Statistics = Mutex<HashMap<[String; 2], Arc<Counted>>>;

async fn counted(
    console: &Console,
    period: &str,
    length: SignedDuration,
    task_type: &str,
) -> Result<Arc<Counted>, Problem> {
    let store = console.store()?;
    // A second request waits for the result of the first.
    let mut kept = console.statistics.lock().await;
    let now = clock::now();
    kept.retain(|_, it| now.since(it.at) < KEPT);
    let key = [period.to_owned(), task_type.to_owned()];
    if let Some(counted) = kept.get(&key) {
        return Ok(Arc::clone(counted));
    }
    let begin = clock::now_utc().checked_sub(length).unwrap_or(Timestamp::UNIX_EPOCH);
    let (tallies, is_cut) = search::counted(store, begin, task_type).await?;
    let counted = Arc::new(Counted { at: now, tallies, is_cut });
    kept.insert(key, Arc::clone(&counted));
    Ok(counted)
}

fn address(period: &str, task_type: &str) -> String {
    let mut query = vec![("period", period)];
    if !task_type.is_empty() {
        query.push(("type", task_type));
    }
    format!("/statistics?{}", serde_urlencoded::to_string(query).unwrap_or_default())
}

/// The tallies of each type or name, the most frequent first.
fn rows(tallies: &[Tally]) -> Vec<(String, Vec<&Tally>)> {
    let mut rows: BTreeMap<&str, Vec<&Tally>> = BTreeMap::new();
    for it in tallies {
        let key = if it.name.is_empty() { &it.task_type } else { &it.name };
        rows.entry(key).or_default().push(it);
    }
    let mut rows: Vec<_> = rows.into_iter().map(|(key, all)| (key.to_owned(), all)).collect();
    rows.sort_by_key(|(_, all)| Reverse(count(all)));
    rows
}

fn count(all: &[&Tally]) -> u64 {
    all.iter().map(|it| it.count).sum()
}

fn table(rows: &[(String, Vec<&Tally>)], period: &str, of_types: bool) -> Markup {
    html! {
        div.card.scroll tabindex="0" role="group" aria-label="Statistics" {
            table {
                thead { tr {
                    th { @if of_types { "Type" } @else { "Name" } }
                    th.num { "Ended" } th.num { "Unsuccessful" } th.num { "Half within" } th.num { "95 % within" }
                    th.num { "99 % within" } th.num { "Longest" } th.num { "CPU each" }
                } }
                tbody { @for (name, all) in rows { tr {
                    th.wide scope="row" { @if of_types { a href=(address(period, name)) { (name) } } @else { (name) } }
                    td.num { (number(count(all))) }
                    td.num { (share(all)) }
                    @for part in [0.5, 0.95, 0.99] { td.num { (milliseconds(quantile(all.iter().copied(), part))) } }
                    td.num { (milliseconds(all.iter().map(|it| it.longest as f64 / 1000.0).reduce(f64::max))) }
                    td.num { (milliseconds(Some(all.iter().map(|it| it.cpu).sum::<u64>() as f64 / 1000.0 / count(all) as f64))) }
                } } }
            }
        }
    }
}

/// The percentage of unsuccessful executions.
fn share(all: &[&Tally]) -> Markup {
    let bad: u64 = all.iter().filter(|it| it.outcome.is_unsuccessful()).map(|it| it.count).sum();
    let percent = bad as f64 * 100.0 / count(all) as f64;
    html! {
        @if bad == 0 { span.none { "0 %" } }
        @else { span.badge.bad { (format!("{percent:.1} %")) } }
    }
}
