//! Notifying the workers that there are tasks: on PostgreSQL by NOTIFY, on SQLite by a touch, on MariaDB by what the
//! store was given for it.
//!
//! PostgreSQL commits transactions with a NOTIFY one after the other, each with a write to the disk of its own. So where
//! several producers enqueue at once, NOTIFY follows in a transaction that writes nothing; no producer waits for it, and
//! one serves all that committed before it. A lone producer notifies with its commit, and saves the round trip.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use nix::fcntl::AT_FDCWD;
use nix::sys::stat::{UtimensatFlags, utimensat};
use nix::sys::time::TimeSpec;
use tokio::sync::Mutex;

use crate::database::error::Result;
use crate::database::{Connection, Dialect, arguments};
use crate::store::Store;

const NOTIFY: &str = "SELECT pg_notify('otrsd_task', '')";

/// Notifies workers where the database cannot, as MariaDB: after each commit that enqueued tasks. It must not block, and
/// it is a hint: a worker also looks by itself.
#[derive(Clone)]
pub struct Notifier(Arc<dyn Fn() + Send + Sync>);

impl Notifier {
    /// A notifier that calls a function.
    pub fn new(notify: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(notify))
    }
}

impl fmt::Debug for Notifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Notifier")
    }
}

/// One NOTIFY for all producers of this process that committed before it.
#[derive(Debug, Default)]
pub(crate) struct NotifyCoalescer {
    producers: AtomicUsize,
    /// Something was enqueued, and the NOTIFY that serves it has not begun.
    is_due: AtomicBool,
    /// Held while one notifies.
    turn: Mutex<()>,
}

/// A producer, until dropped.
pub(crate) struct Producer<'a> {
    producers: &'a AtomicUsize,
    /// There was no other when it began.
    pub(crate) is_alone: bool,
}

impl NotifyCoalescer {
    pub(crate) fn producer(&self) -> Producer<'_> {
        let is_alone = self.producers.fetch_add(1, Ordering::SeqCst) == 0;
        Producer { producers: &self.producers, is_alone }
    }
}

impl Drop for Producer<'_> {
    fn drop(&mut self) {
        self.producers.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Store {
    /// After a commit that enqueued tasks: notifies where the commit itself could not.
    pub(crate) fn notify_committed(&self) {
        if let Some(file) = self.pools().sqlite_file() {
            touch(&file);
        }
        if let (Dialect::MariaDb, Some(Notifier(notify))) = (self.dialect(), self.notifier()) {
            notify();
        }
    }

    /// Notifies PostgreSQL's workers soon of what was committed.
    pub(crate) fn notify_soon(&self) {
        if self.dialect() == Dialect::Postgres
            && !self.notify_coalescer().is_due.swap(true, Ordering::SeqCst)
        {
            let store = self.clone();
            tokio::spawn(async move { store.notify_if_due().await });
        }
    }

    /// Notifies PostgreSQL's workers of what was committed. A failure is ignored: it is a hint.
    pub(crate) async fn notify(&self) {
        if self.dialect() == Dialect::Postgres {
            self.notify_coalescer().is_due.store(true, Ordering::SeqCst);
            self.notify_if_due().await;
        }
    }

    /// Notifies if that is due and was not done by another producer meanwhile.
    pub(crate) async fn notify_if_due(&self) {
        let _turn = self.notify_coalescer().turn.lock().await;
        if self.notify_coalescer().is_due.swap(false, Ordering::SeqCst) {
            let _ = self.rows(NOTIFY, arguments![]).await;
        }
    }
}

/// Notifies PostgreSQL's workers by the transaction's commit.
pub(crate) async fn notify_in(connection: &mut Connection<'_>) -> Result<()> {
    match connection.dialect() {
        Dialect::Postgres => connection.rows(NOTIFY, arguments![]).await.map(drop),
        _ => Ok(()),
    }
}

/// Notifies the workers that watch a database of a commit. It is a hint, so a failure is ignored.
fn touch(database: &Path) {
    let mut log = database.as_os_str().to_owned();
    log.push("-wal");
    // Not opened: closing a file of SQLite's may release the locks of this process.
    let now = TimeSpec::UTIME_NOW;
    let _ = utimensat(AT_FDCWD, Path::new(&log), &now, &now, UtimensatFlags::FollowSymlink);
}
