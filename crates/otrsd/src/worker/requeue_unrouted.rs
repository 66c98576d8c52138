//! Tasks that were held for want of a handler, once there is one.

use std::{sync::Arc, time::Duration};

use task_store::{HeldState, Store};
use tokio::{sync::Notify, time::sleep};

use crate::clock;

/// After an error.
const PAUSE: Duration = Duration::from_secs(1);
/// Tasks that one transaction puts back.
const BATCH: u32 = 500;

/// Puts back those of these types each time that `alone` says so: this life claims alone from then on, or an earlier one,
/// which may have held some until its end, is gone.
pub(super) async fn keep(store: Store, types: Vec<String>, alone: Arc<Notify>) {
    loop {
        alone.notified().await;
        // A database that is away is told of by the worker itself.
        while of(&store, &types).await.is_err() {
            sleep(PAUSE).await;
        }
    }
}

/// Those of these types.
pub(super) async fn of(store: &Store, types: &[String]) -> task_store::Result<()> {
    let now = clock::now_utc();
    for name in types {
        while store.retry_all(HeldState::NoHandler, name, now, BATCH).await? > 0 {}
    }
    Ok(())
}
