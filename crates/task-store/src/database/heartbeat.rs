//! Heartbeats have a connection of their own and a short deadline: they never wait behind other work, and one
//! connection that died in silence does not cost the lease.

use std::time::Duration;

use sqlx::mysql::MySqlConnection;
use sqlx::postgres::PgConnection;
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};
use tokio::time::timeout;

use crate::database::connection::{RawConnection, within};
use crate::database::pools::{Pools, RawPools};
use crate::database::{Argument, Connection};
use crate::error::{Error, Result};

/// For one statement, and for one connection to be made: the lease lasts much longer than a few of both.
const DEADLINE: Duration = Duration::from_millis(2500);

/// The connection; none on SQLite, where a heartbeat is a writer as any other.
#[derive(Debug)]
pub(super) enum Own {
    Postgres(PgConnection),
    MariaDb(MySqlConnection),
}

impl Pools {
    /// Runs one statement that changes a row; how many it changed. It is tried twice: the second time on a new
    /// connection, if the first one is of no more use.
    pub(crate) async fn heartbeat(
        &self,
        sql: &'static str,
        arguments: &[Argument<'_>],
    ) -> Result<u64> {
        let mut own = self.heartbeat.lock().await;
        let first = self.beat(&mut own, sql, arguments).await;
        match first {
            Err(error) if error.is_transient() => self.beat(&mut own, sql, arguments).await,
            answer => answer,
        }
    }

    async fn beat(
        &self,
        own: &mut Option<Own>,
        sql: &'static str,
        arguments: &[Argument<'_>],
    ) -> Result<u64> {
        let deadline = self.deadline.min(DEADLINE);
        // Taken out: a call that is given up in the middle leaves no connection behind.
        let connection = match own.take() {
            None => within(deadline, self.connect(deadline)).await?,
            there => there,
        };
        let Some(mut connection) = connection else {
            let written = timeout(deadline, self.write_once(sql, arguments)).await;
            return written.unwrap_or_else(|_| Err(Error::Conflict("the file is locked".into())));
        };
        let raw = match &mut connection {
            Own::Postgres(raw) => RawConnection::Postgres(raw),
            Own::MariaDb(raw) => RawConnection::MariaDb(raw),
        };
        let answer = Connection { raw, deadline }.execute(sql, arguments).await;
        if !answer.as_ref().is_err_and(Error::ends_connection) {
            *own = Some(connection);
        }
        answer
    }

    /// The server, too, gives up in time: what nobody waits for any more holds no lock.
    async fn connect(&self, deadline: Duration) -> sqlx::Result<Option<Own>> {
        Ok(match &self.raw {
            RawPools::Sqlite(_) => None,
            RawPools::Postgres(lender) => {
                let time = deadline.as_millis().to_string();
                let limits = ["statement_timeout", "lock_timeout"].map(|name| (name, time.clone()));
                let options = (*lender.pool().connect_options()).clone().options(limits);
                Some(Own::Postgres(options.connect().await?))
            }
            RawPools::MariaDb(lender) => {
                let mut raw = lender.pool().connect_options().connect().await?;
                raw.execute("SET SESSION innodb_lock_wait_timeout = 2").await?;
                Some(Own::MariaDb(raw))
            }
        })
    }

    async fn write_once(&self, sql: &'static str, arguments: &[Argument<'_>]) -> Result<u64> {
        let mut session = self.write().await?;
        let answer = session.connection().execute(sql, arguments).await;
        session.release(answer)
    }

    pub(super) async fn end_heartbeats(&self) {
        // Whatever the server makes of it, the connection is closed.
        let _ = match self.heartbeat.lock().await.take() {
            Some(Own::Postgres(raw)) => raw.close().await,
            Some(Own::MariaDb(raw)) => raw.close().await,
            None => Ok(()),
        };
    }
}
