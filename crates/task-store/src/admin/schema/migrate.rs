//! Creating what is missing. Run twice, or by two nodes at once, it does nothing the second time.

use crate::admin::schema::Identity;
use crate::admin::schema::text::{
    PLAN_TRIGGER, WAKE_TRIGGER, options, statements, version_is_made,
};
use crate::database::error::{Error, Result};
use crate::database::{Dialect, RetryBudget};
use crate::store::Store;

impl Store {
    /// Creates our tables, and standalone the original's three; adopts the database for `present` if it belongs to no
    /// installation yet. `wake_trigger` notifies workers on PostgreSQL of Perl's additions; standalone it is always made.
    ///
    /// If everything is there, nothing is created: an administrator may have made the tables for a user without the right.
    pub async fn migrate(&self, present: &Identity, wake_trigger: bool) -> Result<()> {
        let status = self.schema_status(present).await?;
        if wake_trigger || !status.is_current() {
            self.make(wake_trigger)
                .await
                .map_err(|error| for_administrator(error, &status.missing))?;
        }
        match self.identity().await? {
            None => self.adopt(present).await,
            Some(_) => Ok(()),
        }
    }

    async fn make(&self, wake_trigger: bool) -> Result<()> {
        let mut budget = RetryBudget::new();
        let texts = self.schema_sql(wake_trigger).await?;
        while let Err(error) = self.create(&texts).await {
            // Two processes created the same table at once: the loser finds it there the next time.
            let error = match error {
                Error::Duplicate(text) => Error::Conflict(text),
                error => error,
            };
            budget.retry(error).await?;
        }
        Ok(())
    }

    /// The statements of [`migrate`](Self::migrate), for a database administrator.
    pub async fn schema_sql(&self, wake_trigger: bool) -> Result<Vec<String>> {
        let options = options(self.home_engine().await?.as_deref());
        let mut texts = statements(self.dialect(), self.is_home(), &options);
        if self.dialect() == Dialect::Postgres && (wake_trigger || !self.is_home()) {
            let plans = if self.is_home() { &[] } else { PLAN_TRIGGER };
            texts.extend(WAKE_TRIGGER.iter().chain(plans).map(|text| (*text).to_owned()));
        }
        // Last: without it, nothing counts as made.
        texts.push(version_is_made(self.dialect()));
        Ok(texts)
    }

    /// Statement by statement: MariaDB commits each by itself anyway.
    async fn create(&self, texts: &[String]) -> Result<()> {
        let is_locked = self.dialect() == Dialect::Postgres;
        // Two processes that create one table at once fail, in spite of IF NOT EXISTS: so they queue.
        let lock = is_locked.then_some("SELECT pg_advisory_lock(7310579634207338)");
        let unlock = is_locked.then_some("SELECT pg_advisory_unlock_all()");
        let texts = texts.iter().map(String::as_str);
        let mut session = self.pools().write().await?;
        let mut answer = Ok(());
        for text in lock.into_iter().chain(texts).chain(unlock) {
            answer = session.connection().plain(text).await;
            if answer.is_err() {
                break;
            }
        }
        // After an error the connection is closed, which gives its lock back.
        session.keep(answer)
    }
}

/// A user without the right to create tables must learn which user has it, and how to do it.
fn for_administrator(error: Error, missing: &[String]) -> Error {
    match error {
        Error::Refused(text) => Error::Refused(format!(
            "{text}; not there, or not readable by this user, are {}: let a user who may create tables \
             run `otrsd db migrate`, or an administrator what `otrsd db schema` prints",
            missing.join(", ")
        )),
        error => error,
    }
}
