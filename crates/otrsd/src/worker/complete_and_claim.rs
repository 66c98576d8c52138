//! The complete-and-claim exchange with the database: finished tasks are recorded and new ones claimed, in one
//! transaction.

use std::{collections::HashMap, time::Duration};

use jiff::Timestamp;
use task_store::{
    Claim, Dialect, Execution, Finish, Finished, HeldState, History, Hold, LockKey, Outcome,
    Payload, Task, Then, decode,
};

use super::{
    execution::{self, Interruption, Order},
    handlers::Handler,
    lease::CAREFUL,
    outcome::MAX_CRASHES,
    requeue_unrouted,
    worker_loop::{SAFETY, WorkerLoop},
};
use crate::{
    clock::{self, MonotonicTime},
    config::{
        home::handler_wanted,
        task_types::{OnCrash, OnLeaseLost},
    },
    logs,
};

/// From this number on, finished tasks are recorded while new tasks are claimed.
const MANY: usize = 64;
/// Due retries that are released at once.
const RETRIES: u32 = 200;

impl WorkerLoop {
    /// Records what ended, claims what fits, and starts it.
    pub(super) async fn exchange(&mut self) -> task_store::Result<()> {
        if self.unsure {
            let all = self.store.locked_by(LockKey::Ours(self.owner)).await?;
            let known = self.holding();
            self.claimed.extend(all.into_iter().filter(|task| !known.contains(&task.row)));
            self.unsure = false;
        }
        self.start_claimed().await?;
        self.release_retries().await?;
        self.kept.again(&mut self.finished, clock::now());
        self.elsewhere = match self.predecessors.owners() {
            [] => 0,
            predecessors => self.store.held_by(predecessors).await?,
        } + *self.orphans.borrow_and_update();
        self.hear_of_functions();
        self.count_ends(0);
        let slots = if self.look { self.wanted() } else { 0 };
        if self.finished.is_empty() && slots == 0 {
            return Ok(());
        }
        let holding = self.holding();
        let except = self.not_now();
        let claim = Claim {
            owner: self.owner,
            slots,
            from_start: self.freed,
            except: &except,
            holding: &holding,
        };
        let now = clock::now_utc();
        let answer = self.trade(&claim, now).await?;
        if answer.ours.contains(&false) {
            logs::warn(&taken(&self.finished, &answer.ours));
        }
        self.look |= !answer.refused.is_empty();
        self.kept.take(&answer.refused, &mut self.finished, clock::now());
        self.odd_rows.kept(self.kept.told().collect());
        if !answer.refused.is_empty() || self.finished.iter().any(is_quarantined) {
            self.odd_rows.look();
        }
        if self.ending.is_some() && !self.finished.is_empty() {
            // The successor may use the free slots.
            self.wake.tell();
        }
        self.remember_retries(now);
        if self.finished.iter().filter_map(|it| it.execution.as_ref()).any(is_failure) {
            self.failed.notify_one();
        }
        self.finished.clear();
        if slots > 0 && answer.refused.is_empty() {
            self.freed = false;
            self.look = answer.claimed.len() >= slots as usize;
        }
        if !answer.claimed.is_empty() {
            self.odd_rows.work();
        }
        let bytes = answer.claimed.iter().map(|task| task.data.len()).sum();
        self.ahead.came(answer.claimed.len(), bytes);
        self.claimed.extend(answer.claimed);
        self.start_claimed().await
    }

    /// Completes and claims in one transaction; if many tasks finished, a server gets two concurrent transactions.
    async fn trade(&mut self, claim: &Claim<'_>, now: Timestamp) -> task_store::Result<Finish> {
        if self.finished.is_empty() {
            let claimed = self.store.claim(claim, now).await?;
            return Ok(Finish { claimed, ..Finish::default() });
        }
        let few = self.finished.len() < MANY || self.store.dialect() == Dialect::Sqlite;
        if few || claim.slots == 0 {
            let claim = Some(claim).filter(|claim| claim.slots > 0);
            return self.store.finish(self.owner, &self.finished, claim, now).await;
        }
        let ends = self.store.finish(self.owner, &self.finished, None, now);
        let claimed = self.store.claim(claim, now);
        let (ends, claimed) = tokio::join!(Box::pin(ends), Box::pin(claimed));
        // A failed claim is resolved before the next exchange.
        self.unsure |= claimed.is_err();
        let claimed = claimed.unwrap_or_default();
        match ends {
            Ok(ends) => Ok(Finish { claimed, ..ends }),
            Err(error) => {
                self.claimed.extend(claimed);
                Err(error)
            }
        }
    }

