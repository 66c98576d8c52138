//! How many tasks there are, by type and state: what summaries and gauges show.

use std::collections::BTreeMap;

use crate::database::error::Result;
use crate::database::{Row, arguments};
use crate::model::bounds::bounded;
use crate::store::Store;
use crate::task::held::HeldState;

/// The tasks of one type.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Count {
    /// The type.
    pub task_type: String,
    /// Free to be claimed.
    pub waiting: u64,
    /// Under a lock, ours or that of another program.
    pub running: u64,
    /// Scheduled for later.
    pub future: u64,
    /// Held until a retry is due.
    pub retry: u64,
    /// Held as failed.
    pub failed: u64,
    /// Held as quarantined.
    pub quarantined: u64,
    /// Held because no worker has a handler for the type.
    pub no_handler: u64,
}

/// How many types are counted apart, here and wherever types are labels.
pub const MAX_TYPES: usize = 1000;

/// The name under which all further types are counted.
pub const OTHER_TYPES: &str = "(others)";

/// SQLite would go through all in the order of types to find what runs; the sign of the type keeps it from that.
macro_rules! all {
    ($type_of_running:literal) => {
        concat!(
            "SELECT COUNT(*), ",
            bounded!(word "task_type"),
            ", 'all' FROM scheduler_task GROUP BY task_type UNION ALL SELECT COUNT(*), ",
            bounded!(word "task_type"),
            ", 'running' FROM scheduler_task WHERE lock_key <> 0 GROUP BY ",
            $type_of_running,
            " UNION ALL SELECT COUNT(*), ",
            bounded!(word "task_type"),
            ", 'future' FROM scheduler_future_task GROUP BY task_type UNION ALL SELECT COUNT(*), ",
            bounded!(word "task_type"),
            ", ",
            bounded!(word "state"),
            " FROM otrsd_held GROUP BY task_type, state"
        )
    };
}

impl Store {
    /// Counts all tasks, by type in their order. Of very many types, those beyond the first 1,000 are counted
    /// together, under [`OTHER_TYPES`].
    pub async fn counts(&self) -> Result<Vec<Count>> {
        // What waits is all but what runs: both have an index, the difference has none.
        let sql = self.dialect().pick(all!("+task_type"), all!("task_type"), all!("task_type"));
        let mut counts = by_type(&self.rows(sql, arguments![]).await?)?;
        for count in &mut counts {
            count.waiting = count.waiting.saturating_sub(count.running);
        }
        Ok(counts)
    }
}

/// Of rows with a number, a type, and a state; of the queue, what waits with what runs.
fn by_type(rows: &[Row]) -> Result<Vec<Count>> {
    let mut counts: BTreeMap<String, Count> = BTreeMap::new();
    for row in rows {
        let mut task_type = row.lenient(1);
        if counts.len() >= MAX_TYPES && !counts.contains_key(&task_type) {
            OTHER_TYPES.clone_into(&mut task_type);
        }
        let count = counts
            .entry(task_type.clone())
            .or_insert_with(|| Count { task_type, ..Count::default() });
        let state = row.lenient(2);
        let number = match (state.as_str(), HeldState::from_name(&state)) {
            ("all", _) => &mut count.waiting,
            ("running", _) => &mut count.running,
            ("future", _) => &mut count.future,
            (_, Some(HeldState::Retry)) => &mut count.retry,
            (_, Some(HeldState::Quarantined) | None) => &mut count.quarantined,
            (_, Some(HeldState::NoHandler)) => &mut count.no_handler,
            (_, Some(HeldState::Failed)) => &mut count.failed,
        };
        *number += row.int(0)?.unsigned_abs();
    }
    Ok(counts.into_values().collect())
}
