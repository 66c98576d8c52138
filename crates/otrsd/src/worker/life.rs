//! One life of the worker: a loop that waits for an event, changes what it knows, and exchanges that with the
//! database: ends against new tasks.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use task_store::{
    Claim, Finished, HeldState, History, Hold, LockKey, Owner, Store, Task, Then, Waiter, decode,
};
use tokio::{sync::watch::Receiver, task::JoinSet, time::sleep};
use tokio_util::sync::CancellationToken;

use super::{
    execution::{self, Interruption, Order},
    lease::CAREFUL,
    outcome::CRASHES,
    reaper::Reaper,
    slots,
    trouble::Trouble,
    watch::Suspects,
};
use crate::{
    clock::{self, Moment},
    config::task_types::TaskType,
    logs,
    module::{ModuleContext, Round},
};

/// The database is looked at so often, even if nobody says that something was added.
const SAFETY: Duration = Duration::from_secs(10);
/// After an error.
const PAUSE: Duration = Duration::from_secs(1);
/// Due retries that are freed at once.
const RETRIES: u32 = 200;

/// What the settings say.
#[derive(Clone, Debug)]
pub(super) struct Setup {
    /// How many tasks run at once.
    pub(super) slots: u32,
    pub(super) types: BTreeMap<String, Arc<TaskType>>,
    /// How long running tasks may go on after a stop is asked for.
    pub(super) grace: Duration,
    /// How long this life claims.
    pub(super) discard: Duration,
}

/// A worker that works.
pub(super) struct Life {
    context: ModuleContext,
    store: Store,
    owner: Owner,
    setup: Setup,
    trouble: Trouble,
    /// When this worker last showed that it lives.
    alive: Receiver<Moment>,
    suspects: Suspects,
    reaper: Arc<Reaper>,
    stop: Interruption,
    /// The rows that run.
    rows: HashSet<i64>,
    running: JoinSet<Finished>,
    /// Ours, and not yet started.
    claimed: Vec<Task>,
    /// Over, and not yet written down.
    finished: Vec<Finished>,
    /// Types without a handler that were told of.
    unknown: BTreeSet<String>,
    /// Why nothing is claimed any more.
    ending: Option<&'static str>,
    /// There may be something to claim.
    look: bool,
    /// The last exchange failed: the database may have given us what we do not know of.
    unsure: bool,
    retries_at: Moment,
}

