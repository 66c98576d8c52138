//! One point of the charts.

use jiff::Timestamp;
use task_store::{Result, Store};

use super::Snapshot;

/// What the charts show of one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::web) struct Sample {
    pub(in crate::web) at: Timestamp,
    pub(in crate::web) waiting: u64,
    pub(in crate::web) running: u64,
    /// Ends a second since the sample before.
    pub(in crate::web) ended: f64,
    /// Ends a second that were no success.
    pub(in crate::web) unsuccessful: f64,
    /// Milliseconds from start to end, of those that ended.
    pub(in crate::web) p50: Option<f64>,
    pub(in crate::web) p95: Option<f64>,
}

pub(super) async fn of(
    _store: &Store,
    snapshot: &Snapshot,
    _before: Option<&Sample>,
) -> Result<Sample> {
    let sum = |of: fn(&task_store::Count) -> u64| snapshot.counts.iter().map(of).sum();
    Ok(Sample {
        at: snapshot.at,
        waiting: sum(|it| it.waiting),
        running: sum(|it| it.running),
        ..Sample::default()
    })
}
