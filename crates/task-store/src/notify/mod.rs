//! Waiting for tasks, the way each database allows: a notification, a changed file, or polling.
//!
//! A notification is a hint: there may be no task, and a hint may be lost. So a worker also claims at its safety poll.
//! The sending side is [`store::notifier`](crate::store::notifier).

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
    /// Tasks seem to be there that can be claimed.
    Work,
    /// The time is up.
    Deadline,
}

/// Waits for tasks in one database. Make it before the first claim, so that no task that is enqueued between a claim and
/// the wait is missed.
pub struct Waiter {
    store: Store,
    source: Source,
}

enum Source {
    /// There is no listener after an error, until the next wait. Where Perl's additions do not notify, they are polled for.
    Notices(Option<Box<Listener>>, Option<Poll>),
    File(FileWatch),
    Poll(Poll),
}

impl Store {
    /// Whether a waiter is also notified of tasks that are scheduled for later.
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

    /// Whether the database itself notifies, whichever program enqueues.
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
