//! Firing cron tasks: each fire time once in the whole cluster, many in one transaction.
//!
//! Runs, tasks and recurrent rows are written together. A node that fires first locks the recurrent rows, so nodes fire
//! a cron task one after the other, and the second node finds the run of the first.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::cron::cron_run::{at_or_before, extend, newest, write};
use crate::cron::fire_plan::{CronState, FirePlan, resolve_fired};
use crate::cron::pause::pauses_of;
use crate::cron::recurrent::FirstSeen;
use crate::database::error::{Error, Result};
use crate::database::{Argument, Column, Connection, Dialect, Insert, arguments};
use crate::model::lock_key::LockKey;
use crate::model::task::NewTask;
use crate::model::task_id::TaskId;
use crate::store::{Store, Transaction};
use crate::task::enqueue::Enqueue;

/// What a node asks to do about a fire time.
#[derive(Clone, Debug)]
pub struct FireRequest<'a> {
    /// The type of the cron task.
    pub task_type: &'a str,
    /// Its name.
    pub name: &'a str,
    /// The fire time, or the first of several that are skipped or missed.
    pub due: Timestamp,
    /// The last of them; `due` itself for one.
    pub last_due: Timestamp,
    /// How many they are.
    pub instants: u64,
    /// The fire time before `due`: a run of the same status that ends there is extended by this one.
    pub follows: Option<Timestamp>,
    /// What to do.
    pub action: FireAction<'a>,
    /// The node that asks.
    pub node: u16,
}

/// What is to be done about a fire time.
#[derive(Clone, Copy, Debug)]
pub enum FireAction<'a> {
    /// Enqueue this task.
    Run(&'a NewTask),
    /// Skip it, for this reason.
    Skip(&'a str),
    /// Record that no node was there, for this reason.
    Miss(&'a str),
}

/// What became of a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FireOutcome {
    /// Done as requested.
    Done,
    /// Skipped: as many tasks of its type and name as the limit allows are there.
    LimitReached,
    /// Skipped: the cron task is paused.
    Paused,
    /// Another node of ours was first, and fired up to this time. If that is before the end of the request, this request
    /// and all that follow it for the same cron task must be planned again from there.
    Taken(Timestamp),
    /// A node of the original ran it; now the run is recorded.
    RanElsewhere,
    /// A process holds the recurrent row at the moment: retry soon.
    Busy(LockKey),
    /// The database refuses what is written about this cron task: retry later.
    Refused,
}

impl Store {
    /// Fires cron tasks. The requests of one cron task must be in the order of their fire times.
    pub async fn fire(
        &self,
        requests: &[FireRequest<'_>],
        now: Timestamp,
    ) -> Result<Vec<FireOutcome>> {
        for request in requests {
            if let FireAction::Run(task) = request.action {
                task.check()?;
            }
        }
        if requests.is_empty() {
            return Ok(Vec::new());
        }
        match self.transact(&FireBatch::new(self, requests, now)).await {
            Err(error) if error.is_refusal() => self.fire_in_parts(requests, now).await,
            outcomes => outcomes,
        }
    }
}

pub(crate) struct FireBatch<'a> {
    store: &'a Store,
    task_type: &'a str,
    node: u16,
    requests: &'a [FireRequest<'a>],
    now: Timestamp,
}

impl<'a> FireBatch<'a> {
    pub(crate) fn new(store: &'a Store, requests: &'a [FireRequest<'a>], now: Timestamp) -> Self {
        let (task_type, node) = requests.first().map_or(("", 0), |it| (it.task_type, it.node));
        Self { store, task_type, node, requests, now }
    }
}

impl Transaction for FireBatch<'_> {
    type Output = Vec<FireOutcome>;

    fn has_enqueued(&self, outcomes: &Vec<FireOutcome>) -> bool {
        let ran = |(it, became): (&FireRequest<'_>, &FireOutcome)| {
            matches!(it.action, FireAction::Run(_)) && *became == FireOutcome::Done
        };
        self.requests.iter().zip(outcomes).any(ran)
    }

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Vec<FireOutcome>> {
        let crons = self.lock(connection).await?;
        let mut plan = FirePlan::new(self.store, crons);
        let mut outcomes: Vec<FireOutcome> = self.requests.iter().map(|it| plan.add(it)).collect();
        if !plan.tasks.is_empty() {
            let enqueue =
                Enqueue { store: self.store, tasks: &plan.tasks, now: self.now, notifies: true };
            let added = enqueue.run(connection).await?;
            plan.apply_limits(&added, &mut outcomes);
        }
        for extended in &plan.extended_runs {
            extend(connection, extended).await?;
        }
        match write(connection, &plan.new_runs, self.node, self.now).await {
            // Another node made the recurrent row meanwhile, so it was first: retry, to wait for its lock.
            Err(Error::Duplicate(text)) => return Err(Error::Conflict(text)),
            other => other?,
        }
        self.advance(connection, &plan).await?;
        Ok(outcomes)
    }

    async fn resolve_unknown_commit(
        &self,
        connection: &mut Connection<'_>,
    ) -> Result<Option<Vec<FireOutcome>>> {
        let mut there = Vec::with_capacity(self.requests.len());
        for FireRequest { name, due, .. } in self.requests {
            let row = at_or_before(connection, self.task_type, name, *due).await?;
            there.push(row.filter(|row| row.last_due >= *due));
        }
        Ok(resolve_fired(self.requests, &there))
    }
}

