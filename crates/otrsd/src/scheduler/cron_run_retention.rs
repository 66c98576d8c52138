//! The account of due instants is kept as long as the ledger, and then forgotten.

use jiff::SignedDuration;
use task_store::{Store, earlier, later};

use crate::clock;

const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);
/// What one statement takes away.
const SLICE: SignedDuration = SignedDuration::from_hours(24);

/// Forgets what is old enough, the oldest first. Which instant of a cron task was the last stands in its
/// recurrent row as well.
pub(super) async fn forget(store: &Store) -> task_store::Result<()> {
    let until = earlier(clock::now_utc(), KEPT);
    while let Some(oldest) = store.oldest_cron_run().await?.filter(|oldest| *oldest < until) {
        let slice = later(oldest, SLICE);
        store.forget_cron_runs(slice.min(until)).await?;
    }
    Ok(())
}
