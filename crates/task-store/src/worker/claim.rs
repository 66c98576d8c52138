//! Claiming: free rows become a worker's, each by a compare-and-set on `lock_key = 0`.
//!
//! Order: priority, then first in, first out. Tasks of paused types stay. A worker that loses a race gets fewer rows,
//! never an error, and never a row that another worker got.

use jiff::Timestamp;
use tokio::time::Instant;

use crate::database::error::{Error, Result};
use crate::database::{Argument, Connection, Dialect, arguments};
use crate::model::lock_key::Owner;
use crate::model::task::Task;
use crate::store::claim_cursor::Position;
use crate::store::{Store, Transaction};
use crate::worker::task_rows::task_columns;

/// What a worker claims.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// The worker.
    pub owner: Owner,
    /// How many tasks at most.
    pub slots: u32,
    /// Whether to scan from the start of the queue, whatever that costs: something was freed there. Otherwise what was
    /// freed may be found later; a [`Waiter`](crate::Waiter) says when to claim again.
    pub from_start: bool,
    /// Types to leave out, in addition to those that are paused in the database.
    pub except: &'a [String],
    /// The rows that the owner has already: after a broken connection, what it locked beyond these was
    /// claimed by the call that broke.
    pub holding: &'a [i64],
}

impl Store {
    /// Claims free tasks, in the order in which they are to run.
    pub async fn claim(&self, claim: &Claim<'_>, now: Timestamp) -> Result<Vec<Task>> {
        if claim.slots == 0 {
            return Ok(Vec::new());
        }
        if self.leaves_out_tasks() {
            return self.claim_in_parts(claim, now).await;
        }
        match self.transact(&Claiming { store: self, claim, now }).await {
            Err(error) if error.is_refusal() => self.claim_in_parts(claim, now).await,
            // Others were in the way all the time: nothing was claimed, and they have the tasks.
            Err(Error::Conflict(_)) => Ok(Vec::new()),
            outcome => outcome,
        }
    }
}

pub(crate) struct Claiming<'a> {
    pub(crate) store: &'a Store,
    pub(crate) claim: &'a Claim<'a>,
    pub(crate) now: Timestamp,
}

impl Transaction for Claiming<'_> {
    type Output = Vec<Task>;

    fn is_one_statement(&self) -> bool {
        self.store.dialect() != Dialect::MariaDb
    }

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Vec<Task>> {
        // Behind a million tasks that are left alone there may be none, and the walk over them takes its time.
        if !self.claim.except.is_empty() && self.store.claim_cursor().postpones(Instant::now()) {
            return Ok(Vec::new());
        }
        match connection.dialect() {
            Dialect::MariaDb => self.two_statements(connection).await,
            _ => self.one_statement(connection).await,
        }
    }

    async fn resolve_unknown_commit(
        &self,
        connection: &mut Connection<'_>,
    ) -> Result<Option<Vec<Task>>> {
        let mut tasks = self.store.under_lock(connection, self.claim.owner.key()).await?;
        tasks.retain(|task| !self.claim.holding.contains(&task.row));
        Ok(Some(tasks).filter(|tasks| !tasks.is_empty()))
    }
}

/// What is free for a node: not of an excepted type, not paused. The pauses are asked for once and not joined,
/// so that the index alone gives the order.
macro_rules! free {
    ($index:literal, $behind:literal) => {
        concat!(
            " FROM scheduler_task",
            $index,
            " WHERE lock_key = 0 AND ",
            $behind,
            " AND task_type NOT IN (?*) \
             AND task_type NOT IN (SELECT task_type FROM otrsd_pause WHERE node IN (0, ?)) \
             AND NOT EXISTS (SELECT 1 FROM otrsd_pause WHERE task_type = '' AND node IN (0, ?)) ORDER BY "
        )
    };
}

pub(crate) use free;

macro_rules! locking_update {
    ($before:literal, $behind:literal, $order:literal, $after:literal, $columns:expr) => {
        concat!(
            "UPDATE scheduler_task SET lock_key = ?, lock_time = ?t, lock_update_time = ?t WHERE id ",
            $before,
            "SELECT id",
            free!("", $behind),
            $order,
            " LIMIT ?",
            $after,
            " RETURNING ",
            $columns
        )
    };
}

impl Claiming<'_> {
    async fn one_statement(&self, connection: &mut Connection<'_>) -> Result<Vec<Task>> {
        // `lock_key + 0` keeps PostgreSQL's planner, while it has no statistics, from reading the whole index
        // of free rows to find those ids.
        let sql = match (connection.dialect(), self.store.is_home()) {
            (Dialect::Postgres, false) => locking_update!(
                "= ANY(ARRAY(",
                "(priority, id) > (?, ?)",
                "priority, id",
                " FOR UPDATE SKIP LOCKED)) AND lock_key + 0 = 0",
                task_columns!()
            ),
            (Dialect::Postgres, true) => locking_update!(
                "= ANY(ARRAY(",
                "id > ?",
                "id",
                " FOR UPDATE SKIP LOCKED)) AND lock_key + 0 = 0",
                task_columns!(home)
            ),
            (_, false) => locking_update!(
                "IN (",
                "(priority, id) > (?, ?)",
                "priority, id",
                ")",
                task_columns!()
            ),
            (_, true) => locking_update!("IN (", "id > ?", "id", ")", task_columns!(home)),
        };
        let locked = self.store.wall_clock(self.now);
        let key = self.claim.owner.key();
        let (from, began) = self.begin();
        let mut arguments = arguments![key, &locked, &locked].to_vec();
        arguments.append(&mut self.free(from));
        let rows = connection.rows(sql, &arguments).await?;
        let tasks = self.store.tasks(&rows);
        self.scanned(from, &tasks, began);
        Ok(tasks)
    }

    pub(crate) fn begin(&self) -> (Position, Instant) {
        let now = Instant::now();
        (self.store.claim_cursor().begin(self.claim.from_start, now), now)
    }

    pub(crate) fn scanned(&self, from: Position, tasks: &[Task], began: Instant) {
        let now = Instant::now();
        self.store.claim_cursor().scanned(from, tasks, self.claim.slots, now - began, now);
    }

    /// The arguments of what is free behind a place.
    pub(crate) fn free(&self, from: Position) -> Vec<Argument<'_>> {
        let behind = match (self.store.is_home(), self.store.dialect()) {
            (true, _) => &[from.row][..],
            (false, Dialect::MariaDb) => &[from.priority, from.priority, from.row],
            (false, _) => &[from.priority, from.row],
        };
        self.free_behind(behind)
    }

    pub(crate) fn free_behind(&self, behind: &[i64]) -> Vec<Argument<'_>> {
        let node = i64::from(self.claim.owner.node());
        let mut all: Vec<Argument<'_>> = behind.iter().copied().map(Argument::from).collect();
        let slots = i64::from(self.claim.slots);
        all.extend_from_slice(arguments![self.claim.except, node, node, slots]);
        all
    }
}