    /// Too long without a heartbeat: another worker may soon reclaim what is started now.
    fn is_careful(&self) -> bool {
        clock::boottime().since(*self.alive.borrow()) >= CAREFUL
    }

    /// The rows locked by this worker, as far as is known.
    pub(super) fn holding(&self) -> Vec<i64> {
        let claimed = self.claimed.iter().map(|task| task.row);
        let finished = self.finished.iter().map(|finished| finished.row);
        let ours = claimed.chain(finished).chain(self.kept.rows()).chain(self.isolation.waiting());
        ours.chain(self.titles.keys().copied()).chain(self.executor.rows()).collect()
    }

    /// Types that are not claimed while one of their tasks runs, or waits to run, in isolation.
    fn not_now(&self) -> Vec<String> {
        let all = self.setup.in_process.iter().filter(|_| self.isolation.is_exclusive());
        all.cloned().collect()
    }

    /// An error that concerns held tasks must not keep others from running.
    async fn release_retries(&mut self) -> task_store::Result<()> {
        let now = clock::now();
        if self.ending.is_some() || self.retries_at > now {
            return Ok(());
        }
        match self.release_due(now).await {
            Err(error) if !error.is_transient() => {
                self.odd_rows.say(format!("retries are not put back into the queue: {error}"));
                self.retries_at = now + SAFETY;
                Ok(())
            }
            outcome => outcome,
        }
    }

    async fn release_due(&mut self, now: MonotonicTime) -> task_store::Result<()> {
        let mut next = self.store.next_retry().await?;
        if next.is_some_and(|due| due <= clock::now_utc()) {
            self.freed |= self.store.release_due(clock::now_utc(), RETRIES).await? > 0;
            self.look |= self.freed;
            next = self.store.next_retry().await?;
        }
        let pause = next.map_or(SAFETY, |due| until(due).min(SAFETY));
        self.retries_at = now + pause;
        self.look |= pause == SAFETY;
        Ok(())
    }

    fn remember_retries(&mut self, now: Timestamp) {
        for finished in &self.finished {
            if let Then::Hold(Hold { due: Some(due), .. }) = &finished.then {
                let pause = Duration::try_from(due.duration_since(now)).unwrap_or_default();
                self.retries_at = self.retries_at.min(clock::now() + pause);
            }
        }
    }

    async fn start_claimed(&mut self) -> task_store::Result<()> {
        if !self.has_claimed() || self.ending.is_none() && self.is_careful() {
            return Ok(());
        }
        let tried = self.claimed.iter().filter(|task| task.tried);
        let ids: Vec<_> = tried.map(|task| task.id).collect();
        let mut known = match ids.as_slice() {
            [] => HashMap::new(),
            ids => self.store.history(ids).await?,
        };
        // Requested of a worker that died before it could cancel.
        let mut unwanted = HashMap::new();
        if !known.is_empty() {
            match self.store.cancel_requests().await {
                Ok(all) => unwanted.extend(all),
                Err(error) if error.is_transient() => return Err(error),
                Err(error) => {
                    self.odd_rows.say(format!("requests to cancel are not heard: {error}"));
                }
            }
        }
        for task in std::mem::take(&mut self.claimed) {
            let history = known.remove(&task.id).unwrap_or_default();
            let row = task.row;
            if let Some(by) = unwanted.remove(&task.id) {
                self.finished.push(execution::cancelled(task, self.owner, by));
                continue;
            }
            match self.order(task, history) {
                Ok(order) => self.admit(order),
                Err(hold) => {
                    let then = Then::Hold(hold);
                    self.finished.push(Finished { row, execution: None, then });
                }
            }
        }
        let waited = match self.ending {
            None => self.isolation.admit_exclusive(self.finished.len()),
            Some(_) => self.isolation.dismiss(),
        };
        if let Some(order) = waited {
            self.line_up(order);
        }
        for order in self.executor.start(self.room()) {
            self.begin(order);
        }
        Ok(())
    }

