//! The worker's loop: it waits for an event, updates its state, and synchronizes it with the database by reporting
//! finished tasks and claiming new ones.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, atomic::AtomicU32},
    time::Duration,
};

use anyhow::Context as _;
use task_store::{Death, Finished, Owner, Store, Task, Waiter};
use tokio::{
    sync::{Notify, watch::Receiver},
    task::JoinSet,
    time::sleep,
};

use super::{
    Begun,
    cancel::Cancels,
    execution::{Interruption, Tools},
    executor::Executor,
    failure_detector::{self, CrashSuspects},
    handlers::Handlers,
    handoff::Handoff,
    isolation::IsolationQueue,
    perl::Perl,
    predecessors::Predecessors,
    prefetch::{self, Prefetch},
    reaper::Reaper,
    slots,
    unwritten::{self, UnwrittenEnds},
    wake::Wake,
};
use crate::{
    clock::{self, MonotonicTime},
    engine::{odd_rows::OddRows, outage_log::OutageLog},
    logs,
    module::{ModuleContext, Round},
};

/// The interval at which the database is polled, even without a notification of new tasks.
pub(super) const SAFETY: Duration = Duration::from_secs(10);
/// After an error.
const PAUSE: Duration = Duration::from_secs(1);

/// The worker's settings.
#[derive(Clone, Debug)]
pub(super) struct Setup {
    /// How many tasks run at once.
    pub(super) slots: u32,
    pub(super) handlers: Handlers,
    /// The types whose tasks run in this process, and may crash with it.
    pub(super) in_process: BTreeSet<String>,
    /// How long running tasks may continue after a stop is requested.
    pub(super) grace: Duration,
    /// How long this incarnation claims.
    pub(super) discard: Duration,
}

/// The state of a running worker.
pub(super) struct WorkerLoop {
    pub(super) context: ModuleContext,
    pub(super) store: Store,
    pub(super) owner: Owner,
    pub(super) setup: Setup,
    pub(super) outages: OutageLog,
    /// The time of this worker's last successful heartbeat.
    pub(super) alive: Receiver<MonotonicTime>,
    pub(super) suspects: CrashSuspects,
    pub(super) tools: Tools,
    pub(super) stop: Interruption,
    pub(super) cancels: Cancels,
    /// The ready queue, and the running functions.
    pub(super) executor: Executor,
    /// The executions outside of this process; and the titles of their tasks by row.
    pub(super) running: JoinSet<Finished>,
    pub(super) titles: BTreeMap<i64, String>,
    /// Which functions may run beside each other.
    pub(super) isolation: IsolationQueue,
    /// Locked by this worker, and not yet examined.
    pub(super) claimed: Vec<Task>,
    pub(super) ahead: Prefetch,
    /// Notified when a failure was recorded.
    pub(super) failed: Arc<Notify>,
    /// Over, and not yet recorded.
    pub(super) finished: Vec<Finished>,
    /// Over, and refused by the database.
    pub(super) kept: UnwrittenEnds,
    pub(super) odd_rows: OddRows,
    /// Types without a handler that were reported.
    pub(super) unknown: BTreeSet<String>,
    pub(super) handoff: Handoff,
    /// See [`requeue_unrouted`](crate::worker::requeue_unrouted).
    pub(super) alone: Arc<Notify>,
    /// Why this worker has stopped claiming.
    pub(super) ending: Option<&'static str>,
    /// There may be a task to claim.
    pub(super) look: bool,
    /// It may be anywhere in the queue.
    pub(super) freed: bool,
    /// Other workers of this node beside this one, tasks that the original left, and the number of tasks of both.
    pub(super) predecessors: Predecessors,
    pub(super) orphans: Receiver<u64>,
    pub(super) elsewhere: u64,
    pub(super) wake: Wake,
    /// The slots shown to others: see [`Lease::slots`](super::lease::Lease).
    pub(super) shown_slots: Arc<AtomicU32>,
    /// The last exchange failed: the database may have locked tasks for this worker that it does not know of.
    pub(super) unsure: bool,
    pub(super) retries_at: MonotonicTime,
    pub(super) renewed_at: MonotonicTime,
}

