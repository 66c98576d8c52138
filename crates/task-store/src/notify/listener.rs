//! PostgreSQL: a connection that listens, and is pinged to prove that it still does.
//!
//! A firewall may forget a connection, and a server that was replaced may keep it: then no notification arrives, and no
//! error either. So the listener pings the server at the interval of the safety polls, and is given up together with all
//! other connections.

use std::time::Duration;

use sqlx::postgres::{PgListener, PgPoolOptions};
use sqlx::{Acquire as _, Connection as _};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use crate::database::error::{Error, Result};
use crate::store::Store;

/// The time between two pings: that between two safety polls.
const PING_INTERVAL: Duration = Duration::from_secs(10);

/// How long the answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);

/// The channel of the notifications.
const CHANNEL: &str = "otrsd_task";

pub(super) struct Listener {
    raw: PgListener,
    epoch: watch::Receiver<u64>,
    /// When the next ping is due; the wait for it may be cancelled and continued.
    due: Instant,
}

impl Listener {
    /// Connects to the server that the other connections lead to.
    pub(super) async fn connect(store: &Store) -> Result<Self> {
        // This reports errors of the connection, and reaches only a server that takes writes.
        let session = store.pools().write().await?;
        session.release(Ok(()))?;
        let (options, mut epoch) = store
            .pools()
            .postgres()
            .ok_or_else(|| Error::Invalid("only PostgreSQL notifies".into()))?;
        epoch.mark_unchanged();
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(ANSWER_TIMEOUT)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_lazy_with(options);
        let listen = async {
            let mut raw = PgListener::connect_with(&pool).await?;
            raw.eager_reconnect(false);
            raw.listen(CHANNEL).await?;
            Ok::<_, sqlx::Error>(raw)
        };
        let raw = timeout(ANSWER_TIMEOUT, listen).await.map_err(|_| silent())??;
        Ok(Self { raw, epoch, due: Instant::now() + PING_INTERVAL })
    }

    /// Waits for a notification. May be cancelled. After an error it is of no more use.
    pub(super) async fn heard(&mut self) -> Result<()> {
        loop {
            tokio::select! {
                heard = self.raw.try_recv() => {
                    heard?.ok_or_else(|| Error::Disconnected("the listening connection ended".into()))?;
                    while self.raw.next_buffered().is_some() {}
                    return Ok(());
                }
                _ = self.epoch.changed() => {
                    return Err(Error::Disconnected("all connections were given up".into()));
                }
                () = sleep_until(self.due) => {}
            }
            let proof = async { self.raw.acquire().await?.ping().await };
            timeout_at(self.due + ANSWER_TIMEOUT, proof).await.map_err(|_| silent())??;
            self.due = Instant::now() + PING_INTERVAL;
        }
    }
}

fn silent() -> Error {
    Error::Disconnected(format!(
        "the listening connection is silent for {} s",
        ANSWER_TIMEOUT.as_secs()
    ))
}