    fn admit(&mut self, order: Order) {
        match self.isolation.admit(order) {
            Ok(Some(order)) => self.line_up(order),
            Ok(None) => {}
            Err(row) => self.release(row),
        }
    }

    /// Queues the task, unless a stop was requested meanwhile: then it is released, since it has not started.
    fn line_up(&mut self, order: Order) {
        if self.ending.is_some() {
            self.isolation.leave(order.task.row);
            return self.release(order.task.row);
        }
        self.executor.line_up(order);
    }

    /// Starts a task outside of this process.
    fn begin(&mut self, order: Order) {
        self.titles.insert(order.task.row, order.title());
        let now = match order.policy.on_lease_lost {
            OnLeaseLost::Kill => self.stop.now.clone(),
            OnLeaseLost::Continue => self.stop.gone.clone(),
        };
        let cancel = self.cancels.begin(order.task.id);
        let stop = Interruption { now, cancel, ..self.stop.clone() };
        self.running.spawn(execution::run(order, self.tools.clone(), stop));
    }

    pub(super) fn release(&mut self, row: i64) {
        self.finished.push(Finished { row, execution: None, then: Then::Free });
    }

    /// Prepares a task to run, or returns why it cannot run.
    fn order(&mut self, task: Task, history: History) -> Result<Order, Hold> {
        let hold = |state, reason| Hold { state, due: None, reason };
        if let Some(reason) = task.damage {
            return Err(hold(HeldState::Quarantined, reason));
        }
        let is_suspect = self.suspects.remove(task.id);
        if is_suspect && history.crashed >= MAX_CRASHES {
            let reason = format!("its worker died {} times while it ran", history.crashed);
            return Err(hold(HeldState::Quarantined, reason));
        }
        let Some((policy, handler)) = self.setup.handlers.of(&task) else {
            let kind = &task.task_type;
            let reason = format!("no handler for type '{kind}' in this daemon");
            if self.unknown.insert(kind.clone()) {
                logs::warn(&format!(
                    "{reason}: its tasks wait until there is one, {}",
                    handler_wanted(self.context.settings(), kind)
                ));
            }
            return Err(hold(HeldState::NoHandler, reason));
        };
        if self.unknown.remove(&task.task_type) {
            // The handler's file was installed meanwhile.
            let (store, types) = (self.store.clone(), vec![task.task_type.clone()]);
            tokio::spawn(async move { requeue_unrouted::of(&store, &types).await });
        }
        let in_process = matches!(handler, Handler::Function(_));
        if is_suspect && in_process && policy.on_crash == OnCrash::Keep {
            let reason = "its worker died while it ran, and its type has OnCrash keep".to_owned();
            return Err(hold(HeldState::Failed, reason));
        }
        // Perl reads the data that it froze, including forms that only Perl can read.
        let data = match handler {
            Handler::Perl => Ok(Payload::default()),
            _ => decode(&task.data),
        };
        let data =
            data.map_err(|error| hold(HeldState::Failed, error.to_string().replace('\0', "")))?;
        Ok(Order { task, data, handler, policy, history, owner: self.owner, claimed: clock::now() })
    }
}

fn is_quarantined(it: &Finished) -> bool {
    matches!(&it.then, Then::Hold(hold) if hold.state == HeldState::Quarantined)
}

/// Whether the failure is to be mailed.
fn is_failure(it: &Execution) -> bool {
    !matches!(
        it.outcome,
        Outcome::Success | Outcome::Postponed | Outcome::Interrupted | Outcome::Cancelled
    )
}

/// The message that names the tasks that were no longer this worker's.
fn taken(finished: &[Finished], ours: &[bool]) -> String {
    let lost = finished.iter().zip(ours).filter(|(_, ours)| !**ours).map(|(it, _)| it);
    let names: Vec<String> = lost
        .map(|it| match &it.execution {
            Some(it) => format!("{} ({} {})", it.id, it.task_type, it.name),
            None => format!("row {}", it.row),
        })
        .collect();
    let names = names.join(", ");
    format!(
        "how these ended here is not written down, they were taken by others meanwhile: {names}"
    )
}

fn until(due: Timestamp) -> Duration {
    Duration::try_from(due.duration_since(clock::now_utc())).unwrap_or_default()
}
