//! Deciding the due instants of cron tasks, each once in the whole cluster, many in one transaction.
//!
//! Occurrences, tasks and recurrent rows go together. Whoever decides first locks the recurrent rows, so that
//! nodes decide a cron task one after the other; the second finds the occurrence there.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::account::{Account, Cron};
use crate::add::Add;
use crate::cron_pause::pauses_of;
use crate::database::{Argument, Column, Connection, Dialect, Insert, arguments};
use crate::error::{Error, Result};
use crate::lock_key::LockKey;
use crate::occurrence::{Fate, at_or_before, extend, newest, write};
use crate::store::{Store, Work};
use crate::task::NewTask;
use crate::task_id::TaskId;

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
    /// Another node of ours was first, and decided up to this instant at least.
    Taken(Timestamp),
    /// A node of the original ran it; now it is written down.
    RanElsewhere,
    /// A process holds the recurrent row this moment: look again soon.
    Busy(LockKey),
}

impl Store {
    /// Decides due instants; those of one cron task in their order.
    pub async fn decide(&self, decisions: &[Decision<'_>], now: Timestamp) -> Result<Vec<Decided>> {
        for decision in decisions {
            if let Verdict::Run(task) = decision.verdict {
                task.check()?;
            }
        }
        let Some(first) = decisions.first() else { return Ok(Vec::new()) };
        let (task_type, node) = (first.task_type, first.node);
        self.transact(&Deciding { store: self, task_type, node, decisions, now }).await
    }
}

struct Deciding<'a> {
    store: &'a Store,
    task_type: &'a str,
    node: u16,
    decisions: &'a [Decision<'a>],
    now: Timestamp,
}

impl Work for Deciding<'_> {
    type Done = Vec<Decided>;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Vec<Decided>> {
        let crons = self.lock(connection).await?;
        let mut account = Account::new(self.store, crons);
        let mut decided: Vec<Decided> = self.decisions.iter().map(|it| account.take(it)).collect();
        if !account.tasks.is_empty() {
            let add = Add { store: self.store, tasks: &account.tasks, now: self.now, calls: true };
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

    /// The occurrence of our task, or of our node and this very moment, is ours.
    async fn settle(&self, connection: &mut Connection<'_>) -> Result<Option<Vec<Decided>>> {
        let mut settled = Vec::with_capacity(self.decisions.len());
        for decision in self.decisions {
            settled.push(self.settled(connection, decision).await?);
        }
        let is_done = settled.iter().any(|it| !matches!(it, None | Some(Decided::Taken(_))));
        // Those of a row that somebody held have nothing there.
        let busy = |it: Option<Decided>| it.unwrap_or(Decided::Busy(LockKey::Inserting));
        Ok(is_done.then(|| settled.into_iter().map(busy).collect()))
    }
}

impl Deciding<'_> {
    fn names(&self) -> Vec<String> {
        let names: BTreeSet<&str> = self.decisions.iter().map(|decision| decision.name).collect();
        names.into_iter().map(str::to_owned).collect()
    }

    /// Locks the recurrent rows until the end of the transaction, in one order for everybody; only then what
    /// they were decided for is seen as it is.
    async fn lock(&self, connection: &mut Connection<'_>) -> Result<BTreeMap<String, Cron>> {
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
        let names = self.names();
        let mut crons = BTreeMap::new();
        for row in connection.rows(sql, arguments![self.task_type, &names[..]]).await? {
            let lock = Some(LockKey::parse(row.int(1)?)).filter(|key| *key != LockKey::Free);
            crons.insert(row.text(0)?, Cron::new(lock, row.maybe_text(2)?));
        }
        for occurrence in newest(connection, self.task_type, &names).await? {
            if let Some(cron) = crons.get_mut(&occurrence.name) {
                cron.newest = Some(occurrence);
            }
        }
        for pause in pauses_of(connection, self.task_type, &names).await? {
            crons.entry(pause.name).or_default().paused = Some(pause.reason);
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

    async fn settled(
        &self,
        connection: &mut Connection<'_>,
        decision: &Decision<'_>,
    ) -> Result<Option<Decided>> {
        let there = at_or_before(connection, self.task_type, decision.name, decision.due).await?;
        let Some(there) = there.filter(|there| there.last_due >= decision.due) else {
            return Ok(None);
        };
        Ok(Some(match (there.fate, decision.verdict) {
            (Fate::Ran, Verdict::Run(task)) if there.task == Some(task.id) => Decided::Done,
            (Fate::Skipped, Verdict::Run(task)) if there.task == Some(task.id) => {
                Decided::LimitReached
            }
            (Fate::Skipped, Verdict::Skip(_)) | (Fate::Missed, Verdict::Miss(_)) => Decided::Done,
            (Fate::RanElsewhere, _) => Decided::RanElsewhere,
            _ => Decided::Taken(there.last_due),
        }))
    }
}

const MOVED: Insert = Insert {
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