impl WorkerLoop {
    pub(super) fn new(
        context: &ModuleContext,
        store: &Store,
        begun: Begun,
        setup: Setup,
        (alive, suspects, orphans): (Receiver<MonotonicTime>, CrashSuspects, Receiver<u64>),
        outages: OutageLog,
    ) -> anyhow::Result<Self> {
        let reaper = Reaper::start()?;
        let perl = Perl::new(context.settings(), &reaper)?;
        let tools = Tools { reaper, http: Arc::default(), perl };
        let executor = Executor::new(setup.slots, context.settings(), alive.clone());
        Ok(Self {
            context: context.clone(),
            store: store.clone(),
            alive,
            suspects,
            owner: begun.owner,
            predecessors: begun.predecessors,
            orphans,
            elsewhere: 0,
            wake: Wake::listen(context.settings()),
            shown_slots: Arc::new(AtomicU32::new(setup.slots)),
            setup,
            outages,
            tools,
            stop: Interruption::default(),
            cancels: Cancels::new(executor.cancels()),
            executor,
            running: JoinSet::new(),
            titles: BTreeMap::new(),
            isolation: IsolationQueue::default(),
            claimed: Vec::new(),
            ahead: Prefetch::new(clock::now()),
            failed: Arc::default(),
            finished: Vec::new(),
            kept: UnwrittenEnds::default(),
            odd_rows: OddRows::default(),
            unknown: BTreeSet::new(),
            handoff: Handoff::default(),
            alone: Arc::default(),
            ending: None,
            look: true,
            freed: true,
            unsure: false,
            retries_at: clock::now(),
            renewed_at: clock::now(),
        })
    }

    pub(super) fn slots(&self) -> Arc<AtomicU32> {
        Arc::clone(&self.shown_slots)
    }

    /// Works until this incarnation is to end and nothing is left.
    pub(super) async fn lead(mut self) -> anyhow::Result<Round> {
        let mut waiter = None;
        let discard_at = clock::now() + self.setup.discard;
        let mut kill_at = None;
        self.announce();
        loop {
            if waiter.is_none() {
                let made = self.store.waiter().await;
                waiter = self.outages.check(made);
            }
            let outcome = self.exchange().await;
            let works = self.outages.check(outcome).is_some() && waiter.is_some();
            self.unsure |= !works;
            if self.ending.is_some() && self.runs_nothing() {
                // Without a database, the successor reclaims the tasks.
                let cannot_wait = self.context.is_hurried() || self.executor.is_stuck();
                if works && self.owes_nothing() || cannot_wait && !works {
                    return Ok(self.end().await);
                }
            }
            if works && self.can_claim() && self.look || works && !self.finished.is_empty() {
                continue;
            }
            let awaited = waiter.as_mut().filter(|_| works);
            self.event(awaited, works, discard_at, &mut kill_at).await?;
        }
    }

    /// Waits until there is something to do.
    async fn event(
        &mut self,
        waiter: Option<&mut Waiter>,
        works: bool,
        discard_at: MonotonicTime,
        kill_at: &mut Option<MonotonicTime>,
    ) -> anyhow::Result<()> {
        let now = clock::now();
        let (ending, can_claim) = (self.ending, self.can_claim());
        // A predecessor that records a result frees a slot here.
        let listens = can_claim || self.elsewhere > 0 && ending.is_none();
        let left = |at: MonotonicTime| at.since(now);
        let pause = if works { left(self.retries_at) } else { PAUSE };
        let kill = kill_at.map(left);
        let waits = self.executor.waits_since();
        let (tired_at, waits) =
            (waits.map_or(now, |since| since + prefetch::PATIENCE), waits.is_some());
        let goes_on = ending.is_none() && !self.handoff.is_asked_for();
        let handing_ends = self.handoff.ends().map(left);
        let renewal = self.renews_in(now);
        tokio::select! {
            Some(done) = self.running.join_next() => self.collect(done)?,
            () = self.executor.news() => self.hear_of_functions(),
            () = sleep(left(tired_at)), if waits => self.release_prefetched(),
            () = hint(waiter), if listens => self.look = true,
            word = self.wake.heard(), if listens || !goes_on || handing_ends.is_some() => self.hear(word),
            () = sleep(handing_ends.unwrap_or_default()), if handing_ends.is_some() => self.step(),
            () = sleep(pause), if ending.is_none() || !works => {}
            () = sleep(renewal.unwrap_or_default()), if renewal.is_some() => self.renew().await,
            () = self.context.hurried(), if kill.is_none() => {
                self.stop_claiming("a stop was asked for");
                *kill_at = Some(now + self.setup.grace);
            }
            () = self.context.called_last(), if !self.stop.soon.is_cancelled() => {
                self.stop_claiming("a stop was asked for");
                self.stop.soon.cancel();
            }
            () = self.context.stopped(), if ending.is_none() && !self.handoff.is_changed() => {
                self.change_over(now);
            }
            () = sleep(left(discard_at)), if goes_on && self.kept.is_empty() => self.offer("its time is over", now),
            dead = self.predecessors.dead() => {
                Box::pin(failure_detector::reclaim(&self.store, dead, Death::Known, &self.suspects, &[])).await;
                self.alone.notify_one();
                (self.look, self.freed) = (true, true);
            }
            () = sleep(kill.unwrap_or_default()), if kill.is_some() && !self.stop.soon.is_cancelled() => {
                self.stop.soon.cancel();
            }
            Ok(()) = self.orphans.changed() => self.look = true,
            Ok(()) = self.alive.changed(), if self.has_claimed() => {}
            () = self.stop.now.cancelled(), if ending != Some(LOST) => self.stop_claiming(LOST),
        }
        Ok(())
    }

