//! Waiting for work, the way each database allows: a notice, a changed file, a look now and then.
//!
//! A wake-up is a hint: there may be nothing, and a hint may be lost. Whoever waits claims again at its safety
//! poll in any case.

mod file_watch;
mod listener;
mod poll;

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::database::error::Result;
use crate::database::{Dialect, arguments};
use crate::store::Store;
use file_watch::FileWatch;
use listener::Listener;
use poll::Poll;

/// Why the waiting ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Woken {
    /// Something was added or freed, it seems.
    Work,
    /// The time was up.
    Deadline,
}

/// Waits for work in one database. Make it before the first claim, so that nothing added between a claim and
/// the waiting is missed.
pub struct Waiter {
    store: Store,
    source: Source,
}

enum Source {
    /// No listener after any trouble, until the next waiting. Where Perl's additions do not call, somebody looks
    /// for them.
    Notices(Option<Box<Listener>>, Option<Poll>),
    File(FileWatch),
    Poll(Poll),
}

impl Store {
    /// Whether a waiter also hears of tasks that are planned for later.
    pub fn hears_of_plans(&self) -> bool {
        match self.dialect() {
            Dialect::Sqlite => true,
            Dialect::Postgres => !self.is_home(),
            Dialect::MariaDb => false,
        }
    }

    /// A waiter; on PostgreSQL it has a connection of its own.
    pub async fn waiter(&self) -> Result<Waiter> {
        let source = match (self.dialect(), self.pools().sqlite_file()) {
            (Dialect::Postgres, _) => {
                let listener = Box::new(Listener::connect(self).await?);
                let looks = (!self.calls_at_adds().await?).then(|| Poll::new(self.clone()));
                Source::Notices(Some(listener), looks)
            }
            (_, Some(file)) => Source::File(FileWatch::new(&file)?),
            (_, None) => Source::Poll(Poll::new(self.clone())),
        };
        Ok(Waiter { store: self.clone(), source })
    }

    /// Whether the database itself calls, whoever adds.
    async fn calls_at_adds(&self) -> Result<bool> {
        let sql = "SELECT 1 FROM pg_trigger WHERE tgname = 'otrsd_wake' AND tgrelid = to_regclass('scheduler_task')";
        Ok(!self.is_home() || self.row(sql, arguments![]).await?.is_some())
    }
}

impl Waiter {
    /// Waits at most `longest`. May be cancelled at any point without losing a hint. After an error, the next
    /// waiting makes its connection anew.
    pub async fn wait(&mut self, longest: Duration) -> Result<Woken> {
        let longest = Instant::now() + longest;
        let rescan_due =
            self.store.claim_cursor().rescan_due().filter(|rescan_due| *rescan_due < longest);
        match timeout_at(rescan_due.unwrap_or(longest), self.source.hint(&self.store)).await {
            Ok(outcome) => outcome.map(|()| Woken::Work),
            Err(_) if rescan_due.is_some() => {
                self.store.claim_cursor().rescan_announced();
                Ok(Woken::Work)
            }
            Err(_) => Ok(Woken::Deadline),
        }
    }
}

impl Source {
    async fn hint(&mut self, store: &Store) -> Result<()> {
        match self {
            Self::Notices(Some(listener), poll) => {
                let heard = tokio::select! {
                    heard = listener.heard() => heard,
                    seen = look(poll) => return seen,
                };
                if heard.is_err() {
                    *self = Self::Notices(None, poll.take());
                }
                heard
            }
            // A call may have been missed meanwhile: look.
            Self::Notices(listener, _) => {
                *listener = Some(Box::new(Listener::connect(store).await?));
                Ok(())
            }
            Self::File(watch) => watch.changed().await,
            Self::Poll(poll) => poll.changed().await,
        }
    }
}

async fn look(poll: &mut Option<Poll>) -> Result<()> {
    match poll {
        Some(poll) => Box::pin(poll.changed()).await,
        None => std::future::pending().await,
    }
}
