//! The frame of every transaction: tried again after conflicts and broken connections, and certain of its outcome.

use crate::database::error::{Error, Result};
use crate::database::{Argument, Connection, Row, Tries};
use crate::store::Store;

/// What is done in one transaction. It must leave nothing behind but what is in the database: it may run
/// several times.
pub(crate) trait Work: Sync {
    /// What it gives back.
    type Done: Send;

    /// Whether it is a single statement that changes rows, which needs no BEGIN and COMMIT around it.
    fn is_one_statement(&self) -> bool {
        false
    }

    /// Whether tasks can be claimed now that could not before, so that workers are to be notified.
    fn has_enqueued(&self, _done: &Self::Done) -> bool {
        false
    }

    /// The statements between BEGIN and COMMIT.
    fn run(
        &self,
        connection: &mut Connection<'_>,
    ) -> impl Future<Output = Result<Self::Done>> + Send;

    /// After a commit of unknown outcome: what was done, or `None` to do it again. Work that may happen
    /// twice without harm needs no answer.
    fn settle(
        &self,
        _connection: &mut Connection<'_>,
    ) -> impl Future<Output = Result<Option<Self::Done>>> + Send {
        async { Ok(None) }
    }
}

impl Store {
    /// Does the work in a transaction, again after conflicts and broken connections. When no answer comes to
    /// the commit, the work looks whether it happened. A look that finds nothing is no proof: a server may still
    /// be at it, as one that waits for its standby; so the work is repeated, which is certain, or the outcome
    /// stays unknown.
    pub(crate) async fn transact<W: Work>(&self, work: &W) -> Result<W::Done> {
        let done = self.certain(work).await?;
        if work.has_enqueued(&done) {
            self.notify_committed();
        }
        Ok(done)
    }

    async fn certain<W: Work>(&self, work: &W) -> Result<W::Done> {
        let mut tries = Tries::new();
        let mut unknown = None;
        loop {
            let outcome = self.once(work).await;
            if let Err(Error::UnknownOutcome(reason)) = &outcome {
                unknown = Some(reason.clone());
            }
            if let Some(reason) = &unknown
                && let Some(done) = self.settle(work, reason).await?
            {
                return Ok(done);
            }
            match outcome {
                Ok(done) => return Ok(done),
                Err(error) => tries
                    .again(error)
                    .await
                    .map_err(|error| unknown.take().map_or(error, Error::UnknownOutcome))?,
            }
        }
    }

    /// Runs one statement that may run twice without harm; how many rows it changed.
    pub(crate) async fn change(
        &self,
        sql: &'static str,
        arguments: &[Argument<'_>],
    ) -> Result<u64> {
        let mut tries = Tries::new();
        loop {
            match self.change_once(sql, arguments).await {
                Ok(changed) => return Ok(changed),
                Err(error) => tries.again(error).await?,
            }
        }
    }

    async fn change_once(&self, sql: &'static str, arguments: &[Argument<'_>]) -> Result<u64> {
        let mut session = self.pools().write().await?;
        let answer = session.connection().execute(sql, arguments).await;
        if answer.is_ok() {
            session.wrote();
        }
        session.release(answer.map_err(Error::in_commit))
    }

    /// Runs one statement that only reads.
    pub(crate) async fn rows(
        &self,
        sql: &'static str,
        arguments: &[Argument<'_>],
    ) -> Result<Vec<Row>> {
        let mut tries = Tries::new();
        loop {
            let answer = match self.pools().read().await {
                Ok(mut session) => {
                    let answer = session.connection().rows(sql, arguments).await;
                    session.release(answer)
                }
                Err(error) => Err(error),
            };
            match answer {
                Ok(rows) => return Ok(rows),
                Err(error) => tries.again(error).await?,
            }
        }
    }

    /// As [`rows`](Self::rows), the first one.
    pub(crate) async fn row(
        &self,
        sql: &'static str,
        arguments: &[Argument<'_>],
    ) -> Result<Option<Row>> {
        Ok(self.rows(sql, arguments).await?.into_iter().next())
    }

    async fn once<W: Work>(&self, work: &W) -> Result<W::Done> {
        let mut session = self.pools().write().await?;
        if work.is_one_statement() {
            let answer = work.run(&mut session.connection()).await.map_err(Error::in_commit);
            if answer.is_ok() {
                session.wrote();
            }
            return session.release(answer);
        }
        let outcome = match session.begin().await {
            Ok(()) => work.run(&mut session.connection()).await,
            Err(error) => Err(error),
        };
        match outcome {
            Ok(done) => session.commit().await.map(|()| done),
            Err(error) => {
                session.rollback(&error).await;
                Err(error)
            }
        }
    }

    async fn settle<W: Work>(&self, work: &W, reason: &str) -> Result<Option<W::Done>> {
        let mut tries = Tries::new();
        loop {
            let answer = match self.pools().write().await {
                Ok(mut session) => {
                    let answer = work.settle(&mut session.connection()).await;
                    session.release(answer)
                }
                Err(error) => Err(error),
            };
            match answer {
                Ok(settled) => return Ok(settled),
                Err(error) => {
                    tries.again(error).await.map_err(|_| Error::UnknownOutcome(reason.into()))?;
                }
            }
        }
    }
}
