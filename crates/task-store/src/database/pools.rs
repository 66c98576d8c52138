//! The pools of connections behind a store, by the scheme of its URL.

use std::pin::pin;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::mysql::{MySqlConnectOptions, MySqlPoolOptions};
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions as _, Database, Executor as _, MySql, Pool, Postgres};
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::database::Dialect;
use crate::database::heartbeat::Own;
use crate::database::lender::Lender;
use crate::database::session::{Pooled, Session};
use crate::database::sqlite_file::SqliteFile;
use crate::error::{Error, Result};

/// How long the database may be busy with others before a statement gives up and is retried.
pub(super) const LOCK_WAIT: Duration = Duration::from_secs(5);

/// How soon a pool gives a connection that it has, or can have.
const IMPATIENCE: Duration = Duration::from_secs(1);

#[derive(Clone, Debug)]
pub(crate) struct Pools {
    pub(super) raw: RawPools,
    pub(super) deadline: Duration,
    pub(super) heartbeat: Arc<Mutex<Option<Own>>>,
}

#[derive(Clone, Debug)]
pub(super) enum RawPools {
    Sqlite(Arc<SqliteFile>),
    Postgres(Arc<Lender<Postgres>>),
    MariaDb(Arc<Lender<MySql>>),
}

impl Pools {
    /// Reads the URL; connects when the first statement runs.
    pub(crate) fn new(url: &str, connections: u32, deadline: Duration) -> Result<Self> {
        let raw = match url.split(':').next().unwrap_or_default() {
            "sqlite" => RawPools::Sqlite(Arc::new(SqliteFile::new(url, deadline)?)),
            "postgres" | "postgresql" => postgres(url, connections, deadline)?,
            "mysql" | "mariadb" => mariadb(url, connections, deadline)?,
            _ => {
                return Err(Error::Invalid(
                    "the database URL must start with sqlite:, postgres:// or mysql://".into(),
                ));
            }
        };
        Ok(Self { raw, deadline, heartbeat: Arc::default() })
    }

    pub(crate) fn dialect(&self) -> Dialect {
        match self.raw {
            RawPools::Sqlite(_) => Dialect::Sqlite,
            RawPools::Postgres(_) => Dialect::Postgres,
            RawPools::MariaDb(_) => Dialect::MariaDb,
        }
    }

    /// A connection for statements that write.
    pub(crate) async fn write(&self) -> Result<Session> {
        let pooled = match &self.raw {
            RawPools::Sqlite(file) => Pooled::Sqlite(file.writer().await?),
            RawPools::Postgres(lender) => Pooled::Postgres(lender.lend().await?),
            RawPools::MariaDb(lender) => Pooled::MariaDb(lender.lend().await?),
        };
        Ok(Session::new(pooled, self.deadline))
    }

    /// A connection for statements that only read.
    pub(crate) async fn read(&self) -> Result<Session> {
        match &self.raw {
            RawPools::Sqlite(file) => {
                Ok(Session::new(Pooled::Sqlite(file.reader().await?), self.deadline))
            }
            _ => self.write().await,
        }
    }

    /// The pool of PostgreSQL, for a listener.
    pub(crate) fn postgres(&self) -> Option<&PgPool> {
        match &self.raw {
            RawPools::Postgres(lender) => Some(lender.pool()),
            _ => None,
        }
    }

    /// The file of SQLite, for a watch.
    pub(crate) fn sqlite_file(&self) -> Option<std::path::PathBuf> {
        match &self.raw {
            RawPools::Sqlite(file) => Some(file.path()),
            _ => None,
        }
    }

    pub(crate) async fn close(&self) {
        self.end_heartbeats().await;
        match &self.raw {
            RawPools::Sqlite(file) => file.close().await,
            RawPools::Postgres(pool) => pool.close().await,
            RawPools::MariaDb(pool) => pool.close().await,
        }
    }
}

/// A connection of the pool. Where none comes soon, a single attempt tells why: the pool takes a server that
/// refuses for one that starts, waits, and then knows nothing but that it waited.
pub(super) async fn acquire<DB: Database>(pool: &Pool<DB>) -> Result<PoolConnection<DB>> {
    let mut acquired = pin!(pool.acquire());
    if let Ok(connection) = timeout(IMPATIENCE, &mut acquired).await {
        return Ok(connection?);
    }
    let options = pool.connect_options();
    if let Ok(Err(error)) = timeout(IMPATIENCE, options.connect()).await {
        return Err(error.into());
    }
    Ok(acquired.await?)
}

fn postgres(url: &str, connections: u32, deadline: Duration) -> Result<RawPools> {
    let milliseconds = |time: Duration| time.as_millis().to_string();
    let options = PgConnectOptions::from_str(url)?
        .application_name("otrsd")
        .options([
            ("statement_timeout", milliseconds(deadline)),
            ("lock_timeout", milliseconds(LOCK_WAIT)),
            // A queue grows from nothing faster than statistics: without these, the planner takes a full
            // table for an empty one, and sorts it at every claim.
            ("enable_sort", "off".into()),
            ("enable_bitmapscan", "off".into()),
            ("enable_seqscan", "off".into()),
            ("jit", "off".into()),
            ("idle_in_transaction_session_timeout", milliseconds(deadline)),
        ])
        .disable_statement_logging();
    // One more, for a listener.
    let pool = PgPoolOptions::new()
        .max_connections(connections + 1)
        .acquire_timeout(deadline)
        .test_before_acquire(false);
    let pool = pool.connect_lazy_with(options);
    Ok(RawPools::Postgres(Lender::new(pool, connections, deadline)))
}

fn mariadb(url: &str, connections: u32, deadline: Duration) -> Result<RawPools> {
    let url = url.replacen("mariadb://", "mysql://", 1);
    let options = MySqlConnectOptions::from_str(&url)?.disable_statement_logging();
    let pool = MySqlPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(deadline)
        .test_before_acquire(false)
        .after_connect(|connection, _| {
            Box::pin(async move {
                connection
                    .execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
                    .await?;
                connection.execute("SET SESSION innodb_lock_wait_timeout = 5").await?;
                Ok(())
            })
        });
    let pool = pool.connect_lazy_with(options);
    Ok(RawPools::MariaDb(Lender::new(pool, connections, deadline)))
}
