//! Ending executions: fenced by the lock, together with the ledger, many at a time, and on request with the next claim in
//! the same transaction.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;

use crate::cron::recurrent;
use crate::database::error::{Error, Result};
use crate::database::{Connection, Dialect, arguments};
use crate::ledger::Execution;
use crate::ledger::record::record;
use crate::model::bounds::named;
use crate::model::lock_key::Owner;
use crate::model::locked::Locked;
use crate::model::task::Task;
use crate::store::notifier::notify_in;
use crate::store::{Store, Transaction};
use crate::task::cancel_request::granted;
use crate::task::held::{Hold, Move, hold};
use crate::worker::claim::{Claim, Claiming};
use crate::worker::lock::freed;

/// What becomes of a task that its worker gives up.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Then {
    /// It is done, and its row is deleted.
    Delete,
    /// Every worker may claim it at once, its attempts unchanged.
    Free,
    /// It waits: for its retry, or for a human.
    Hold(Hold),
}

/// The end of a task at its worker.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finished {
    /// The row's `id`.
    pub row: i64,
    /// For the ledger; `None` for a task that did not run.
    pub execution: Option<Execution>,
    /// What becomes of the task.
    pub then: Then,
}

/// The result of [`Store::finish`].
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Finish {
    /// For each task, whether it was still the owner's. What was not is neither changed nor in the ledger.
    pub ours: Vec<bool>,
    /// What was claimed in the same transaction. Nothing if an end was refused: then claim again.
    pub claimed: Vec<Task>,
    /// What the database refused to write.
    pub refused: Vec<Refused>,
}

/// An end that the database refused.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refused {
    /// The row's `id`.
    pub row: i64,
    /// What was done instead.
    pub instead: Instead,
    /// Why.
    pub reason: String,
}

/// What was done in place of an end that was refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Instead {
    /// It was written without its output, and with short texts.
    Short,
    /// The task is quarantined, and the ledger says nothing of it.
    Quarantined,
    /// Nothing: the task is still its owner's.
    Kept,
}

impl Store {
    /// Ends tasks, and claims the next ones.
    pub async fn finish(
        &self,
        owner: Owner,
        finished: &[Finished],
        claim: Option<&Claim<'_>>,
        now: Timestamp,
    ) -> Result<Finish> {
        if finished.is_empty() && claim.is_none() {
            return Ok(Finish::default());
        }
        let all = Finishing { claim, ..Finishing::new(self, owner, finished, now) };
        match self.transact(&all).await {
            Err(error) if error.is_refusal() && !finished.is_empty() => {
                self.finish_in_parts(owner, finished, now, error).await
            }
            outcome => outcome,
        }
    }

    /// Puts tasks whose ends could not be written under a lock without an owner, when their owner ends: they must not run
    /// again before a human has looked at them. Returns how many.
    pub async fn park(&self, owner: Owner, rows: &[i64]) -> Result<u64> {
        let sql = "UPDATE scheduler_task SET lock_key = ? WHERE lock_key + 0 = ? AND id IN (?*)";
        self.change(sql, arguments![PARKED_LOCK, owner.key(), rows]).await
    }
}

pub(crate) struct Finishing<'a> {
    store: &'a Store,
    owner: Owner,
    finished: &'a [Finished],
    claim: Option<&'a Claim<'a>>,
    now: Timestamp,
    looks_first: AtomicBool,
    /// Only tasks and ledger are written, no other table that depends on ends.
    pub(crate) is_plain: bool,
    /// What is held gets another id.
    pub(crate) afresh: bool,
}

impl<'a> Finishing<'a> {
    pub(crate) fn new(
        store: &'a Store,
        owner: Owner,
        finished: &'a [Finished],
        now: Timestamp,
    ) -> Self {
        let looks_first = AtomicBool::new(false);
        let (is_plain, afresh) = (false, false);
        Self { store, owner, finished, claim: None, now, looks_first, is_plain, afresh }
    }
}

impl Transaction for Finishing<'_> {
    type Output = Finish;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Finish> {
        let mut ours = self.all_at_once(connection, &Then::Delete, &DELETE).await?;
        let free = if self.store.is_home() { &FREE_IN_HOME } else { &FREE };
        ours.extend(self.all_at_once(connection, &Then::Free, free).await?);
        for finished in self.finished {
            if let Then::Hold(how) = &finished.then
                && self.hold(connection, finished.row, how).await?
            {
                ours.insert(finished.row);
            }
        }
        if self.finished.iter().any(|it| it.then == Then::Free) {
            notify_in(connection).await?;
        }
        let was_ours = self.finished.iter().filter(|finished| ours.contains(&finished.row));
        let ended: Vec<(i64, &Execution)> =
            was_ours.filter_map(|it| Some((it.row, it.execution.as_ref()?))).collect();
        let executions: Vec<&Execution> = ended.iter().map(|(_, execution)| *execution).collect();
        record(connection, &executions).await?;
        if !self.is_plain {
            recurrent::ended(connection, self.store, ended.into_iter(), self.now).await?;
            granted(connection, &executions).await?;
        }
        let claimed = match self.claim.filter(|claim| claim.slots > 0) {
            Some(claim) => {
                Claiming { store: self.store, claim, now: self.now }.run(connection).await?
            }
            None => Vec::new(),
        };
        let mut ours: Vec<bool> =
            self.finished.iter().map(|finished| ours.contains(&finished.row)).collect();
        if ours.contains(&false) {
            // An earlier attempt whose outcome was not known may have written their ends.
            let known = self.recorded(connection).await?;
            for (ours, finished) in ours.iter_mut().zip(self.finished) {
                *ours |= finished.execution.as_ref().is_some_and(|it| known.contains(&key(it)));
            }
        }
        Ok(Finish { ours, claimed, refused: Vec::new() })
    }

    /// The ledger knows whether it happened: its rows are written in the same transaction.
    async fn resolve_unknown_commit(
        &self,
        connection: &mut Connection<'_>,
    ) -> Result<Option<Finish>> {
        let known = self.recorded(connection).await?;
        let claimed = match self.claim {
            Some(claim) => {
                let done: HashSet<i64> =
                    self.finished.iter().map(|finished| finished.row).collect();
                let mut tasks = self.store.under_lock(connection, self.owner.key()).await?;
                tasks
                    .retain(|task| !claim.holding.contains(&task.row) && !done.contains(&task.row));
                tasks
            }
            None => Vec::new(),
        };
        if known.is_empty() && claimed.is_empty() {
            return Ok(None);
        }
        let was_ours = |finished: &Finished| {
            finished.execution.as_ref().is_none_or(|execution| known.contains(&key(execution)))
        };
        let ours = self.finished.iter().map(was_ours).collect();
        Ok(Some(Finish { ours, claimed, refused: Vec::new() }))
    }
}