    pub(super) fn can_claim(&self) -> bool {
        self.wanted() > 0
    }

    /// How many tasks fit: into the free slots, and into the ready queue.
    pub(super) fn wanted(&self) -> u32 {
        if self.ending.is_some() || self.handoff.waits() || self.kept.is_full() {
            return 0;
        }
        let claimed = self.claimed.len() + usize::from(self.isolation.waiting().is_some());
        slots::wanted(self.room(), self.executor.counts().0 + claimed, self.ahead.tasks())
    }

    /// How many slots are free.
    pub(super) fn room(&self) -> u32 {
        let executor = self.executor.counts().1;
        slots::room(self.setup.slots, self.running.len() + executor, self.elsewhere)
    }

    pub(super) fn runs_nothing(&self) -> bool {
        self.running.is_empty() && self.executor.cancels().is_empty()
    }

    fn collect(&mut self, done: Result<Finished, tokio::task::JoinError>) -> anyhow::Result<()> {
        let (mut next, before) = (Some(done), self.finished.len());
        while let Some(done) = next {
            let finished = done.context("an execution went wrong")?;
            self.titles.remove(&finished.row);
            finished.execution.iter().for_each(|it| self.cancels.end(it.id));
            self.finished.push(finished);
            next = self.running.try_join_next();
        }
        self.after_ends(self.finished.len() - before);
        Ok(())
    }

    /// Collects the executor's news: functions that ended, or a slot that is free.
    pub(super) fn hear_of_functions(&mut self) {
        let done = self.executor.take_done();
        if done.is_empty() {
            return;
        }
        for finished in &done {
            self.isolation.leave(finished.row);
        }
        self.after_ends(done.len());
        self.finished.extend(done);
    }

    pub(super) fn count_ends(&mut self, tasks: usize) {
        let now = clock::now();
        let dry = self.executor.take_starved(now);
        let dry = if self.room() > 0 { dry } else { Duration::ZERO };
        self.ahead.ended(tasks, dry, now);
    }

    fn after_ends(&mut self, tasks: usize) {
        self.count_ends(tasks);
        self.look = true;
        if self.executor.is_stuck() && self.ending.is_none() {
            self.stop_claiming("a function does not end");
        } else if self.ending.is_some() {
            self.tell_what_runs();
        }
    }

    /// Releases prefetched tasks that waited too long, for any worker with a free slot.
    pub(super) fn release_prefetched(&mut self) {
        self.ahead.forget();
        for row in self.executor.release_prefetched() {
            self.isolation.leave(row);
            self.release(row);
        }
    }

    /// Whether no row can be locked by this worker.
    fn owes_nothing(&self) -> bool {
        let written = self.finished.is_empty() && self.executor.rows().is_empty();
        written && !self.has_claimed() && !self.unsure
    }

    /// Whether tasks wait for their start.
    pub(super) fn has_claimed(&self) -> bool {
        !self.claimed.is_empty()
            || self.isolation.waiting().is_some()
            || self.executor.counts().0 > 0
    }

    /// A worker that may still have rows stays registered: its successor reclaims them.
    async fn end(mut self) -> Round {
        self.executor.close().await;
        let kept: Vec<i64> = self.kept.rows().collect();
        if !kept.is_empty() {
            let parked = self.store.park(self.owner, &kept).await;
            logs::warn(&unwritten::parked(&kept, parked));
        }
        if self.owes_nothing() {
            let outcome = self.store.unregister(self.owner).await;
            self.outages.check(outcome);
        }
        Round::discard(self.ending.unwrap_or_default())
    }
}

const LOST: &str = "its tasks may be others' by now";

async fn hint(waiter: Option<&mut Waiter>) {
    let Some(waiter) = waiter else { return std::future::pending().await };
    // The next complete-and-claim meets the same error, and reports it.
    if waiter.wait(SAFETY).await.is_err() {
        sleep(PAUSE).await;
    }
}
