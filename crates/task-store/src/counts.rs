//! How many tasks there are, by type and state: what summaries and gauges show.

use std::collections::BTreeMap;

use crate::database::arguments;
use crate::error::Result;
use crate::held::HeldState;
use crate::store::Store;

/// The tasks of one type.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Count {
    /// The type.
    pub task_type: String,
    /// Free to be claimed.
    pub waiting: u64,
    /// Under a lock, ours or another's.
    pub running: u64,
    /// Planned for later.
    pub future: u64,
    /// Held until a retry is due.
    pub retry: u64,
    /// Held as failed.
    pub failed: u64,
    /// Held as dangerous.
    pub quarantined: u64,
    /// Held because nobody knows the type.
    pub no_handler: u64,
}

impl Store {
    /// Counts all tasks, by type in their order.
    pub async fn counts(&self) -> Result<Vec<Count>> {
        let sql = "SELECT COUNT(*), task_type, CASE WHEN lock_key = 0 THEN 'waiting' ELSE 'running' END AS state \
             FROM scheduler_task GROUP BY task_type, CASE WHEN lock_key = 0 THEN 'waiting' ELSE 'running' END \
             UNION ALL SELECT COUNT(*), task_type, 'future' FROM scheduler_future_task GROUP BY task_type \
             UNION ALL SELECT COUNT(*), task_type, state FROM otrsd_held GROUP BY task_type, state";
        let mut counts: BTreeMap<String, Count> = BTreeMap::new();
        for row in self.rows(sql, arguments![]).await? {
            let task_type = row.lenient(1);
            let count = counts
                .entry(task_type.clone())
                .or_insert_with(|| Count { task_type, ..Count::default() });
            let state = row.lenient(2);
            let number = match (state.as_str(), HeldState::from_word(&state)) {
                ("waiting", _) => &mut count.waiting,
                ("running", _) => &mut count.running,
                ("future", _) => &mut count.future,
                (_, Some(HeldState::Retry)) => &mut count.retry,
                (_, Some(HeldState::Quarantined)) => &mut count.quarantined,
                (_, Some(HeldState::NoHandler)) => &mut count.no_handler,
                (_, Some(HeldState::Failed) | None) => &mut count.failed,
            };
            *number += row.int(0)?.unsigned_abs();
        }
        Ok(counts.into_values().collect())
    }
}
