//! The retention of the ledger's rows, and of tasks that finally failed. Nothing is deleted without a message.

use std::{collections::BTreeMap, time::Duration};

use jiff::{SignedDuration, Timestamp};
use task_store::{HeldState, Store, earlier};
use tokio::time::sleep;

use crate::{clock, logs};

/// Days that ledger rows of a type without a setting are kept.
const USUAL: u32 = 30;
/// Rows of one transaction.
const BATCH: u32 = 500;
/// The interval of the sweeps, and the delay of the first; each varies by a quarter, so that nodes do not coincide.
const SWEEP: Duration = Duration::from_hours(1);
const FIRST: Duration = Duration::from_mins(1);

/// Days by type.
pub(super) type KeepDays = BTreeMap<String, u32>;

/// Sweeps from time to time until the worker ends.
pub(super) async fn keep(store: Store, days: KeepDays) {
    let mut pause = FIRST;
    loop {
        sleep(pause.mul_f64(0.75 + fastrand::f64() / 2.0)).await;
        pause = SWEEP;
        let _ = store.quarantine_endless_retries(clock::now_utc()).await;
        // The worker itself reports a database outage.
        let (Ok(executions), Ok(tasks)) = (ledger(&store, &days).await, held(&store, &days).await)
        else {
            continue;
        };
        if executions + tasks > 0 {
            logs::info(&format!(
                "kept long enough: {executions} rows of the ledger, {tasks} tasks that failed; see KeepDays"
            ));
        }
    }
}

/// Sweeps from the oldest row on, until all rows are younger than the shortest time.
async fn ledger(store: &Store, days: &KeepDays) -> task_store::Result<u64> {
    let now = clock::now_utc();
    let (mut after, mut gone) = (0, 0);
    loop {
        let batch = store
            .forget(after, BATCH, &|task_type, ended| is_over(days, task_type, ended, now))
            .await?;
        gone += batch.gone;
        let shortest = days.values().copied().chain([USUAL]).min().unwrap_or(USUAL);
        match batch.last {
            Some((row, ended)) if ended < before(shortest, now) => after = row,
            _ => return Ok(gone),
        }
    }
}

async fn held(store: &Store, days: &KeepDays) -> task_store::Result<u64> {
    let now = clock::now_utc();
    let mut gone = 0;
    for (task_type, days) in days {
        for state in [HeldState::Failed, HeldState::Quarantined] {
            let by = format!("kept {days} days as {}", state.as_str());
            loop {
                let over = before(*days, now);
                let batch = store.end_held(task_type, state, over, &by, now).await?;
                gone += batch;
                if batch == 0 {
                    break;
                }
            }
        }
    }
    Ok(gone)
}

/// Whether a row of the ledger was kept long enough.
fn is_over(days: &KeepDays, task_type: &str, ended: Timestamp, now: Timestamp) -> bool {
    ended < before(days.get(task_type).copied().unwrap_or(USUAL), now)
}

fn before(days: u32, now: Timestamp) -> Timestamp {
    earlier(now, SignedDuration::from_hours(24 * i64::from(days)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_has_its_time() {
        let days = KeepDays::from([("Brief".to_owned(), 1), ("Ever".to_owned(), u32::MAX)]);
        let now = Timestamp::from_second(1_900_000_000).unwrap();
        for (task_type, hours, expected) in [
            ("Brief", 23, false),
            ("Brief", 25, true),
            ("Other", 25, false),
            ("Other", 24 * 30 - 1, false),
            ("Other", 24 * 30 + 1, true),
            ("Ever", 24 * 10_000, false),
        ] {
            let ended = now - SignedDuration::from_hours(hours);
            assert_eq!(is_over(&days, task_type, ended, now), expected, "{task_type} {hours}");
        }
    }
}
