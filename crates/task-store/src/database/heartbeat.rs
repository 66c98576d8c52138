//! Heartbeats have a connection of their own and a short deadline: they never wait behind other work, and one
//! connection that died in silence does not cost the lease.

use std::time::Duration;

use tokio::time::timeout;

use crate::database::error::{Error, Result};
use crate::database::pools::Pools;
use crate::database::{Argument, Dialect};

/// For one statement, and for one connection to be made: the lease lasts much longer than a few of both.
pub(super) const HEARTBEAT_TIMEOUT: Duration = Duration::from_millis(2500);

impl Pools {
    /// Runs one statement that changes a row; how many it changed. It is tried twice: the second time on a new
    /// connection, if the first one is of no more use.
    pub(crate) async fn heartbeat(
        &self,
        sql: &'static str,
        arguments: &[Argument<'_>],
    ) -> Result<u64> {
        match self.heartbeat_once(sql, arguments).await {
            Err(error) if error.is_transient() => self.heartbeat_once(sql, arguments).await,
            answer => answer,
        }
        .map_err(Error::given_up)
    }

    async fn heartbeat_once(&self, sql: &'static str, arguments: &[Argument<'_>]) -> Result<u64> {
        if self.dialect() == Dialect::Sqlite {
            let written = timeout(HEARTBEAT_TIMEOUT, self.written(sql, arguments)).await;
            return written.unwrap_or_else(|_| Err(Error::Conflict("the file is locked".into())));
        }
        let answer = self.written(sql, arguments).await;
        if answer.as_ref().is_err_and(Error::ends_all) {
            self.give_up();
        }
        answer
    }

    async fn written(&self, sql: &'static str, arguments: &[Argument<'_>]) -> Result<u64> {
        let mut session = self.beat().await?;
        let answer = session.connection().execute(sql, arguments).await;
        if answer.is_ok() {
            session.wrote();
        }
        session.release(answer)
    }
}
