//! The execution counters since the start of this console process: counted from the ledger, each execution once.

use std::{collections::BTreeMap, time::Duration};

use task_store::{BUCKETS, MAX_TYPES, OTHER_TYPES, Result, Store};

use super::scrape::{Histogram, Scrape, Value};
use crate::{
    clock::{self, MonotonicTime},
    web::Console,
};

/// Transactions that commit at the same time become visible in any order; none takes longer than the statement timeout.
const SETTLED: Duration = Duration::from_secs(10);
/// More at a time would delay a scrape.
const MOST_ROWS: i64 = 500_000;

/// The counters so far.
#[derive(Default)]
pub(in crate::web) struct Totals {
    /// The last counted row; `None` before the first scrape.
    counted: Option<i64>,
    /// The newest row at some points in time, oldest first: rows up to a settled one are counted.
    marks: Vec<(MonotonicTime, i64)>,
    executions: BTreeMap<[String; 2], u64>,
    durations: BTreeMap<String, Histogram>,
    reclaimed: u64,
}

impl Totals {
    /// Counts what is new and settled. During an outage of the database, the counters keep their values.
    pub(super) async fn add(&mut self, scrape: &mut Scrape, console: &Console) {
        if let Ok(store) = console.store() {
            let _ = self.count(store, console.place.node_id, clock::now()).await;
        }
        self.show(scrape);
    }

    async fn count(&mut self, store: &Store, node: u16, now: MonotonicTime) -> Result<()> {
        let newest = store.ledger_rows().await?.map_or(0, |(_, newest)| newest);
        let counted = *self.counted.get_or_insert(newest);
        self.marks.push((now, newest));
        let settled = self.marks.iter().rposition(|(at, _)| now.since(*at) >= SETTLED);
        let Some(settled) = settled
            .map(|place| self.marks.drain(..=place).next_back().map_or(counted, |(_, row)| row))
        else {
            return Ok(());
        };
        // The next scrape counts what this one cannot.
        let up_to = settled.min(counted.saturating_add(MOST_ROWS));
        if up_to < settled {
            self.marks.insert(0, (now, settled));
        }
        // Both queries first: after an error nothing is counted, and the next scrape repeats them.
        let tallies = store.tally(counted, up_to).await?;
        let reclaimed = store.reclaimed(counted, up_to, node).await?;
        for it in tallies.iter().filter(|it| it.node == node) {
            let is_told_apart =
                self.durations.len() < MAX_TYPES || self.durations.contains_key(&it.task_type);
            let task_type = if is_told_apart { &it.task_type } else { OTHER_TYPES };
            let key = [task_type.to_owned(), it.outcome.as_str().to_owned()];
            *self.executions.entry(key).or_default() += it.count;
            let durations = self.durations.entry(task_type.to_owned()).or_insert_with(empty);
            durations.buckets[it.bucket.min(BUCKETS.len())].1 += it.count;
            durations.sum += it.micros as f64 / 1e6;
        }
        self.reclaimed += reclaimed;
        self.counted = Some(up_to);
        Ok(())
    }

    fn show(&self, scrape: &mut Scrape) {
        let labels: Vec<([(&str, &str); 2], f64)> = self
            .executions
            .iter()
            .map(|([task_type, outcome], count)| {
                ([("type", task_type.as_str()), ("outcome", outcome.as_str())], *count as f64)
            })
            .collect();
        scrape.add(
            Value::Counter,
            "otrsd_executions",
            "Ended executions of this node's tasks, since this life of the console began",
            labels.iter().map(|(labels, count)| (&labels[..], *count)),
        );
        let labels: Vec<([(&str, &str); 1], Histogram)> = self
            .durations
            .iter()
            .map(|(it, durations)| ([("type", it.as_str())], durations.clone()))
            .collect();
        scrape.add(
            Value::Histogram,
            "otrsd_execution_duration_seconds",
            "From start to end of this node's executions",
            labels.iter().map(|(labels, durations)| (&labels[..], durations.clone())),
        );
        scrape.add(
            Value::Counter,
            "otrsd_reclaimed",
            "Tasks of this node's workers that were taken back after the worker's death",
            [(&[][..], self.reclaimed as f64)],
        );
    }
}

/// A histogram without executions.
fn empty() -> Histogram {
    let bounds = BUCKETS.iter().map(|bound| *bound as f64 / 1000.0).chain([f64::INFINITY]);
    Histogram { buckets: bounds.map(|bound| (bound, 0)).collect(), sum: 0.0 }
}
