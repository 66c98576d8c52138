//! Claiming: free rows become a worker's, each by a compare-and-set on `lock_key = 0`.
//!
//! Order: priority, then first in, first out. Paused types are left; who loses a race gets fewer rows, never
//! an error, and never a row that another one got.

use jiff::Timestamp;

use crate::database::{Argument, Connection, Dialect, arguments};
use crate::error::{Error, Result};
use crate::lock_key::Owner;
use crate::store::{Store, Work};
use crate::task::{Task, task_columns};

/// What a worker asks for.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// Who claims.
    pub owner: Owner,
    /// How many tasks at most.
    pub slots: u32,
    /// Types to leave alone, beside those that are paused in the database.
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
        match self.transact(&Claiming { store: self, claim, now }).await {
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

impl Work for Claiming<'_> {
    type Done = Vec<Task>;

    fn is_one_statement(&self) -> bool {
        self.store.dialect() != Dialect::MariaDb
    }

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Vec<Task>> {
        match connection.dialect() {
            Dialect::MariaDb => self.two_statements(connection).await,
            _ => self.one_statement(connection).await,
        }
    }

    async fn settle(&self, connection: &mut Connection<'_>) -> Result<Option<Vec<Task>>> {
        let mut tasks = self.store.under_lock(connection, self.claim.owner.key()).await?;
        tasks.retain(|task| !self.claim.holding.contains(&task.row));
        Ok(Some(tasks).filter(|tasks| !tasks.is_empty()))
    }
}

/// What is free for a node: not of an excepted type, not paused. The pauses are asked for once and not joined,
/// so that the index alone gives the order.
macro_rules! free {
    () => {
        " FROM scheduler_task WHERE lock_key = 0 AND task_type NOT IN (?*) \
         AND task_type NOT IN (SELECT task_type FROM otrsd_pause WHERE node IN (0, ?)) \
         AND NOT EXISTS (SELECT 1 FROM otrsd_pause WHERE task_type = '' AND node IN (0, ?)) ORDER BY "
    };
}

macro_rules! locking_update {
    ($before:literal, $order:literal, $after:literal, $columns:expr) => {
        concat!(
            "UPDATE scheduler_task SET lock_key = ?, lock_time = ?t, lock_update_time = ?t WHERE id ",
            $before,
            "SELECT id",
            free!(),
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
                "priority, id",
                " FOR UPDATE SKIP LOCKED)) AND lock_key + 0 = 0",
                task_columns!()
            ),
            (Dialect::Postgres, true) => locking_update!(
                "= ANY(ARRAY(",
                "id",
                " FOR UPDATE SKIP LOCKED)) AND lock_key + 0 = 0",
                task_columns!(home)
            ),
            (_, false) => locking_update!("IN (", "priority, id", ")", task_columns!()),
            (_, true) => locking_update!("IN (", "id", ")", task_columns!(home)),
        };
        let locked = self.store.wall_clock(self.now);
        let rows = connection.rows(sql, &self.arguments(&locked)).await?;
        self.store.tasks(&rows)
    }

    /// MariaDB and MySQL: look, lock what nobody else looks at, write, commit.
    async fn two_statements(&self, connection: &mut Connection<'_>) -> Result<Vec<Task>> {
        let sql = if self.store.is_home() {
            concat!("SELECT ", task_columns!(home), free!(), "id LIMIT ? FOR UPDATE SKIP LOCKED")
        } else {
            concat!(
                "SELECT ",
                task_columns!(),
                free!(),
                "priority, id LIMIT ? FOR UPDATE SKIP LOCKED"
            )
        };
        let locked = self.store.wall_clock(self.now);
        let rows = connection.rows(sql, &self.arguments(&locked)[3..]).await?;
        let mut tasks = self.store.tasks(&rows)?;
        let ids: Vec<i64> = tasks.iter().map(|task| task.row).collect();
        if ids.is_empty() {
            return Ok(tasks);
        }
        let key = self.claim.owner.key();
        let update = "UPDATE scheduler_task SET lock_key = ?, lock_time = ?t, lock_update_time = ?t \
                      WHERE lock_key = 0 AND id IN (?*)";
        let changed = connection.execute(update, arguments![key, &locked, &locked, &ids]).await?;
        if changed != ids.len() as u64 {
            return Err(Error::Conflict("rows changed between look and lock".into()));
        }
        for task in &mut tasks {
            task.lock = crate::lock_key::LockKey::Ours(self.claim.owner);
        }
        Ok(tasks)
    }

    fn arguments<'t>(&'t self, locked: &'t str) -> [Argument<'t>; 7] {
        [
            Argument::from(self.claim.owner.key()),
            Argument::from(locked),
            Argument::from(locked),
            Argument::from(self.claim.except),
            Argument::from(i64::from(self.claim.owner.node())),
            Argument::from(i64::from(self.claim.owner.node())),
            Argument::from(i64::from(self.claim.slots)),
        ]
    }
}
