//! Shows the others that this worker lives, keeps its locks, and ends its executions when it cannot.
//!
//! Others take a worker for dead when its counter has not moved for 15 s. So one that could not move it for
//! 12 s ends what it runs, before somebody else begins with it.

use std::time::Duration;

use task_store::{Owner, Store};
use tokio::{
    sync::watch::Sender,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{
    clock::{self, Moment},
    logs, notify,
};

/// Between two signs of life.
const BEAT: Duration = Duration::from_secs(3);
/// Between two renewals of all locks.
const RENEWAL: Duration = Duration::from_secs(10);
/// Without a sign of life for this long, nothing new is started.
pub(super) const CAREFUL: Duration = Duration::from_secs(8);
/// Without a sign of life for this long, the tasks may soon be others'.
const LEASE: Duration = Duration::from_secs(12);

/// Until the lease is lost.
pub(super) async fn keep(
    store: Store,
    owner: Owner,
    slots: u32,
    alive: Sender<Moment>,
    lost: CancellationToken,
) {
    let mut seen = clock::boot();
    let mut renewed = seen;
    loop {
        sleep(BEAT).await;
        let left = LEASE.saturating_sub(clock::boot().since(seen));
        // After a suspend nothing is left, and yet one question is due: nobody may have noticed.
        let asked = timeout(left.max(BEAT), store.beat(owner, slots, clock::wall())).await;
        match asked {
            Ok(Ok(true)) => {
                seen = clock::boot();
                alive.send_replace(seen);
            }
            Ok(Ok(false)) => break logs::complain("others took this worker for dead"),
            _ if clock::boot().since(seen) >= LEASE => {
                break logs::complain(
                    "the database could not be reached in time: what ran was ended",
                );
            }
            _ => continue,
        }
        let _ = notify::send("WATCHDOG=1");
        if seen.since(renewed) >= RENEWAL && store.renew(owner, clock::wall()).await.is_ok() {
            renewed = seen;
        }
    }
    lost.cancel();
}
