//! The metrics of the cron tasks' scheduled times in the last day: their results, and the delay of the decisions.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use task_store::{CronTally, LAG_BUCKETS};

use super::scrape::{Histogram, Scrape, Value};
use crate::{
    clock,
    config::cron_tasks::{self, CronTask, TYPE},
    web::Console,
};

const DAY: SignedDuration = SignedDuration::from_hours(24);

const LONGEST_REASON: usize = 100;

/// One row of the family of scheduled times: task, status, reason.
type Key = (String, &'static str, String);

pub(super) async fn add(scrape: &mut Scrape, console: &Console) {
    let Ok(store) = console.store() else { return };
    let now = clock::now_utc();
    let tasks = cron_tasks::read(console.context.settings()).tasks;
    let names: Vec<String> = tasks.iter().map(|task| task.name.clone()).collect();
    // During an outage of the database, these metrics are left out.
    let Ok(tallies) = store.cron_tally(TYPE, &names, now - DAY).await else { return };
    let (instants, lags) = counted(&names, &tallies);
    let due =
        |task: &CronTask| Some((task.name.clone(), task.schedule.next(now, &task.zone)?.instant));
    let next: Vec<_> = tasks.iter().filter_map(due).collect();
    show(scrape, &instants, &lags, &next);
}

fn counted(
    names: &[String],
    tallies: &[CronTally],
) -> (BTreeMap<Key, u64>, BTreeMap<String, Histogram>) {
    let mut instants = BTreeMap::new();
    let mut lags: BTreeMap<String, Histogram> =
        names.iter().map(|name| (name.clone(), empty())).collect();
    for it in tallies {
        *instants.entry((it.name.clone(), it.status.as_str(), kind(&it.reason))).or_insert(0) +=
            it.instants;
        if let (Some(bucket), Some(lag)) = (it.bucket, lags.get_mut(&it.name)) {
            lag.buckets[bucket.min(LAG_BUCKETS.len())].1 += it.instants;
            lag.sum += it.lag as f64 / 1e6;
        }
    }
    (instants, lags)
}

/// The reason without names of users and long texts, which must not become time series.
fn kind(reason: &str) -> String {
    reason.split(" by ").next().unwrap_or_default().chars().take(LONGEST_REASON).collect()
}

/// In seconds; the last bound is infinite.
fn empty() -> Histogram {
    let bounds = LAG_BUCKETS.iter().map(|bound| *bound as f64 / 1000.0).chain([f64::INFINITY]);
    Histogram { buckets: bounds.map(|bound| (bound, 0)).collect(), sum: 0.0 }
}

fn show(
    scrape: &mut Scrape,
    instants: &BTreeMap<Key, u64>,
    lags: &BTreeMap<String, Histogram>,
    next: &[(String, Timestamp)],
) {
    let labels: Vec<([(&str, &str); 3], f64)> = instants
        .iter()
        .map(|((name, status, reason), count)| {
            (
                [("name", name.as_str()), ("fate", *status), ("reason", reason.as_str())],
                *count as f64,
            )
        })
        .collect();
    scrape.add(
        Value::Gauge,
        "otrsd_cron_instants_last_day",
        "Due instants of the last 24 hours by what became of them, and why they were left out",
        labels.iter().map(|(labels, count)| (&labels[..], *count)),
    );
    let labels: Vec<([(&str, &str); 1], &Histogram)> =
        lags.iter().map(|(name, lag)| ([("name", name.as_str())], lag)).collect();
    scrape.add(
        Value::Histogram,
        "otrsd_cron_fire_lag_last_day_seconds",
        "From the due instants of the last 24 hours until their tasks were added",
        labels.iter().map(|(labels, lag)| (&labels[..], (*lag).clone())),
    );
    let labels: Vec<([(&str, &str); 1], f64)> = next
        .iter()
        .map(|(name, due)| ([("name", name.as_str())], due.as_second() as f64))
        .collect();
    scrape.add(
        Value::Gauge,
        "otrsd_cron_next_due_timestamp_seconds",
        "When the cron task is due next",
        labels.iter().map(|(labels, due)| (&labels[..], *due)),
    );
}

#[cfg(test)]
mod tests {
    use task_store::RunStatus;

    use super::*;

    #[test]
    fn instants_of_a_fate_are_one_sample_whatever_their_lag() {
        let tally = |status, reason: &str, bucket, instants, lag| CronTally {
            name: "Backup".to_owned(),
            status,
            reason: reason.to_owned(),
            bucket,
            instants,
            lag,
        };
        let tallies = [
            tally(RunStatus::Ran, "", Some(0), 3, 9_000),
            tally(RunStatus::Ran, "", Some(LAG_BUCKETS.len()), 1, 400_000_000),
            tally(RunStatus::Skipped, "paused by root", None, 4, 0),
            tally(RunStatus::Skipped, "paused by admin", None, 3, 0),
        ];
        let names = ["Backup".to_owned(), "Never".to_owned()];
        let (instants, lags) = counted(&names, &tallies);
        let key = |status, reason: &str| ("Backup".to_owned(), status, reason.to_owned());
        assert_eq!(instants, [(key("ran", ""), 4), (key("skipped", "paused"), 7)].into());
        let lag = &lags["Backup"];
        assert_eq!((lag.buckets[0].1, lag.buckets[LAG_BUCKETS.len()].1), (3, 1));
        assert!((lag.sum - 400.009).abs() < 1e-9);
        assert_eq!(lags["Never"], empty());
    }
}
