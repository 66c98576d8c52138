//! MariaDB and MySQL cannot notify, and PostgreSQL does not in every installation. So one statement reads an index, eight
//! times a second while nothing happens.
//!
//! It reads the highest free row and how many of the last hundred are free. Both together change with every addition and
//! every reclaim, in whatever order transactions commit, and stay the same while paused tasks wait.

use std::time::Duration;

use tokio::time::Instant;

use crate::database::error::{Error, Result};
use crate::database::{Dialect, arguments};
use crate::store::Store;
use crate::store::claim_cursor::CostThrottle;

/// The interval after activity, which doubles up to the longest one.
const MIN_POLL_INTERVAL: Duration = Duration::from_millis(5);
const MAX_POLL_INTERVAL: Duration = Duration::from_millis(120);

pub(super) struct Poll {
    store: Store,
    seen: Option<(i64, i64)>,
    full_scans: CostThrottle,
    pause: Duration,
}

impl Poll {
    pub(super) fn new(store: Store) -> Self {
        Self { store, seen: None, full_scans: CostThrottle::default(), pause: MIN_POLL_INTERVAL }
    }

    /// Waits until there are free rows, and others than at the last poll.
    pub(super) async fn changed(&mut self) -> Result<()> {
        loop {
            tokio::time::sleep(self.pause).await;
            let began = Instant::now();
            let is_other = if self.full_scans.allows(began) {
                let is_other = self.read_all().await?;
                self.full_scans.spent(began.elapsed(), Instant::now());
                is_other
            } else {
                self.read_newest().await?
            };
            if is_other {
                self.pause = MIN_POLL_INTERVAL;
                return Ok(());
            }
            self.pause = (self.pause * 2).min(MAX_POLL_INTERVAL);
        }
    }

    async fn read_all(&mut self) -> Result<bool> {
        let sql = if self.store.is_home() {
            "SELECT COALESCE(MAX(id), 0), COUNT(*) FROM \
             (SELECT id FROM scheduler_task WHERE lock_key = 0 ORDER BY id DESC LIMIT 100) AS latest"
        } else {
            "SELECT COALESCE(MAX(id), 0), COUNT(*) FROM \
             (SELECT id FROM scheduler_task WHERE lock_key = 0 ORDER BY priority DESC, id DESC LIMIT 100) AS latest"
        };
        let row = self.store.row(sql, arguments![]).await?;
        let now = row.map_or(Ok((0, 0)), |row| Ok::<_, Error>((row.int(0)?, row.int(1)?)))?;
        self.store.claim_cursor().saw(now.0);
        let before = self.seen.replace(now);
        Ok(before.is_none_or(|before| now.0 > before.0 || now.1 > before.1) && now.1 > 0)
    }

    /// Only reads what is newer than all that was seen: see [`ClaimCursor`](crate::store::claim_cursor::ClaimCursor).
    async fn read_newest(&mut self) -> Result<bool> {
        let sql = match self.store.dialect() {
            Dialect::MariaDb => {
                "SELECT id FROM scheduler_task FORCE INDEX (PRIMARY) WHERE id > ? AND lock_key = 0 \
                 ORDER BY id DESC LIMIT 1"
            }
            _ => {
                "SELECT id FROM scheduler_task WHERE id > ? AND lock_key = 0 ORDER BY id DESC LIMIT 1"
            }
        };
        let highest = self.store.claim_cursor().highest();
        let row = self.store.row(sql, arguments![highest]).await?;
        let Some(row) = row else { return Ok(false) };
        self.store.claim_cursor().saw(row.int(0)?);
        Ok(true)
    }
}