impl Life {
    pub(super) fn new(
        context: &ModuleContext,
        store: &Store,
        owner: Owner,
        setup: Setup,
        (alive, suspects): (Receiver<Moment>, Suspects),
        trouble: Trouble,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            context: context.clone(),
            store: store.clone(),
            alive,
            suspects,
            owner,
            setup,
            trouble,
            reaper: Reaper::start()?,
            stop: Interruption::default(),
            rows: HashSet::new(),
            running: JoinSet::new(),
            claimed: Vec::new(),
            finished: Vec::new(),
            unknown: BTreeSet::new(),
            ending: None,
            look: true,
            unsure: false,
            retries_at: clock::now(),
        })
    }

    pub(super) fn slots(&self) -> u32 {
        self.setup.slots
    }

    /// Whoever cancels it says that the tasks may be others'.
    pub(super) fn lost(&self) -> CancellationToken {
        self.stop.now.clone()
    }

    /// Works until this life is to end and nothing is left.
    pub(super) async fn lead(mut self) -> anyhow::Result<Round> {
        let mut waiter = None;
        let discard_at = clock::now() + self.setup.discard;
        let mut kill_at = None;
        loop {
            if waiter.is_none() {
                let made = self.store.waiter().await;
                waiter = self.trouble.check(made);
            }
            let outcome = self.exchange().await;
            let works = self.trouble.check(outcome).is_some() && waiter.is_some();
            self.unsure |= !works;
            if self.ending.is_some() && self.running.is_empty() {
                // Without a database the next life takes the tasks back.
                if works && self.finished.is_empty() || self.context.is_stopping() && !works {
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
        discard_at: Moment,
        kill_at: &mut Option<Moment>,
    ) -> anyhow::Result<()> {
        let now = clock::now();
        let (ending, can_claim) = (self.ending, self.can_claim());
        let left = |at: Moment| at.since(now);
        let pause = if works { left(self.retries_at) } else { PAUSE };
        let kill = kill_at.map(left);
        tokio::select! {
            Some(done) = self.running.join_next() => self.collect(done)?,
            () = hint(waiter), if can_claim => self.look = true,
            () = sleep(pause), if ending.is_none() || !works => {}
            () = self.context.stopped(), if kill.is_none() => {
                self.ending = Some("a stop was asked for");
                *kill_at = Some(now + self.setup.grace);
            }
            () = sleep(left(discard_at)), if ending.is_none() => {
                self.ending = Some("its time is over");
            }
            () = sleep(kill.unwrap_or_default()), if kill.is_some() && !self.stop.soon.is_cancelled() => {
                self.stop.soon.cancel();
            }
            Ok(()) = self.alive.changed(), if !self.claimed.is_empty() => {}
            () = self.stop.now.cancelled(), if ending != Some(LOST) => self.ending = Some(LOST),
        }
        Ok(())
    }

    fn can_claim(&self) -> bool {
        self.ending.is_none() && self.free() > 0
    }

    fn free(&self) -> u32 {
        slots::free(self.setup.slots, self.running.len(), self.claimed.len())
    }

    fn collect(&mut self, done: Result<Finished, tokio::task::JoinError>) -> anyhow::Result<()> {
        let mut next = Some(done);
        while let Some(done) = next {
            let finished = done.context("an execution went wrong")?;
            self.rows.remove(&finished.row);
            self.finished.push(finished);
            next = self.running.try_join_next();
        }
        self.look = true;
        Ok(())
    }

    /// Writes down what ended, claims what fits, and starts it.
    async fn exchange(&mut self) -> task_store::Result<()> {
        if self.unsure {
            let all = self.store.locked_by(LockKey::Ours(self.owner)).await?;
            let known = self.holding();
            self.claimed.extend(all.into_iter().filter(|task| !known.contains(&task.row)));
            self.unsure = false;
        }
        self.start_claimed().await?;
        self.release_retries().await?;
        let slots = if self.look && self.can_claim() { self.free() } else { 0 };
        if self.finished.is_empty() && slots == 0 {
            return Ok(());
        }
        let holding = self.holding();
        let claim = Claim { owner: self.owner, slots, except: &[], holding: &holding };
        let claim = Some(&claim).filter(|_| slots > 0);
        let now = clock::wall();
        let answer = self.store.finish(self.owner, &self.finished, claim, now).await?;
        let lost = answer.ours.iter().filter(|ours| !**ours).count();
        if lost > 0 {
            logs::complain(&format!("{lost} tasks were taken by others while they ran here"));
        }
        self.remember_retries(now);
        self.finished.clear();
        if slots > 0 {
            self.look = answer.claimed.len() >= slots as usize;
        }
        self.claimed.extend(answer.claimed);
        self.start_claimed().await
    }

    /// Too long without a sign of life: what is started now may soon be another's.
    fn is_careful(&self) -> bool {
        clock::boot().since(*self.alive.borrow()) >= CAREFUL
    }

    fn holding(&self) -> Vec<i64> {
        let claimed = self.claimed.iter().map(|task| task.row);
        let finished = self.finished.iter().map(|finished| finished.row);
        self.rows.iter().copied().chain(claimed).chain(finished).collect()
    }

    async fn release_retries(&mut self) -> task_store::Result<()> {
        let now = clock::now();
        if self.ending.is_some() || self.retries_at > now {
            return Ok(());
        }
        self.look |= self.store.release_due(clock::wall(), RETRIES).await? > 0;
        let next = self.store.next_retry().await?;
        let pause = next.map_or(SAFETY, |due| until(due).min(SAFETY));
        self.retries_at = now + pause;
        self.look |= pause == SAFETY;
        Ok(())
    }

    fn remember_retries(&mut self, now: jiff::Timestamp) {
        for finished in &self.finished {
            if let Then::Hold(Hold { due: Some(due), .. }) = &finished.then {
                let pause = Duration::try_from(due.duration_since(now)).unwrap_or_default();
                self.retries_at = self.retries_at.min(clock::now() + pause);
            }
        }
    }

    async fn start_claimed(&mut self) -> task_store::Result<()> {
        if self.claimed.is_empty() || self.is_careful() {
            return Ok(());
        }
        let ids: Vec<_> = self.claimed.iter().map(|task| task.id).collect();
        let mut known = self.store.history(&ids).await?;
        for task in std::mem::take(&mut self.claimed) {
            let history = known.remove(&task.id).unwrap_or_default();
            let row = task.row;
            match self.order(task, history) {
                // A stop that came meanwhile; nobody has begun with it.
                Ok(_) if self.ending.is_some() => {
                    self.finished.push(Finished { row, execution: None, then: Then::Free });
                }
                Ok(order) => {
                    self.rows.insert(row);
                    self.running.spawn(execution::run(
                        order,
                        Arc::clone(&self.reaper),
                        self.stop.clone(),
                    ));
                }
                Err(hold) => {
                    let then = Then::Hold(hold);
                    self.finished.push(Finished { row, execution: None, then });
                }
            }
        }
        Ok(())
    }

    /// What is needed to run a task, or why it cannot run.
    fn order(&mut self, task: Task, history: History) -> Result<Order, Hold> {
        let hold = |state, reason| Hold { state, due: None, reason };
        if self.suspects.remove(task.id) && history.crashed >= CRASHES {
            let reason = format!("its worker died {} times while it ran", history.crashed);
            return Err(hold(HeldState::Quarantined, reason));
        }
        let policy = self.setup.types.get(&task.task_type);
        let Some((policy, argv)) = policy.and_then(|it| Some((it, it.command.clone()?))) else {
            let kind = &task.task_type;
            let reason = format!("no handler for type '{kind}' in this daemon");
            if self.unknown.insert(kind.clone()) {
                logs::complain(&format!(
                    "{reason}: its tasks wait until TaskType###{kind} has a Command"
                ));
            }
            return Err(hold(HeldState::NoHandler, reason));
        };
        let data = decode(&task.data)
            .map_err(|error| hold(HeldState::Failed, error.to_string().replace('\0', "")))?;
        let (policy, owner) = (Arc::clone(policy), self.owner);
        Ok(Order { task, data, argv, policy, history, owner })
    }

    async fn end(mut self) -> Round {
        if self.finished.is_empty() {
            let outcome = self.store.unregister(self.owner).await;
            self.trouble.check(outcome);
        }
        Round::discard(self.ending.unwrap_or_default())
    }
}

const LOST: &str = "its tasks may be others' by now";

async fn hint(waiter: Option<&mut Waiter>) {
    let Some(waiter) = waiter else { return std::future::pending().await };
    // An error is met again by the next exchange, which tells of it.
    if waiter.wait(SAFETY).await.is_err() {
        sleep(PAUSE).await;
    }
}

fn until(due: jiff::Timestamp) -> Duration {
    Duration::try_from(due.duration_since(clock::wall())).unwrap_or_default()
}
