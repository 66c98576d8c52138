//! One point of the charts: what is queued now, and what ended since the previous point.

use jiff::Timestamp;
use task_store::{BUCKETS, Count, Result, Store, Tally};

use super::Snapshot;

/// The values of one point in time.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::web) struct Sample {
    pub(in crate::web) at: Timestamp,
    pub(in crate::web) waiting: u64,
    pub(in crate::web) running: u64,
    /// Executions that ended per second since the previous sample.
    pub(in crate::web) ended: f64,
    /// Unsuccessful executions per second.
    pub(in crate::web) unsuccessful: f64,
    /// Duration in milliseconds of those that ended.
    pub(in crate::web) p50: Option<f64>,
    pub(in crate::web) p95: Option<f64>,
    /// The newest row of the ledger.
    row: i64,
}

/// Older rows would not describe the present.
const MOST_ROWS: i64 = 200_000;

pub(super) async fn of(
    store: &Store,
    snapshot: &Snapshot,
    before: Option<&Sample>,
) -> Result<Sample> {
    let newest = store.ledger_rows().await?.map_or(0, |(_, newest)| newest);
    let since = before.map_or(newest, |it| it.row).max(newest.saturating_sub(MOST_ROWS));
    let ended = if newest > since { store.tally(since, newest).await? } else { Vec::new() };
    let seconds = before.map_or(1.0, |it| snapshot.at.duration_since(it.at).as_secs_f64().max(0.1));
    Ok(Sample { at: snapshot.at, row: newest, ..summed(&snapshot.counts, &ended, seconds) })
}

fn summed(counts: &[Count], ended: &[Tally], seconds: f64) -> Sample {
    let all: u64 = ended.iter().map(|it| it.count).sum();
    let bad = ended.iter().filter(|it| it.outcome.is_unsuccessful()).map(|it| it.count);
    Sample {
        waiting: counts.iter().map(|it| it.waiting).sum(),
        running: counts.iter().map(|it| it.running).sum(),
        ended: all as f64 / seconds,
        unsuccessful: bad.sum::<u64>() as f64 / seconds,
        p50: quantile(ended, 0.5),
        p95: quantile(ended, 0.95),
        ..Sample::default()
    }
}

/// The quantile of the executions' durations in milliseconds, from histogram buckets: within a bucket they are assumed
/// to be spread evenly around their mean.
pub(in crate::web) fn quantile<'a>(
    tallies: impl IntoIterator<Item = &'a Tally>,
    share: f64,
) -> Option<f64> {
    let mut buckets = [(0.0, 0.0); BUCKETS.len() + 1];
    let mut longest: f64 = 0.0;
    for it in tallies {
        let (count, sum) = &mut buckets[it.bucket.min(BUCKETS.len())];
        *count += it.count as f64;
        *sum += it.micros as f64 / 1000.0;
        longest = longest.max(it.longest as f64 / 1000.0);
    }
    let wanted = buckets.iter().map(|(count, _)| count).sum::<f64>() * share;
    let mut seen = 0.0;
    for (bucket, (count, sum)) in buckets.into_iter().enumerate().filter(|(_, it)| it.0 > 0.0) {
        if seen + count >= wanted {
            let low = if bucket == 0 { 0.0 } else { BUCKETS[bucket - 1] as f64 };
            let high = BUCKETS.get(bucket).map_or(longest, |bound| (*bound as f64).min(longest));
            let mean = (sum / count).clamp(low, high.max(low));
            let half = (mean - low).min(high.max(low) - mean);
            return Some(mean - half + 2.0 * half * (wanted - seen) / count);
        }
        seen += count;
    }
    None
}

#[cfg(test)]
mod tests {
    use task_store::Outcome;

    use super::*;

    fn tally(bucket: usize, count: u64, mean: u64, outcome: Outcome) -> Tally {
        let bound = BUCKETS.get(bucket).map_or(4_000_000, |it| it.unsigned_abs());
        Tally {
            task_type: "Greet".into(),
            name: String::new(),
            node: 1,
            outcome,
            bucket,
            count,
            micros: count * mean * 1000,
            longest: bound * 1000,
            cpu: 0,
        }
    }

    #[test]
    fn quantiles_lie_around_the_mean_of_their_bucket() {
        let all = [tally(2, 90, 3, Outcome::Success), tally(9, 10, 750, Outcome::Failed)];
        assert_eq!(quantile(&all, 0.45), Some(3.0));
        assert_eq!(quantile(&all, 0.95), Some(750.0));
        assert_eq!(quantile(&all, 1.0), Some(1000.0));
        assert_eq!(quantile(&[], 0.5), None);
        let long = tally(BUCKETS.len(), 1, 4_000_000, Outcome::Success);
        assert_eq!(quantile(&[long], 1.0), Some(4_000_000.0));
    }

    #[test]
    fn rates_are_by_the_time_that_passed() {
        let late = tally(1, 10, 1, Outcome::Postponed);
        let all = [tally(2, 80, 3, Outcome::Success), tally(9, 10, 750, Outcome::Failed), late];
        let sample = summed(&[Count { waiting: 3, ..Count::default() }], &all, 2.0);
        assert_eq!((sample.waiting, sample.ended, sample.unsuccessful), (3, 50.0, 5.0));
    }
}
