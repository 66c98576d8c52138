//! One file of SQLite and its pools. Another file in its place is noticed before the next statement:
//! otherwise, writes would go into a file that no other process can open any more.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, Sqlite};
use tokio::time::Instant;

use super::pools::LOCK_TIMEOUT;
use crate::database::error::{Error, Result};

#[derive(Debug)]
pub(super) struct SqliteFile {
    options: SqliteConnectOptions,
    deadline: Duration,
    opened: Mutex<Opened>,
}

#[derive(Clone, Debug)]
struct Opened {
    /// SQLite has one writer: ours queue here in order, instead of in its busy handler without one.
    writer: SqlitePool,
    readers: SqlitePool,
    /// Device and inode, since the first connection.
    file: Option<(u64, u64)>,
    /// Since when it is the successor of a file that was replaced.
    since: Option<Instant>,
}

/// So long every call is refused after a file was replaced: all parts of a process hear of it, also those that look
/// once a second.
const REFUSAL_PERIOD: Duration = Duration::from_secs(2);

impl SqliteFile {
    pub(super) fn new(file: &Path, deadline: Duration) -> Self {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(LOCK_TIMEOUT)
            // 32 MB of log between checkpoints, not 4: each costs a sync of the whole database.
            .pragma("wal_autocheckpoint", "8000")
            .disable_statement_logging();
        let opened = Mutex::new(Opened::new(&options, deadline));
        Self { options, deadline, opened }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.options.get_filename().to_path_buf()
    }

    pub(super) async fn writer(&self) -> Result<PoolConnection<Sqlite>> {
        self.connection(|opened| &opened.writer).await
    }

    pub(super) async fn reader(&self) -> Result<PoolConnection<Sqlite>> {
        self.connection(|opened| &opened.readers).await
    }

    pub(super) async fn close(&self) {
        let opened = self.opened().clone();
        opened.close().await;
    }

    async fn connection(
        &self,
        choose: impl Fn(&Opened) -> &SqlitePool,
    ) -> Result<PoolConnection<Sqlite>> {
        self.check()?;
        if self.opened().file.is_none() {
            self.make();
        }
        let pool = choose(&self.opened()).clone();
        let connection = pool.acquire().await.map_err(|error| Error::from(error).given_up())?;
        let mut opened = self.opened();
        if opened.file.is_none() {
            opened.file = self.identity();
        }
        Ok(connection)
    }

    /// Only the owner may read payloads. If the file cannot be made, opening it will say why.
    fn make(&self) {
        let mut options = fs::OpenOptions::new();
        let made = options.write(true).create_new(true).mode(0o600).open(self.path());
        drop(made);
    }

    /// Gives up a file that is not at its place any more.
    fn check(&self) -> Result<()> {
        let mut opened = self.opened();
        if opened.file.is_some() && opened.file != self.identity() {
            let new = Opened::new(&self.options, self.deadline);
            let new = Opened { since: Some(Instant::now()), ..new };
            let old = std::mem::replace(&mut *opened, new);
            tokio::spawn(async move { old.close().await });
        }
        if opened.since.is_none_or(|since| since.elapsed() > REFUSAL_PERIOD) {
            return Ok(());
        }
        Err(Error::Refused(format!(
            "{} was deleted or replaced while it was in use; what is there now is opened",
            self.path().display()
        )))
    }

    fn identity(&self) -> Option<(u64, u64)> {
        let metadata = fs::metadata(self.options.get_filename()).ok()?;
        Some((metadata.dev(), metadata.ino()))
    }

    fn opened(&self) -> MutexGuard<'_, Opened> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Opened {
    fn new(options: &SqliteConnectOptions, deadline: Duration) -> Self {
        let pool = || {
            SqlitePoolOptions::new()
                .acquire_timeout(deadline)
                .idle_timeout(None)
                .max_lifetime(None)
                .test_before_acquire(false)
        };
        Self {
            writer: pool().max_connections(1).connect_lazy_with(options.clone()),
            readers: pool().max_connections(4).connect_lazy_with(options.clone()),
            file: None,
            since: None,
        }
    }

    async fn close(self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}
