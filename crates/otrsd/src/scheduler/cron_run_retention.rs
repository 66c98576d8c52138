//! The retention of cron runs: they are kept as long as the ledger, and then deleted.

use jiff::SignedDuration;
use task_store::{Store, earlier, later};

use crate::clock;

const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);
/// The period that one statement deletes.
const SLICE: SignedDuration = SignedDuration::from_hours(24);

/// Deletes what is old enough, the oldest first. The last fire time of a cron task is also in its recurrent row.
pub(super) async fn forget(store: &Store) -> task_store::Result<()> {
    let until = earlier(clock::now_utc(), KEPT);
    while let Some(oldest) = store.oldest_cron_run().await?.filter(|oldest| *oldest < until) {
        let slice = later(oldest, SLICE);
        store.forget_cron_runs(slice.min(until)).await?;
    }
    Ok(())
}
