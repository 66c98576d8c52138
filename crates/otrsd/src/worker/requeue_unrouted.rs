//! The requeueing of tasks that were held because they had no handler, once there is one.

use std::{sync::Arc, time::Duration};

use task_store::{HeldState, Store};
use tokio::{sync::Notify, time::sleep};

use crate::clock;

/// After an error.
const PAUSE: Duration = Duration::from_secs(1);
/// Tasks that one transaction puts back.
const BATCH: u32 = 500;

/// Requeues held tasks of these types at each signal of `alone`: from then on this worker is the only one that claims,
/// or an earlier one, which may have held tasks until its end, is gone.
pub(super) async fn keep(store: Store, types: Vec<String>, alone: Arc<Notify>) {
    loop {
        alone.notified().await;
        // The worker itself reports a database outage.
        while of(&store, &types).await.is_err() {
            sleep(PAUSE).await;
        }
    }
}

/// Requeues held tasks of these types.
pub(super) async fn of(store: &Store, types: &[String]) -> task_store::Result<()> {
    let now = clock::now_utc();
    for name in types {
        while store.retry_all(HeldState::NoHandler, name, now, BATCH).await? > 0 {}
    }
    Ok(())
}
