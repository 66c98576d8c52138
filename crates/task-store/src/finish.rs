//! Ending executions: fenced by the lock, together with the ledger, many at a time, and if wanted with the
//! next claim in the same transaction.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;

use crate::cancel_request::granted;
use crate::claim::{Claim, Claiming};
use crate::database::{Connection, Dialect, arguments};
use crate::error::{Error, Result};
use crate::held::{Hold, hold};
use crate::ledger::{Execution, record};
use crate::lock::freed;
use crate::lock_key::Owner;
use crate::recurrent;
use crate::store::{Store, Work};
use crate::task::Task;
use crate::wake::call_with;

/// What becomes of a task that its worker lets go.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Then {
    /// It is done, and goes.
    Delete,
    /// It is free for anybody at once, its tries unchanged.
    Free,
    /// It waits: for its retry, or for a human.
    Hold(Hold),
}

/// The end of a task's stay with a worker.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finished {
    /// The row's `id`.
    pub row: i64,
    /// For the ledger; `None` for a task that did not run.
    pub execution: Option<Execution>,
    /// What becomes of the task.
    pub then: Then,
}

/// What a finishing gave.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Finish {
    /// For each task, whether it was still the owner's. What was not is neither changed nor in the ledger.
    pub ours: Vec<bool>,
    /// What was claimed in the same transaction.
    pub claimed: Vec<Task>,
}

impl Store {
    /// Ends the stay of tasks with their owner, and claims the next ones.
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
        let looks_first = AtomicBool::new(false);
        self.transact(&Finishing { store: self, owner, finished, claim, now, looks_first }).await
    }
}

struct Finishing<'a> {
    store: &'a Store,
    owner: Owner,
    finished: &'a [Finished],
    claim: Option<&'a Claim<'a>>,
    now: Timestamp,
    looks_first: AtomicBool,
}

impl Work for Finishing<'_> {
    type Done = Finish;

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
            call_with(connection).await?;
        }
        let was_ours = self.finished.iter().filter(|finished| ours.contains(&finished.row));
        let ended: Vec<(i64, &Execution)> =
            was_ours.filter_map(|it| Some((it.row, it.execution.as_ref()?))).collect();
        let executions: Vec<&Execution> = ended.iter().map(|(_, execution)| *execution).collect();
        record(connection, &executions).await?;
        recurrent::ended(connection, self.store, ended.into_iter(), self.now).await?;
        granted(connection, &executions).await?;
        let claimed = match self.claim.filter(|claim| claim.slots > 0) {
            Some(claim) => {
                Claiming { store: self.store, claim, now: self.now }.run(connection).await?
            }
            None => Vec::new(),
        };
        let ours = self.finished.iter().map(|finished| ours.contains(&finished.row)).collect();
        Ok(Finish { ours, claimed })
    }

    /// The ledger knows whether it happened: its rows are written in the same transaction.
    async fn settle(&self, connection: &mut Connection<'_>) -> Result<Option<Finish>> {
        let executions = || self.finished.iter().filter_map(|finished| finished.execution.as_ref());
        let idents: Vec<i64> = executions().map(|execution| execution.id.ident()).collect();
        let sql = "SELECT ident, started FROM otrsd_execution WHERE lock_key = ? AND ident IN (?*)";
        let rows = connection.rows(sql, arguments![self.owner.key(), &idents]).await?;
        let known = rows
            .iter()
            .map(|row| Ok((row.int(0)?, row.int(1)?)))
            .collect::<Result<HashSet<_>>>()?;
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
            finished.execution.as_ref().is_none_or(|execution| {
                known.contains(&(execution.id.ident(), execution.started.as_microsecond()))
            })
        };
        Ok(Some(Finish { ours: self.finished.iter().map(was_ours).collect(), claimed }))
    }
}

/// One statement for many rows: what tells which, and what tells only how many.
///
/// Here and wherever rows are named, `lock_key + 0` keeps planners from the index of the locks: beside an old
/// transaction it still has an entry for every task that the worker ever had, and MariaDB locks each of them.
struct AtOnce {
    returning: &'static str,
    counting: &'static str,
}

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

    async fn hold(&self, connection: &mut Connection<'_>, row: i64, how: &Hold) -> Result<bool> {
        let locked =
            "UPDATE scheduler_task SET lock_update_time = ?t WHERE lock_key + 0 = ? AND id = ?";
        let time = self.store.wall_clock(self.now);
        if connection.execute(locked, arguments![time, self.owner.key(), row]).await? == 0 {
            return Ok(false);
        }
        hold(connection, self.store.is_home(), row, how, self.now).await?;
        Ok(true)
    }
}
