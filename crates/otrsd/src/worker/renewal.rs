//! The renewal of this worker's locks: the original's workers, and other workers that see no heartbeat of this one,
//! judge a lock by its time.

use std::time::Duration;

use super::worker_loop::WorkerLoop;
use crate::clock::{self, MonotonicTime};

/// The interval at which all locks are renewed.
const RENEWAL: Duration = Duration::from_secs(10);

impl WorkerLoop {
    /// The time until the next renewal; `None` if there are no locks.
    pub(super) fn renews_in(&self, now: MonotonicTime) -> Option<Duration> {
        let has_any = !self.runs_nothing()
            || self.has_claimed()
            || !self.finished.is_empty()
            || !self.kept.is_empty();
        has_any.then(|| (self.renewed_at + RENEWAL).since(now))
    }

    /// The next complete-and-claim meets the same error, and reports it.
    pub(super) async fn renew(&mut self) {
        self.renewed_at = clock::now();
        let _ = self.store.renew(self.owner, &self.holding(), clock::now_utc()).await;
    }
}
