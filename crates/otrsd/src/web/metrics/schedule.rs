//! What became of the cron tasks' due instants in the last day, and how late they were decided about.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use task_store::{Fate, Occurrence};

use super::scrape::{Histogram, Scrape};
use crate::{
    clock,
    config::cron_tasks::{self, TYPE},
    web::Console,
};

const DAY: SignedDuration = SignedDuration::from_hours(24);
const MOST: u32 = 10_000;
/// In seconds; the last one is infinite.
const BOUNDS: [f64; 11] =
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 300.0, f64::INFINITY];

/// One row of the family of instants: task, fate, reason.
type Key = (String, &'static str, String);

pub(super) async fn add(scrape: &mut Scrape, console: &Console) {
    let Ok(store) = console.store() else { return };
    let now = clock::wall();
    let (mut instants, mut lags, mut next) = (BTreeMap::new(), Vec::new(), Vec::new());
    for task in cron_tasks::read(console.context.settings()).tasks {
        // Where the database is away, what it would say is left out.
        let Ok(occurrences) = store.occurrences(TYPE, &task.name, now - DAY, MOST).await else {
            return;
        };
        let mut lag = empty();
        for it in &occurrences {
            *instants.entry(key(it)).or_insert(0) += it.instants;
            count_lag(&mut lag, it);
        }
        if let Some(due) = task.schedule.next(now, &task.zone) {
            next.push((task.name.clone(), due.instant));
        }
        lags.push((task.name, lag));
    }
    show(scrape, &instants, &lags, &next);
}

fn key(it: &Occurrence) -> Key {
    (it.name.clone(), it.fate.word(), it.reason.clone())
}

fn count_lag(lag: &mut Histogram, it: &Occurrence) {
    let (Fate::Ran, Some(decided)) = (it.fate, it.decided) else { return };
    let seconds = decided.duration_since(it.last_due).as_secs_f64().max(0.0);
    let place = BOUNDS.iter().position(|bound| seconds <= *bound).unwrap_or(BOUNDS.len() - 1);
    lag.buckets[place].1 += 1;
    lag.sum += seconds;
}

fn empty() -> Histogram {
    Histogram { buckets: BOUNDS.map(|bound| (bound, 0)).to_vec(), sum: 0.0 }
}

fn show(
    scrape: &mut Scrape,
    instants: &BTreeMap<Key, u64>,
    lags: &[(String, Histogram)],
    next: &[(String, Timestamp)],
) {
    let labels: Vec<([(&str, &str); 3], f64)> = instants
        .iter()
        .map(|((name, fate, reason), count)| {
            ([("name", name.as_str()), ("fate", *fate), ("reason", reason.as_str())], *count as f64)
        })
        .collect();
    scrape.gauge(
        "otrsd_cron_instants_last_day",
        "Due instants of the last 24 hours by what became of them, and why they were left out",
        labels.iter().map(|(labels, count)| (&labels[..], *count)),
    );
    let labels: Vec<([(&str, &str); 1], &Histogram)> =
        lags.iter().map(|(name, lag)| ([("name", name.as_str())], lag)).collect();
    scrape.histogram(
        "otrsd_cron_fire_lag_last_day_seconds",
        "From the due instants of the last 24 hours until their tasks were added",
        labels.iter().map(|(labels, lag)| (&labels[..], (*lag).clone())),
    );
    let labels: Vec<([(&str, &str); 1], f64)> = next
        .iter()
        .map(|(name, due)| ([("name", name.as_str())], due.as_second() as f64))
        .collect();
    scrape.gauge(
        "otrsd_cron_next_due_timestamp_seconds",
        "When the cron task is due next",
        labels.iter().map(|(labels, due)| (&labels[..], *due)),
    );
}
