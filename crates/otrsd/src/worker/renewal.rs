//! Keeping the locks of what this life has: the original's workers, and others that see no sign of life of this
//! one, judge a lock by its time.

use std::time::Duration;

use super::worker_loop::WorkerLoop;
use crate::clock::{self, MonotonicTime};

/// Between two renewals of all locks.
const RENEWAL: Duration = Duration::from_secs(10);

impl WorkerLoop {
    /// How long the locks need no renewal; `None` if there are none.
    pub(super) fn renews_in(&self, now: MonotonicTime) -> Option<Duration> {
        let has_any = !self.runs_nothing()
            || self.has_claimed()
            || !self.finished.is_empty()
            || !self.kept.is_empty();
        has_any.then(|| (self.renewed_at + RENEWAL).since(now))
    }

    /// An error is met again, and told of, by the next exchange.
    pub(super) async fn renew(&mut self) {
        self.renewed_at = clock::now();
        let _ = self.store.renew(self.owner, &self.holding(), clock::now_utc()).await;
    }
}
