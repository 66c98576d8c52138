//! Connections to a server, lent for a transaction.
//!
//! Below is a pool of sqlx, which asks every connection that comes back whether it lives: a round trip more for
//! each transaction. So those in use stay here, the one used last is lent first, and whose server is gone is
//! found out by its next statement, as with any that breaks. Who was not wanted for minutes goes back to the
//! pool, and is closed there in time.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{Database, Pool};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use super::pools::acquire;
use crate::error::{Error, Result};

/// For so long an unused connection stays.
const UNUSED: Duration = Duration::from_mins(3);

#[derive(Debug)]
pub(super) struct Lender<DB: Database> {
    pool: Pool<DB>,
    /// One for each connection that may be on loan.
    turns: Semaphore,
    /// The longest wait for one.
    deadline: Duration,
    /// In the order in which they came back.
    idle: Mutex<Vec<(Instant, PoolConnection<DB>)>>,
}

impl<DB: Database> Lender<DB> {
    pub(super) fn new(pool: Pool<DB>, connections: u32, deadline: Duration) -> Arc<Self> {
        let turns = Semaphore::new(connections as usize);
        Arc::new(Self { pool, turns, deadline, idle: Mutex::default() })
    }

    pub(super) fn pool(&self) -> &Pool<DB> {
        &self.pool
    }

    pub(super) async fn lend(self: &Arc<Self>) -> Result<Loan<DB>> {
        let turn = timeout(self.deadline, self.turns.acquire()).await;
        let Ok(Ok(turn)) = turn else { return Err(Error::from(sqlx::Error::PoolTimedOut)) };
        let idle = self.idle().pop();
        let connection = match idle {
            Some((_, connection)) => connection,
            None => acquire(&self.pool).await?,
        };
        turn.forget();
        Ok(Loan { connection: Some(connection), lender: Arc::clone(self) })
    }

    /// Whoever comes back later is closed too.
    pub(super) async fn close(&self) {
        let closing = self.pool.close();
        self.idle().clear();
        closing.await;
    }

    fn take_back(&self, connection: PoolConnection<DB>) {
        let now = Instant::now();
        let mut idle = self.idle();
        // Both under the lock: see `close`.
        if !self.pool.is_closed() {
            idle.push((now, connection));
        }
        let unused = idle.iter().take_while(|(since, _)| now - *since >= UNUSED).count();
        idle.drain(..unused);
    }

    fn idle(&self) -> MutexGuard<'_, Vec<(Instant, PoolConnection<DB>)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<DB: Database> Drop for Lender<DB> {
    /// Nobody needs them, and there may be no runtime any more in which the pool could take them back.
    fn drop(&mut self) {
        for (_, connection) in self.idle().drain(..) {
            drop(connection.detach());
        }
    }
}

/// A connection on loan.
pub(super) struct Loan<DB: Database> {
    /// Until it is closed.
    connection: Option<PoolConnection<DB>>,
    lender: Arc<Lender<DB>>,
}

const LENT: &str = "nobody uses a connection that he closed";

impl<DB: Database> Loan<DB> {
    /// It is closed instead of going back.
    pub(super) fn close(&mut self) {
        if let Some(mut connection) = self.connection.take() {
            connection.close_on_drop();
        }
    }
}

impl<DB: Database> Deref for Loan<DB> {
    type Target = DB::Connection;

    fn deref(&self) -> &DB::Connection {
        self.connection.as_ref().expect(LENT)
    }
}

impl<DB: Database> DerefMut for Loan<DB> {
    fn deref_mut(&mut self) -> &mut DB::Connection {
        self.connection.as_mut().expect(LENT)
    }
}

impl<DB: Database> Drop for Loan<DB> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.lender.take_back(connection);
        }
        self.lender.turns.add_permits(1);
    }
}
