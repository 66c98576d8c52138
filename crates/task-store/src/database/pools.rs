//! The connections behind a store, by what its URL names.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{MySql, Postgres};
use tokio::sync::watch;

use crate::database::connection_cache::{ConnectionCache, Purpose};
use crate::database::error::Result;
use crate::database::heartbeat;
use crate::database::session::{Pooled, Session};
use crate::database::sqlite_file::SqliteFile;
use crate::database::url::Target;
use crate::database::{DatabaseUrl, Dialect};

/// How long the database may be busy with others before a statement gives up and is retried.
pub(super) const LOCK_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Clone, Debug)]
pub(crate) struct Pools {
    raw: RawPools,
    /// A connection for heartbeats alone; on SQLite a heartbeat is a writer as any other.
    heartbeats: RawPools,
    deadline: Duration,
}

#[derive(Clone, Debug)]
enum RawPools {
    Sqlite(Arc<SqliteFile>),
    Postgres(Arc<ConnectionCache<Postgres>>),
    MariaDb(Arc<ConnectionCache<MySql>>),
}

impl Pools {
    /// Connects when the first statement runs.
    pub(crate) fn new(url: DatabaseUrl, connections: u32, deadline: Duration) -> Self {
        let soon = deadline.min(heartbeat::HEARTBEAT_TIMEOUT);
        let (raw, heartbeats) = match url.target {
            Target::Sqlite(file) => {
                let file = RawPools::Sqlite(Arc::new(SqliteFile::new(&file, deadline)));
                (file.clone(), file)
            }
            Target::Postgres(addresses) => (
                RawPools::Postgres(ConnectionCache::new(addresses.clone(), connections, deadline)),
                RawPools::Postgres(ConnectionCache::new(addresses, 1, soon)),
            ),
            Target::MariaDb(addresses) => (
                RawPools::MariaDb(ConnectionCache::new(addresses.clone(), connections, deadline)),
                RawPools::MariaDb(ConnectionCache::new(addresses, 1, soon)),
            ),
        };
        Self { raw, heartbeats, deadline }
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
        self.raw.session(Purpose::Write, self.deadline).await
    }

    /// A connection for statements that only read.
    pub(crate) async fn read(&self) -> Result<Session> {
        self.raw.session(Purpose::Read, self.deadline).await
    }

    /// A connection for a heartbeat, which never waits behind other work, with a short deadline.
    pub(super) async fn beat(&self) -> Result<Session> {
        let deadline = self.deadline.min(heartbeat::HEARTBEAT_TIMEOUT);
        self.heartbeats.session(Purpose::Write, deadline).await
    }

    /// Gives up all connections: they lead to a server that is none any more, or takes no writes.
    pub(super) fn give_up(&self) {
        match &self.raw {
            RawPools::Sqlite(_) => {}
            RawPools::Postgres(cache) => cache.give_up(),
            RawPools::MariaDb(cache) => cache.give_up(),
        }
    }

    /// For a listener of PostgreSQL: how to connect, and what changes when all connections are given up.
    pub(crate) fn postgres(&self) -> Option<(PgConnectOptions, watch::Receiver<u64>)> {
        match &self.raw {
            RawPools::Postgres(cache) => Some((cache.options().clone(), cache.epoch())),
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
        self.raw.close().await;
        self.heartbeats.close().await;
    }
}

impl RawPools {
    async fn session(&self, purpose: Purpose, deadline: Duration) -> Result<Session> {
        let pooled = match self {
            Self::Sqlite(file) if purpose == Purpose::Read => Pooled::Sqlite(file.reader().await?),
            Self::Sqlite(file) => Pooled::Sqlite(file.writer().await?),
            Self::Postgres(cache) => Pooled::Postgres(cache.get(purpose).await?),
            Self::MariaDb(cache) => Pooled::MariaDb(cache.get(purpose).await?),
        };
        Ok(Session::new(pooled, deadline))
    }

    async fn close(&self) {
        match self {
            Self::Sqlite(file) => file.close().await,
            Self::Postgres(cache) => cache.close().await,
            Self::MariaDb(cache) => cache.close().await,
        }
    }
}
