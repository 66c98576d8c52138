//! The handle: one database, cheap to clone, and the frame in which every transaction runs.

use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::aside::Aside;
use crate::database::{Argument, Connection, DatabaseUrl, Dialect, Pools, Row, Tries};
use crate::error::{Error, Result};
use crate::front::Front;
use crate::payload::Encoding;
use crate::timestamp::{from_wall_clock, wall_clock};
use crate::wake::{Notifier, NotifyCoalescer};

/// What a store must know beside its URL.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whether the three tables belong to an OTRS, Znuny or OTOBO: then they are never altered, have no
    /// priority, and payloads are written for Perl.
    pub home: bool,
    /// The zone of the wall clock in the original's columns.
    pub time_zone: TimeZone,
    /// The most connections to a server.
    pub connections: u32,
    /// The longest that one statement may take, and that one may wait for a connection.
    pub deadline: Duration,
    /// Notifies the workers on this host where the database cannot: MariaDB's.
    pub notifier: Option<Notifier>,
}

impl Default for Options {
    /// Standalone, UTC, 8 connections, 10 s.
    fn default() -> Self {
        let deadline = Duration::from_secs(10);
        Self { home: false, time_zone: TimeZone::UTC, connections: 8, deadline, notifier: None }
    }
}

/// The tasks of one database.
///
/// Every call is one transaction with a deadline for each statement. A call that met a deadlock or a dead
/// connection tries again by itself; what it returns is certain.
#[derive(Clone, Debug)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    pools: Pools,
    options: Options,
    front: Mutex<Front>,
    notify_coalescer: NotifyCoalescer,
    aside: Aside,
    plans_seen: AtomicI64,
}

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
    /// Opens a store by its URL: `sqlite:/PATH`, `postgres://…`, `mysql://…`. Connects when first used, so a
    /// database that is away is no error here. Of several hosts the first counts that takes writes.
    pub fn connect(url: &str, options: Options) -> Result<Self> {
        Ok(Self::open(DatabaseUrl::parse(url)?, options))
    }

    /// [`connect`](Self::connect) by a URL that was read before.
    pub fn open(url: DatabaseUrl, options: Options) -> Self {
        let pools = Pools::new(url, options.connections, options.deadline);
        Self {
            inner: Arc::new(Inner {
                pools,
                options,
                front: Mutex::new(Front::new()),
                notify_coalescer: NotifyCoalescer::default(),
                aside: Aside::default(),
                plans_seen: AtomicI64::new(i64::MIN),
            }),
        }
    }

    /// Closes all connections; calls that come later fail. Until then, workers may not yet have been notified of
    /// what was enqueued last.
    pub async fn close(&self) {
        self.notify_if_due().await;
        self.inner.pools.close().await;
    }

    /// Which SQL is spoken.
    pub fn dialect(&self) -> Dialect {
        self.inner.pools.dialect()
    }

    /// Whether the three tables belong to a home.
    pub fn is_home(&self) -> bool {
        self.inner.options.home
    }

    /// How payloads are written here.
    pub fn encoding(&self) -> Encoding {
        if self.is_home() { Encoding::Storable } else { Encoding::Json }
    }

    pub(crate) fn pools(&self) -> &Pools {
        &self.inner.pools
    }

    pub(crate) fn aside(&self) -> &Aside {
        &self.inner.aside
    }

    /// Up to which row the times of planned tasks were looked at, where that must be done.
    pub(crate) fn plans_seen(&self) -> &AtomicI64 {
        &self.inner.plans_seen
    }

    pub(crate) fn notify_coalescer(&self) -> &NotifyCoalescer {
        &self.inner.notify_coalescer
    }

    pub(crate) fn notifier(&self) -> Option<&Notifier> {
        self.inner.options.notifier.as_ref()
    }

    /// What is known of the front of the queue. It is a hint, so whoever panicked with it does no harm.
    pub(crate) fn front(&self) -> MutexGuard<'_, Front> {
        self.inner.front.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The text of a time for a column of the original.
    pub(crate) fn wall_clock(&self, time: Timestamp) -> String {
        wall_clock(time, self.time_zone())
    }

    /// The zone of the wall clock times in the original's columns.
    pub fn time_zone(&self) -> &TimeZone {
        &self.inner.options.time_zone
    }

    /// The time in a column of the original; `None` for a text that is no time.
    pub(crate) fn time_of(&self, text: &str) -> Option<Timestamp> {
        from_wall_clock(text.trim_end(), &self.inner.options.time_zone)
    }

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
