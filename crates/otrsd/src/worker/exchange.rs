//! What a life tells the database, and what it gets for it: ends against new tasks, in one transaction.

use std::{sync::Arc, time::Duration};

use task_store::{Claim, Finished, HeldState, History, Hold, LockKey, Task, Then, decode};

use super::{
    execution::{self, Order},
    lease::CAREFUL,
    life::{Life, SAFETY},
    outcome::CRASHES,
};
use crate::{clock, logs};

/// Due retries that are freed at once.
const RETRIES: u32 = 200;

impl Life {
    /// Writes down what ended, claims what fits, and starts it.
    pub(super) async fn exchange(&mut self) -> task_store::Result<()> {
        if self.unsure {
            let all = self.store.locked_by(LockKey::Ours(self.owner)).await?;
            let known = self.holding();
            self.claimed.extend(all.into_iter().filter(|task| !known.contains(&task.row)));
            self.unsure = false;
        }
        self.start_claimed().await?;
        self.release_retries().await?;
        self.elsewhere = match self.elders.owners() {
            [] => 0,
            elders => self.store.held_by(elders).await?,
        };
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
        self.titles.keys().copied().chain(claimed).chain(finished).collect()
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
        if self.claimed.is_empty() || self.ending.is_none() && self.is_careful() {
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
                    self.titles.insert(row, order.title());
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
}

fn until(due: jiff::Timestamp) -> Duration {
    Duration::try_from(due.duration_since(clock::wall())).unwrap_or_default()
}
