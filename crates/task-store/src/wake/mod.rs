//! Waiting for work, the way each database allows: a notice, a changed file, a look now and then.
//!
//! A wake-up is a hint: there may be nothing, and a hint may be lost. Whoever waits claims again at its safety
//! poll in any case.

mod call;
mod file;
mod poll;

use std::time::Duration;

use sqlx::postgres::PgListener;
use tokio::time::{Instant, timeout_at};

use crate::database::{Dialect, arguments};
use crate::error::Result;
use crate::store::Store;
pub(crate) use call::{Calls, call_with};
use file::FileWatch;
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
    /// Where Perl's additions do not call, somebody looks for them.
    Notices(Box<PgListener>, Option<Poll>),
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
        let source = match (self.pools().postgres(), self.pools().sqlite_file()) {
            (Some(pool), _) => {
                let mut listener = PgListener::connect_with(pool).await?;
                listener.listen("otrsd_task").await?;
                let looks = (!self.calls_at_adds().await?).then(|| Poll::new(self.clone()));
                Source::Notices(Box::new(listener), looks)
            }
            (None, Some(file)) => Source::File(FileWatch::new(&file)?),
            (None, None) => Source::Poll(Poll::new(self.clone())),
        };
        debug_assert_eq!(matches!(source, Source::Poll(_)), self.dialect() == Dialect::MariaDb);
        Ok(Waiter { store: self.clone(), source })
    }

    /// Whether the database itself calls, whoever adds.
    async fn calls_at_adds(&self) -> Result<bool> {
        let sql = "SELECT 1 FROM pg_trigger WHERE tgname = 'otrsd_wake' AND tgrelid = to_regclass('scheduler_task')";
        Ok(!self.is_home() || self.row(sql, arguments![]).await?.is_some())
    }
}

impl Waiter {
    /// Waits at most `longest`. May be cancelled at any point without losing a hint.
    pub async fn wait(&mut self, longest: Duration) -> Result<Woken> {
        let work = async {
            match &mut self.source {
                Source::Notices(listener, poll) => {
                    // A reconnected listener (None) may have missed notices: look.
                    tokio::select! {
                        heard = listener.try_recv() => drop(heard?),
                        seen = look(poll) => seen?,
                    }
                    while listener.next_buffered().is_some() {}
                    Ok(())
                }
                Source::File(watch) => watch.changed().await,
                Source::Poll(poll) => poll.changed().await,
            }
        };
        let longest = Instant::now() + longest;
        let owed = self.store.front().owed().filter(|owed| *owed < longest);
        match timeout_at(owed.unwrap_or(longest), work).await {
            Ok(outcome) => outcome.map(|()| Woken::Work),
            Err(_) if owed.is_some() => {
                self.store.front().told();
                Ok(Woken::Work)
            }
            Err(_) => Ok(Woken::Deadline),
        }
    }
}

async fn look(poll: &mut Option<Poll>) -> Result<()> {
    match poll {
        Some(poll) => Box::pin(poll.changed()).await,
        None => std::future::pending().await,
    }
}
