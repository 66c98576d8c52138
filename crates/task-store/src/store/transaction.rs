//! The frame of every transaction: tried again after conflicts and broken connections, and certain of its outcome.

use crate::database::error::{Error, Result};
use crate::database::{Argument, Connection, RetryBudget, Row};
use crate::store::Store;

/// The statements of one transaction. They may run several times, so they must not change anything outside of the
/// database.
pub(crate) trait Transaction: Sync {
    /// What the caller gets.
    type Output: Send;

    /// Whether it is a single statement that changes rows, which needs no BEGIN and COMMIT around it.
    fn is_one_statement(&self) -> bool {
        false
    }

    /// Whether tasks can be claimed now that could not before, so that workers are to be notified.
    fn has_enqueued(&self, _output: &Self::Output) -> bool {
        false
    }

    /// The statements between BEGIN and COMMIT.
    fn run(
        &self,
        connection: &mut Connection<'_>,
    ) -> impl Future<Output = Result<Self::Output>> + Send;

    /// After a commit of unknown outcome: the output if the commit happened, or `None` to run the statements again. A
    /// transaction that may happen twice without harm needs no answer.
    fn resolve_unknown_commit(
        &self,
        _connection: &mut Connection<'_>,
    ) -> impl Future<Output = Result<Option<Self::Output>>> + Send {
        async { Ok(None) }
    }
}

impl Store {
    /// Runs a transaction, again after conflicts and broken connections. If the commit gets no answer, the database is
    /// asked whether it happened. If it did not, that is no proof: a server may still be committing, for example while
    /// it waits for its standby. So the transaction is repeated, which gives certainty, or the outcome stays unknown.
    pub(crate) async fn transact<T: Transaction>(&self, transaction: &T) -> Result<T::Output> {
        let done = self.transact_certainly(transaction).await?;
        if transaction.has_enqueued(&done) {
            self.notify_committed();
        }
        Ok(done)
    }

    async fn transact_certainly<T: Transaction>(&self, transaction: &T) -> Result<T::Output> {
        let mut budget = RetryBudget::new();
        let mut unknown = None;
        loop {
            let outcome = self.transact_once(transaction).await;
            if let Err(Error::UnknownOutcome(reason)) = &outcome {
                unknown = Some(reason.clone());
            }
            if let Some(reason) = &unknown
                && let Some(done) = self.resolve_unknown_commit(transaction, reason).await?
            {
                return Ok(done);
            }
            match outcome {
                Ok(done) => return Ok(done),
                Err(error) => budget
                    .retry(error)
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
        let mut budget = RetryBudget::new();
        loop {
            match self.change_once(sql, arguments).await {
                Ok(changed) => return Ok(changed),
                Err(error) => budget.retry(error).await?,
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
        let mut budget = RetryBudget::new();
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
                Err(error) => budget.retry(error).await?,
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

    async fn transact_once<T: Transaction>(&self, transaction: &T) -> Result<T::Output> {
        let mut session = self.pools().write().await?;
        if transaction.is_one_statement() {
            let answer = transaction.run(&mut session.connection()).await.map_err(Error::in_commit);
            if answer.is_ok() {
                session.wrote();
            }
            return session.release(answer);
        }
        let outcome = match session.begin().await {
            Ok(()) => transaction.run(&mut session.connection()).await,
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

    async fn resolve_unknown_commit<T: Transaction>(
        &self,
        transaction: &T,
        reason: &str,
    ) -> Result<Option<T::Output>> {
        let mut budget = RetryBudget::new();
        loop {
            let answer = match self.pools().write().await {
                Ok(mut session) => {
                    let answer =
                        transaction.resolve_unknown_commit(&mut session.connection()).await;
                    session.release(answer)
                }
                Err(error) => Err(error),
            };
            match answer {
                Ok(resolved) => return Ok(resolved),
                Err(error) => {
                    budget.retry(error).await.map_err(|_| Error::UnknownOutcome(reason.into()))?;
                }
            }
        }
    }
}
