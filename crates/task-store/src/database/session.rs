//! A connection from its pool or cache, for one transaction or a few reads.
//!
//! It goes back only in a known state. If a deadline or a cancelled future drops it before that, it is closed, which
//! ends its transaction.

use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{MySql, Postgres, Sqlite};
use tokio::time::Instant;

use crate::database::connection::{Connection, RawConnection};
use crate::database::connection_cache::ConnectionGuard;
use crate::database::error::{Error, Result};

pub(crate) struct Session {
    pooled: Pooled,
    deadline: Duration,
    clean: bool,
}

pub(super) enum Pooled {
    Sqlite(PoolConnection<Sqlite>),
    Postgres(ConnectionGuard<Postgres>),
    MariaDb(ConnectionGuard<MySql>),
}

impl Session {
    pub(super) fn new(pooled: Pooled, deadline: Duration) -> Self {
        Self { pooled, deadline, clean: false }
    }

    pub(crate) fn connection(&mut self) -> Connection<'_> {
        let raw = match &mut self.pooled {
            Pooled::Sqlite(raw) => RawConnection::Sqlite(raw),
            Pooled::Postgres(raw) => RawConnection::Postgres(raw),
            Pooled::MariaDb(raw) => RawConnection::MariaDb(raw),
        };
        Connection { raw, deadline: self.deadline }
    }

    /// Begins a transaction that will write.
    pub(crate) async fn begin(&mut self) -> Result<()> {
        let mut connection = self.connection();
        let sql = connection.dialect().pick("BEGIN IMMEDIATE", "BEGIN", "BEGIN");
        connection.plain(sql).await
    }

    /// Ends the transaction. Trouble with the connection leaves the outcome unknown.
    pub(crate) async fn commit(mut self) -> Result<()> {
        let answer = self.connection().plain("COMMIT").await.map_err(Error::in_commit);
        self.met(answer.as_ref().err());
        answer
    }

    /// Undoes the transaction after an error, as far as the connection lives.
    pub(crate) async fn rollback(mut self, error: &Error) {
        self.met(Some(error));
        self.clean = self.clean && self.connection().plain("ROLLBACK").await.is_ok();
    }

    /// Gives the connection back after statements outside of a transaction.
    pub(crate) fn release<T>(mut self, answer: Result<T>) -> Result<T> {
        self.met(answer.as_ref().err());
        answer
    }

    /// As [`release`](Self::release), but after any error the connection is closed.
    pub(crate) fn keep<T>(mut self, answer: Result<T>) -> Result<T> {
        self.met(answer.as_ref().err());
        self.clean = answer.is_ok();
        answer
    }

    /// The server took a write: on PostgreSQL it is not fenced. On MariaDB that proves nothing, since those of a user with
    /// all rights pass a fence.
    pub(crate) fn wrote(&mut self) {
        match &mut self.pooled {
            Pooled::Sqlite(_) | Pooled::MariaDb(_) => {}
            Pooled::Postgres(raw) => raw.wrote(),
        }
    }

    /// What an error says about this connection, and about those beside it.
    fn met(&mut self, error: Option<&Error>) {
        self.clean = !error.is_some_and(Error::ends_connection);
        if error.is_some_and(Error::ends_all) {
            match &self.pooled {
                Pooled::Sqlite(_) => {}
                Pooled::Postgres(raw) => raw.give_up(),
                Pooled::MariaDb(raw) => raw.give_up(),
            }
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if !self.clean {
            match &mut self.pooled {
                Pooled::Sqlite(raw) => raw.close_on_drop(),
                Pooled::Postgres(raw) => raw.close(),
                Pooled::MariaDb(raw) => raw.close(),
            }
        }
    }
}

/// How often and how long one call is retried: after a conflict until it succeeds, and while the server is away until it
/// may be back. A caller that already waited long for a lock or a server gets the error instead.
pub(crate) struct RetryBudget {
    retries: u32,
    since: Instant,
}

impl RetryBudget {
    const MAX_FOR_CONFLICTS: (u32, Duration) = (12, Duration::from_secs(15));
    const MAX_FOR_CONNECTIONS: (u32, Duration) = (20, Duration::from_secs(3));

    pub(crate) fn new() -> Self {
        Self { retries: 0, since: Instant::now() }
    }

    /// Waits before the next attempt, or gives the error back if the budget is used up.
    pub(crate) async fn retry(&mut self, error: Error) -> Result<()> {
        let (most, longest) = match &error {
            Error::Conflict(_) => Self::MAX_FOR_CONFLICTS,
            error if error.ends_connection() => Self::MAX_FOR_CONNECTIONS,
            _ => return Err(error),
        };
        if self.retries >= most || self.since.elapsed() >= longest {
            return Err(error.given_up());
        }
        self.retries += 1;
        // Doubling from 2 ms to 256 ms, by chance up to half of it less: those that lost must not collide again.
        let pause = 2_u64 << self.retries.min(7);
        tokio::time::sleep(Duration::from_millis(fastrand::u64(pause / 2..=pause))).await;
        Ok(())
    }
}