/// By which an end is found in the ledger: a reclaim writes its own about the same execution.
fn key(execution: &Execution) -> (i64, i64, String) {
    let outcome = execution.outcome.as_str().to_owned();
    (execution.id.ident(), execution.started.as_microsecond(), outcome)
}

/// One statement for many rows: what tells which, and what tells only how many.
///
/// Here and wherever rows are named, `lock_key + 0` keeps planners from the index of the locks: beside an old
/// transaction it still has an entry for every task that the worker ever had, and MariaDB locks each of them.
struct AtOnce {
    returning: &'static str,
    counting: &'static str,
}

/// Under a lock without an owner, which no node takes: see [`LockKey::Inserting`](crate::LockKey::Inserting).
const PARKED_LOCK: i64 = 1;

macro_rules! at_once {
    ($($sql:expr),+) => {
        AtOnce {
            returning: concat!($($sql),+, " AND id IN (?*) RETURNING id"),
            counting: concat!($($sql),+, " AND id IN (?*)"),
        }
    };
}

const DELETE: AtOnce = at_once!("DELETE FROM scheduler_task WHERE lock_key + 0 = ?");
const FREE: AtOnce = at_once!(freed!(tried));
const FREE_IN_HOME: AtOnce = at_once!(freed!());

impl Finishing<'_> {
    /// All that end in one way; which rows were still the owner's.
    async fn all_at_once(
        &self,
        connection: &mut Connection<'_>,
        then: &Then,
        sql: &AtOnce,
    ) -> Result<HashSet<i64>> {
        let those = self.finished.iter().filter(|finished| finished.then == *then);
        let ids: Vec<i64> = those.map(|finished| finished.row).collect();
        if ids.is_empty() {
            return Ok(HashSet::new());
        }
        if connection.dialect() == Dialect::MariaDb {
            return self.counted(connection, ids, sql.counting).await;
        }
        let rows = connection.rows(sql.returning, arguments![self.owner.key(), &ids]).await?;
        rows.iter().map(|row| row.int(0)).collect()
    }

    /// MySQL cannot tell which rows it changed, only how many. Nearly always these are all; otherwise the
    /// transaction begins again, and looks first.
    async fn counted(
        &self,
        connection: &mut Connection<'_>,
        mut ids: Vec<i64>,
        sql: &'static str,
    ) -> Result<HashSet<i64>> {
        let key = self.owner.key();
        if self.looks_first.load(Ordering::Relaxed) {
            let look =
                "SELECT id FROM scheduler_task WHERE lock_key + 0 = ? AND id IN (?*) FOR UPDATE";
            let rows = connection.rows(look, arguments![key, &ids]).await?;
            ids = rows.iter().map(|row| row.int(0)).collect::<Result<_>>()?;
        }
        if connection.execute(sql, arguments![key, &ids]).await? == ids.len() as u64 {
            return Ok(ids.into_iter().collect());
        }
        self.looks_first.store(true, Ordering::Relaxed);
        Err(Error::Conflict("some tasks were another's already".into()))
    }

    /// Those of the ends that the ledger has.
    async fn recorded(
        &self,
        connection: &mut Connection<'_>,
    ) -> Result<HashSet<(i64, i64, String)>> {
        let executions = self.finished.iter().filter_map(|finished| finished.execution.as_ref());
        let idents: Vec<i64> = executions.map(|execution| execution.id.ident()).collect();
        let sql = concat!(
            "SELECT ident, started, ",
            named!(word "outcome"),
            " FROM otrsd_execution WHERE lock_key = ? AND ident IN (?*)"
        );
        let rows = connection.rows(sql, arguments![self.owner.key(), &idents]).await?;
        rows.iter().map(|row| Ok((row.int(0)?, row.int(1)?, row.lenient(2)))).collect()
    }

    async fn hold(&self, connection: &mut Connection<'_>, row: i64, how: &Hold) -> Result<bool> {
        let key = self.owner.key();
        let it = Move { from: Locked::Task, row, key, how, afresh: self.afresh };
        hold(connection, self.store, &it, self.now).await
    }
}