impl FireBatch<'_> {
    fn names(&self) -> Vec<String> {
        let names: BTreeSet<&str> = self.requests.iter().map(|request| request.name).collect();
        names.into_iter().map(str::to_owned).collect()
    }

    /// Locks the recurrent rows until the end of the transaction, on all nodes in the same order. Only after that the
    /// runs of other nodes are certain to be visible. A row that is gone is made anew: without it, two nodes could fire at
    /// the same time, and earlier runs would not be found.
    async fn lock(&self, connection: &mut Connection<'_>) -> Result<BTreeMap<String, CronState>> {
        let names = self.names();
        let mut crons = self.lock_rows(connection, &names).await?;
        if crons.len() < names.len() {
            let is_gone = |it: &&FireRequest<'_>| !crons.contains_key(it.name);
            let moment = SignedDuration::from_secs(1);
            let before = |it: &FireRequest<'_>| {
                it.follows.unwrap_or_else(|| it.due.saturating_sub(moment).unwrap_or(it.due))
            };
            let gone: BTreeMap<&str, Timestamp> = self
                .requests
                .iter()
                .rev()
                .filter(is_gone)
                .map(|it| (it.name, before(it)))
                .collect();
            let gone: Vec<_> = gone.into_iter().collect();
            let (store, task_type, now) = (self.store, self.task_type, self.now);
            FirstSeen { store, task_type, last_due: &gone, now }.run(connection).await?;
            crons = self.lock_rows(connection, &names).await?;
        }
        for run in newest(self.store, connection, self.task_type, &names).await? {
            if let Some(cron) = crons.get_mut(&run.name) {
                cron.newest = Some(run);
            }
        }
        for pause in pauses_of(connection, self.task_type, &names).await? {
            crons.entry(pause.name).or_default().paused = Some(pause.reason);
        }
        Ok(crons)
    }

    async fn lock_rows(
        &self,
        connection: &mut Connection<'_>,
        names: &[String],
    ) -> Result<BTreeMap<String, CronState>> {
        let sql = match connection.dialect() {
            Dialect::Sqlite => {
                "SELECT name, lock_key, CAST(last_execution_time AS CHAR(19)) FROM scheduler_recurrent_task \
                 WHERE task_type = ? AND name IN (?*) ORDER BY name"
            }
            _ => {
                "SELECT name, lock_key, CAST(last_execution_time AS CHAR(19)) FROM scheduler_recurrent_task \
                 WHERE task_type = ? AND name IN (?*) ORDER BY name FOR UPDATE"
            }
        };
        let mut crons = BTreeMap::new();
        for row in connection.rows(sql, arguments![self.task_type, names]).await? {
            let lock = Some(row.lock_key(1)).filter(|key| *key != LockKey::Free);
            crons.insert(row.lenient(0), CronState::new(lock, row.maybe_lenient(2)));
        }
        Ok(crons)
    }

    /// The recurrent rows always get the newest fire time, and the task if there is one. Times are compared in UTC,
    /// since the wall clock goes back once a year.
    async fn advance(&self, connection: &mut Connection<'_>, plan: &FirePlan<'_>) -> Result<()> {
        let idents: Vec<i64> = plan.tasks.iter().map(|task| task.id.ident()).collect();
        let mut ids = BTreeMap::new();
        if !idents.is_empty() {
            let sql = "SELECT ident, id FROM scheduler_task WHERE ident IN (?*)";
            for row in connection.rows(sql, arguments![&idents]).await? {
                ids.insert(row.int(0)?, row.int(1)?);
            }
        }
        let now = self.store.wall_clock(self.now);
        let row = |(name, due, task): (&str, String, Option<TaskId>)| {
            vec![
                Argument::from(name.to_owned()),
                Argument::from(self.task_type),
                Argument::from(due),
                Argument::from(task.and_then(|task| ids.get(&task.ident()).copied())),
                Argument::from(0),
                Argument::from(now.clone()),
                Argument::from(now.clone()),
            ]
        };
        let rows: Vec<Vec<Argument<'_>>> = plan.last_fire_times().map(row).collect();
        UPSERT_RECURRENT.run(connection, &rows).await
    }
}

/// Recurrent rows with a new last fire time.
pub(crate) const UPSERT_RECURRENT: Insert = Insert {
    into: "scheduler_recurrent_task \
           (name, task_type, last_execution_time, last_worker_task_id, lock_key, create_time, change_time)",
    columns: &[
        Column::Text,
        Column::Text,
        Column::Time,
        Column::Int,
        Column::Int,
        Column::Time,
        Column::Time,
    ],
    conflict: [
        "ON CONFLICT (name, task_type) DO UPDATE SET last_execution_time = excluded.last_execution_time, \
         change_time = excluded.change_time, \
         last_worker_task_id = COALESCE(excluded.last_worker_task_id, scheduler_recurrent_task.last_worker_task_id)",
        "ON DUPLICATE KEY UPDATE last_execution_time = VALUES(last_execution_time), \
         change_time = VALUES(change_time), \
         last_worker_task_id = COALESCE(VALUES(last_worker_task_id), last_worker_task_id)",
    ],
};
