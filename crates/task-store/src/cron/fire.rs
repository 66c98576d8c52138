//! Deciding the due instants of cron tasks, each once in the whole cluster, many in one transaction.
//!
//! Occurrences, tasks and recurrent rows go together. Whoever decides first locks the recurrent rows, so that
//! nodes decide a cron task one after the other; the second finds the occurrence there.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::cron::cron_run::{at_or_before, extend, newest, write};
use crate::cron::fire_plan::{Account, Cron, settled};
use crate::cron::pause::pauses_of;
use crate::cron::recurrent::FirstSeen;
use crate::database::error::{Error, Result};
use crate::database::{Argument, Column, Connection, Dialect, Insert, arguments};
use crate::model::lock_key::LockKey;
use crate::model::task::NewTask;
use crate::model::task_id::TaskId;
use crate::store::{Store, Transaction};
use crate::task::enqueue::Add;

/// What a node wants to do about a due instant.
#[derive(Clone, Debug)]
pub struct Decision<'a> {
    /// The type of the cron task.
    pub task_type: &'a str,
    /// Its name.
    pub name: &'a str,
    /// The instant, or the first of several that are skipped or missed.
    pub due: Timestamp,
    /// The last of them; `due` itself for one.
    pub last_due: Timestamp,
    /// How many they are.
    pub instants: u64,
    /// The due instant before `due`: where an occurrence of the same fate ends there, this one joins it.
    pub follows: Option<Timestamp>,
    /// What to do.
    pub verdict: Verdict<'a>,
    /// The deciding node.
    pub node: u16,
}

/// What is to be done about a due instant.
#[derive(Clone, Copy, Debug)]
pub enum Verdict<'a> {
    /// Add this task.
    Run(&'a NewTask),
    /// Leave it out.
    Skip(&'a str),
    /// Say that nobody was there.
    Miss(&'a str),
}

/// What came of a decision.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Decided {
    /// As wanted.
    Done,
    /// Skipped, since there are as many of its type and name as may be.
    LimitReached,
    /// Left out, since the cron task is paused.
    Paused,
    /// Another node of ours was first, and decided up to this instant. Where that is before the end of the decision, it
    /// and all that follow it for the same cron task are to be made anew from there.
    Taken(Timestamp),
    /// A node of the original ran it; now it is written down.
    RanElsewhere,
    /// A process holds the recurrent row this moment: look again soon.
    Busy(LockKey),
    /// The database refuses what is written about this cron task: look again later.
    Refused,
}

impl Store {
    /// Decides due instants; those of one cron task in their order.
    pub async fn decide(&self, decisions: &[Decision<'_>], now: Timestamp) -> Result<Vec<Decided>> {
        for decision in decisions {
            if let Verdict::Run(task) = decision.verdict {
                task.check()?;
            }
        }
        if decisions.is_empty() {
            return Ok(Vec::new());
        }
        match self.transact(&Deciding::new(self, decisions, now)).await {
            Err(error) if error.is_refusal() => self.decide_in_parts(decisions, now).await,
            decided => decided,
        }
    }
}

pub(crate) struct Deciding<'a> {
    store: &'a Store,
    task_type: &'a str,
    node: u16,
    decisions: &'a [Decision<'a>],
    now: Timestamp,
}

impl<'a> Deciding<'a> {
    pub(crate) fn new(store: &'a Store, decisions: &'a [Decision<'a>], now: Timestamp) -> Self {
        let (task_type, node) = decisions.first().map_or(("", 0), |it| (it.task_type, it.node));
        Self { store, task_type, node, decisions, now }
    }
}

impl Transaction for Deciding<'_> {
    type Output = Vec<Decided>;

    fn has_enqueued(&self, decided: &Vec<Decided>) -> bool {
        let ran = |(it, became): (&Decision<'_>, &Decided)| {
            matches!(it.verdict, Verdict::Run(_)) && *became == Decided::Done
        };
        self.decisions.iter().zip(decided).any(ran)
    }

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Vec<Decided>> {
        let crons = self.lock(connection).await?;
        let mut account = Account::new(self.store, crons);
        let mut decided: Vec<Decided> = self.decisions.iter().map(|it| account.take(it)).collect();
        if !account.tasks.is_empty() {
            let add =
                Add { store: self.store, tasks: &account.tasks, now: self.now, notifies: true };
            let added = add.run(connection).await?;
            account.limit(&added, &mut decided);
        }
        for longer in &account.longer {
            extend(connection, longer).await?;
        }
        match write(connection, &account.new, self.node, self.now).await {
            // Another node made the recurrent row meanwhile, and so was first: again, to wait for its lock.
            Err(Error::Duplicate(text)) => return Err(Error::Conflict(text)),
            other => other?,
        }
        self.advance(connection, &account).await?;
        Ok(decided)
    }

    async fn resolve_unknown_commit(
        &self,
        connection: &mut Connection<'_>,
    ) -> Result<Option<Vec<Decided>>> {
        let mut there = Vec::with_capacity(self.decisions.len());
        for Decision { name, due, .. } in self.decisions {
            let row = at_or_before(connection, self.task_type, name, *due).await?;
            there.push(row.filter(|row| row.last_due >= *due));
        }
        Ok(settled(self.decisions, &there))
    }
}

impl Deciding<'_> {
    fn names(&self) -> Vec<String> {
        let names: BTreeSet<&str> = self.decisions.iter().map(|decision| decision.name).collect();
        names.into_iter().map(str::to_owned).collect()
    }

    /// Locks the recurrent rows until the end of the transaction, in one order for everybody; only then what
    /// they were decided for is seen as it is. A row that is gone is made anew: without it, two nodes could decide
    /// at the same time, and occurrences from before would not be found.
    async fn lock(&self, connection: &mut Connection<'_>) -> Result<BTreeMap<String, Cron>> {
        let names = self.names();
        let mut crons = self.lock_rows(connection, &names).await?;
        if crons.len() < names.len() {
            let is_gone = |it: &&Decision<'_>| !crons.contains_key(it.name);
            let moment = SignedDuration::from_secs(1);
            let before = |it: &Decision<'_>| {
                it.follows.unwrap_or_else(|| it.due.saturating_sub(moment).unwrap_or(it.due))
            };
            let gone: BTreeMap<&str, Timestamp> = self
                .decisions
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
        for occurrence in newest(self.store, connection, self.task_type, &names).await? {
            if let Some(cron) = crons.get_mut(&occurrence.name) {
                cron.newest = Some(occurrence);
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
    ) -> Result<BTreeMap<String, Cron>> {
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
            crons.insert(row.lenient(0), Cron::new(lock, row.maybe_lenient(2)));
        }
        Ok(crons)
    }

    /// The recurrent rows always get the newest due instant, and the task if there is one. Instants are
    /// compared as such, since the wall clock goes back once a year.
    async fn advance(&self, connection: &mut Connection<'_>, account: &Account<'_>) -> Result<()> {
        let idents: Vec<i64> = account.tasks.iter().map(|task| task.id.ident()).collect();
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
        let rows: Vec<Vec<Argument<'_>>> = account.moved().map(row).collect();
        MOVED.run(connection, &rows).await
    }
}

/// Rows of cron tasks whose due instants are accounted for up to another instant.
pub(crate) const MOVED: Insert = Insert {
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
