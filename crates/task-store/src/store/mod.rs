//! The handle: one database, cheap to clone. It has what one process remembers of the database, and the frame in which
//! every transaction runs.

pub(crate) mod claim_cursor;
pub(crate) mod left_out;
pub(crate) mod notifier;
mod transaction;

use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::database::error::Result;
use crate::database::{DatabaseUrl, Dialect, Pools};
use crate::model::payload::Encoding;
use crate::model::timestamp::{from_wall_clock, wall_clock};
use claim_cursor::ClaimCursor;
use left_out::LeftOutRows;
pub use notifier::Notifier;
use notifier::NotifyCoalescer;
pub(crate) use transaction::Transaction;

/// What a store must know beside its URL.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whether the three tables belong to an OTRS, Znuny or OTOBO: then they are never altered, have no
    /// priority, and payloads are written for Perl.
    pub home: bool,
    /// The zone of the wall clock in the original's columns.
    pub time_zone: TimeZone,
    /// The most connections to a server.
    pub connections: u32,
    /// The longest that one statement may take, and that one may wait for a connection.
    pub deadline: Duration,
    /// Notifies the workers on this host where the database cannot: MariaDB's.
    pub notifier: Option<Notifier>,
}

impl Default for Options {
    /// Standalone, UTC, 8 connections, 10 s.
    fn default() -> Self {
        let deadline = Duration::from_secs(10);
        Self { home: false, time_zone: TimeZone::UTC, connections: 8, deadline, notifier: None }
    }
}

/// The tasks of one database.
///
/// Every call is one transaction with a deadline for each statement. A call that met a deadlock or a dead
/// connection tries again by itself; what it returns is certain.
#[derive(Clone, Debug)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    pools: Pools,
    options: Options,
    claim_cursor: Mutex<ClaimCursor>,
    notify_coalescer: NotifyCoalescer,
    left_out_rows: LeftOutRows,
    plans_seen: AtomicI64,
}

impl Store {
    /// Opens a store by its URL: `sqlite:/PATH`, `postgres://…`, `mysql://…`. Connects when first used, so a
    /// database that is away is no error here. Of several hosts the first counts that takes writes.
    pub fn connect(url: &str, options: Options) -> Result<Self> {
        Ok(Self::open(DatabaseUrl::parse(url)?, options))
    }

    /// [`connect`](Self::connect) by a URL that was read before.
    pub fn open(url: DatabaseUrl, options: Options) -> Self {
        let pools = Pools::new(url, options.connections, options.deadline);
        Self {
            inner: Arc::new(Inner {
                pools,
                options,
                claim_cursor: Mutex::new(ClaimCursor::new()),
                notify_coalescer: NotifyCoalescer::default(),
                left_out_rows: LeftOutRows::default(),
                plans_seen: AtomicI64::new(i64::MIN),
            }),
        }
    }

    /// Closes all connections; calls that come later fail. Until then, workers may not yet have been notified of
    /// what was enqueued last.
    pub async fn close(&self) {
        self.notify_if_due().await;
        self.inner.pools.close().await;
    }

    /// Which SQL is spoken.
    pub fn dialect(&self) -> Dialect {
        self.inner.pools.dialect()
    }

    /// Whether the three tables belong to a home.
    pub fn is_home(&self) -> bool {
        self.inner.options.home
    }

    /// How payloads are written here.
    pub fn encoding(&self) -> Encoding {
        if self.is_home() { Encoding::Storable } else { Encoding::Json }
    }

    pub(crate) fn pools(&self) -> &Pools {
        &self.inner.pools
    }

    pub(crate) fn left_out_rows(&self) -> &LeftOutRows {
        &self.inner.left_out_rows
    }

    /// Up to which row the times of planned tasks were looked at, where that must be done.
    pub(crate) fn plans_seen(&self) -> &AtomicI64 {
        &self.inner.plans_seen
    }

    pub(crate) fn notify_coalescer(&self) -> &NotifyCoalescer {
        &self.inner.notify_coalescer
    }

    pub(crate) fn notifier(&self) -> Option<&Notifier> {
        self.inner.options.notifier.as_ref()
    }

    /// Where claims begin. It is a hint, so a panic while it was held does no harm.
    pub(crate) fn claim_cursor(&self) -> MutexGuard<'_, ClaimCursor> {
        self.inner.claim_cursor.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The text of a time for a column of the original.
    pub(crate) fn wall_clock(&self, time: Timestamp) -> String {
        wall_clock(time, self.time_zone())
    }

    /// The zone of the wall clock times in the original's columns.
    pub fn time_zone(&self) -> &TimeZone {
        &self.inner.options.time_zone
    }

    /// The time in a column of the original; `None` for a text that is no time.
    pub(crate) fn time_of(&self, text: &str) -> Option<Timestamp> {
        from_wall_clock(text.trim_end(), &self.inner.options.time_zone)
    }
}
