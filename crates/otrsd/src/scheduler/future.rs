//! `SchedulerFutureTaskManager`: moves future tasks into the queue when they are due.
//!
//! It sleeps until the next one is due, or until a notification that a task was scheduled meanwhile. Where the database
//! has no notifications, an index-only query every two seconds detects that.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use task_store::{Entry, State, Store, Waiter};

use crate::{
    clock,
    config::{database, pace::Pace},
    engine::{
        odd_rows,
        outage_log::OutageLog,
        preflight,
        summary::{list, row, time},
    },
    module::{Column, DaemonModule, ModuleContext, Round, Summary},
};

/// One of them listens for notifications.
const CONNECTIONS: u32 = 2;
/// Tasks that are moved in one transaction.
const BATCH: u32 = 500;
/// The shortest interval between two checks; the column has only whole seconds.
const LOOK: Duration = Duration::from_secs(1);
/// Without notifications: how late a task may be that was scheduled to be due sooner than this.
const LOOK_UNCALLED: Duration = Duration::from_secs(2);
/// A notification may be lost.
const SAFETY: Duration = Duration::from_secs(10);
/// A task that is due and did not move is locked by another process: this pause avoids a busy loop.
const SHORTEST: Duration = Duration::from_millis(20);

pub(crate) struct SchedulerFutureTaskManager {
    context: ModuleContext,
    /// Opened in the first round: it needs the runtime.
    store: Option<Store>,
    /// Receives notifications of scheduled tasks, where the database has them.
    waiter: Option<Waiter>,
    outages: OutageLog,
}

impl SchedulerFutureTaskManager {
    pub(crate) fn new(context: ModuleContext) -> Self {
        let outages = OutageLog::new(context.clone());
        Self { context, store: None, waiter: None, outages }
    }

    /// Moves what is due; returns when the next task is due, as far as the database knows.
    async fn work(&mut self, store: &Store) -> task_store::Result<Option<Timestamp>> {
        if self.waiter.is_none() && store.hears_of_plans() {
            self.waiter = Some(store.waiter().await?);
        }
        loop {
            let planned = store.planned().await?;
            if planned.is_damaged && store.quarantine_planned(clock::now_utc()).await? > 0 {
                continue;
            }
            let due = planned.next;
            if due.is_none_or(|due| due > clock::now_utc()) {
                return Ok(due);
            }
            let moved = store.move_due(clock::now_utc(), BATCH).await?;
            if moved == 0 {
                return Ok(due);
            }
        }
    }

    /// Waits until a task is due, or is scheduled.
    async fn wait(&mut self, due: Option<Timestamp>) {
        let now = clock::now_utc();
        let Some(waiter) = &mut self.waiter else {
            return self.context.pause(pause(due, now, LOOK_UNCALLED)).await;
        };
        let soon = pause(due, now, LOOK);
        self.context.pause(soon).await;
        let left = pause(due, clock::now_utc(), SAFETY);
        if soon < LOOK {
            return;
        }
        tokio::select! {
            () = self.context.stopped() => {}
            heard = waiter.wait(left) => if heard.is_err() {
                self.waiter = None;
            }
        }
    }
}

#[async_trait]
impl DaemonModule for SchedulerFutureTaskManager {
    async fn pre_run(&mut self) -> anyhow::Result<Round> {
        if self.store.is_none() {
            let store = database::open(self.context.settings(), CONNECTIONS)?;
            if preflight::wait(&self.context, &store, &mut self.outages).await? {
                self.store = Some(store);
            }
        }
        Ok(Round::Continue)
    }

    async fn run(&mut self) -> anyhow::Result<Round> {
        let Some(store) = self.store.clone() else { return Ok(Round::Continue) };
        let work = self.work(&store).await;
        odd_rows::show_left_out(&self.context, &store, Vec::new());
        match self.outages.check(work) {
            Some(due) => self.wait(due).await,
            None => self.context.pause(LOOK).await,
        }
        Ok(Round::Continue)
    }

    /// The round itself waits; it makes about as many checks as there are seconds in the original's hour.
    fn pace(&self) -> Pace {
        Pace { sleep_post: Some(Duration::ZERO), discard: Some(Duration::from_millis(3600)) }
    }

    async fn summary(&mut self) -> anyhow::Result<Vec<Summary>> {
        let store = database::open_made(self.context.settings(), CONNECTIONS)?;
        let planned = list(&store, State::Future).await?;
        Ok(vec![Summary {
            header: "Tasks to be executed in future:".to_owned(),
            columns: vec![
                Column::new("Name", "Name", 40),
                Column::new("Type", "Type", 20),
                Column::new("ExecutionTime", "To Execute At", 20),
            ],
            rows: planned.iter().map(|entry| cells(&store, entry)).collect(),
            no_data_message: "There are currently no tasks to be executed in future.".to_owned(),
        }])
    }
}

/// The time until the next task is due, but no longer than `longest`.
fn pause(due: Option<Timestamp>, now: Timestamp, longest: Duration) -> Duration {
    let left = due.map(|due| Duration::try_from(due.duration_since(now)).unwrap_or_default());
    left.map_or(longest, |left| left.clamp(SHORTEST, longest))
}

fn cells(store: &Store, entry: &Entry) -> std::collections::BTreeMap<String, String> {
    row([
        ("Name", entry.name.clone()),
        ("Type", entry.task_type.clone()),
        ("ExecutionTime", time(store, entry.due)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleeps_until_the_next_is_due() {
        let at = |millis| Timestamp::from_millisecond(millis).unwrap();
        for (due, expected) in
            [(None, 1000), (Some(5_000), 1000), (Some(1_300), 300), (Some(900), 20)]
        {
            let pause = pause(due.map(at), at(1_000), LOOK);
            assert_eq!(pause, Duration::from_millis(expected), "{due:?}");
        }
    }
}
