//! Renewing locks, and reclaiming those of dead workers.
//!
//! A reclaim frees a row only if its key and time are still those that were seen, sets both times to NULL, and
//! never leaves attempts below 1: the original would delete such a row in silence.

use jiff::Timestamp;

use crate::database::error::Result;
use crate::database::{Connection, Dialect, arguments};
use crate::ledger::{Outcome, lost};
use crate::model::lock_key::{LockKey, NO_NUMBER, Owner};
use crate::model::locked::Locked;
use crate::model::task::Task;
use crate::store::{Store, Transaction};

/// What a freed row looks like; where the table is ours, one that was tried says so.
macro_rules! freed {
    () => {
        "UPDATE scheduler_task SET lock_key = 0, lock_time = NULL, lock_update_time = NULL, \
         attempts = CASE WHEN attempts < 1 THEN 1 ELSE attempts END WHERE lock_key + 0 = ?"
    };
    (tried) => {
        "UPDATE scheduler_task SET lock_key = 0, lock_time = NULL, lock_update_time = NULL, tried = 1, \
         attempts = CASE WHEN attempts < 1 THEN 1 ELSE attempts END WHERE lock_key + 0 = ?"
    };
}
pub(crate) use freed;

macro_rules! unregistered {
    () => {
        " AND NOT EXISTS (SELECT 1 FROM otrsd_instance WHERE otrsd_instance.lock_key = scheduler_task.lock_key)"
    };
}

/// As `freed`, in the two other tables.
macro_rules! free {
    ($table:literal) => {
        concat!("UPDATE ", $table, " SET lock_key = 0, lock_time = NULL WHERE lock_key = ?")
    };
}

/// Whether a row's time is still the text that was seen: as such, it may be no time at all.
macro_rules! unmoved {
    ($time:literal, $is:literal) => {
        concat!(" AND id = ? AND CAST(", $time, " AS CHAR(19)) ", $is, " CAST(? AS CHAR(19))")
    };
}

/// SQLite keeps whatever is written into the column; then the key is what stands for that.
macro_rules! number {
    ($table:literal) => {
        concat!(
            "UPDATE ",
            $table,
            " SET lock_key = ? WHERE id = ? AND typeof(lock_key) <> 'integer'"
        )
    };
}

/// A lock as it was read. If two reads differ, its owner renews it.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct SeenLock {
    /// Where.
    pub table: Locked,
    /// The row's `id`.
    pub row: i64,
    /// Whose.
    pub key: i64,
    /// The text of `lock_update_time`, of `lock_time` in the two tables without it; `None` if null.
    pub time: Option<String>,
}

/// How it is known that an instance is dead.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Death {
    /// By the kernel: its process has ended.
    Known,
    /// Its heartbeat counter stood still at this value. An observer may have read old data.
    Silent {
        /// See [`Instance::beats`](crate::Instance::beats).
        beats: i64,
    },
}

impl Store {
    /// Renews an owner's locks of rows, in one statement; how many it still has. Fewer than it thinks means
    /// that others took tasks from it.
    pub async fn renew(
        &self,
        owner: impl Into<LockKey>,
        rows: &[i64],
        now: Timestamp,
    ) -> Result<u64> {
        let sql =
            "UPDATE scheduler_task SET lock_update_time = ?t WHERE lock_key + 0 = ? AND id IN (?*)";
        self.change(sql, arguments![self.wall_clock(now), owner.into().key(), rows]).await
    }

    /// How many tasks are under the locks of some owners.
    pub async fn held_by(&self, owners: &[Owner]) -> Result<u64> {
        let keys: Vec<i64> = owners.iter().map(|owner| owner.key()).collect();
        // The index of locked rows is for `lock_key <> 0`, and not every planner sees it in the list.
        let sql = "SELECT COUNT(*) FROM scheduler_task WHERE lock_key <> 0 AND lock_key IN (?*)";
        let row = self.row(sql, arguments![&keys]).await?;
        row.map_or(Ok(0), |row| row.int(0).map(i64::unsigned_abs))
    }

    /// Frees everything under the lock of an instance that is dead, and forgets the instance: what was freed.
    ///
    /// Of a silent one nothing is freed unless its row is there and its counter still is what was seen, at each try
    /// of the transaction.
    ///
    /// A task of the types in `in_process` ran inside of the dead process, which may be its fault: that is
    /// [`Outcome::Crashed`] if it was the only one there, else [`Outcome::CrashedTogether`]. Any other had a
    /// process of its own, and was [`Outcome::Interrupted`].
    ///
    /// Tasks of the types in `spared` go on without their worker's sign of life: they keep their lock, and
    /// the instance is remembered while there are any; its next [`beat`](Self::beat) tells it.
    pub async fn reclaim(
        &self,
        dead: Owner,
        death: Death,
        in_process: &[String],
        spared: &[String],
        now: Timestamp,
    ) -> Result<Vec<Task>> {
        self.transact(&Reclaim { store: self, dead, death, in_process, spared, now }).await
    }

    /// All locks in the three tables but those being inserted.
    pub async fn locks(&self) -> Result<Vec<SeenLock>> {
        let sql = "SELECT id, 0, lock_key, CAST(lock_update_time AS CHAR(19)) FROM scheduler_task WHERE lock_key <> 0 \
             UNION ALL SELECT id, 1, lock_key, CAST(lock_time AS CHAR(19)) FROM scheduler_future_task WHERE lock_key <> 0 \
             UNION ALL SELECT id, 2, lock_key, CAST(lock_time AS CHAR(19)) FROM scheduler_recurrent_task WHERE lock_key <> 0";
        let rows = self.rows(sql, arguments![]).await?;
        Ok(self.readable(&rows, |row| {
            let table = [Locked::Task, Locked::Future, Locked::Recurrent];
            let table = table[usize::try_from(row.int(1)?).unwrap_or(0).min(2)];
            let (key, time) = (row.lock_key(2).key(), row.maybe_lenient(3));
            Ok(SeenLock { table, row: row.int(0)?, key, time })
        }))
    }

    /// Frees one row if its lock is still the one that was seen, and of no instance that is registered: whether it
    /// was. An instance that the caller did not see may be one that was not visible to it.
    pub async fn free(&self, seen: &SeenLock) -> Result<bool> {
        if seen.key == NO_NUMBER && self.dialect() == Dialect::Sqlite {
            let sql = match seen.table {
                Locked::Task => number!("scheduler_task"),
                Locked::Future => number!("scheduler_future_task"),
                Locked::Recurrent => number!("scheduler_recurrent_task"),
            };
            self.change(sql, arguments![NO_NUMBER, seen.row]).await?;
        }
        let sql = match (seen.table, self.dialect()) {
            (Locked::Task, Dialect::Sqlite) => {
                concat!(freed!(), unmoved!("lock_update_time", "IS"), unregistered!())
            }
            (Locked::Task, Dialect::Postgres) => {
                concat!(
                    freed!(),
                    unmoved!("lock_update_time", "IS NOT DISTINCT FROM"),
                    unregistered!(),
                    " RETURNING pg_notify('otrsd_task', '')"
                )
            }
            (Locked::Task, Dialect::MariaDb) => {
                concat!(freed!(), unmoved!("lock_update_time", "<=>"), unregistered!())
            }
            (Locked::Future, dialect) => dialect.pick(
                concat!(free!("scheduler_future_task"), unmoved!("lock_time", "IS")),
                concat!(
                    free!("scheduler_future_task"),
                    unmoved!("lock_time", "IS NOT DISTINCT FROM")
                ),
                concat!(free!("scheduler_future_task"), unmoved!("lock_time", "<=>")),
            ),
            (Locked::Recurrent, dialect) => dialect.pick(
                concat!(free!("scheduler_recurrent_task"), unmoved!("lock_time", "IS")),
                concat!(
                    free!("scheduler_recurrent_task"),
                    unmoved!("lock_time", "IS NOT DISTINCT FROM")
                ),
                concat!(free!("scheduler_recurrent_task"), unmoved!("lock_time", "<=>")),
            ),
        };
        let changed =
            self.change(sql, arguments![seen.key, seen.row, seen.time.as_deref()]).await?;
        Ok(changed > 0)
    }
}

struct Reclaim<'a> {
    store: &'a Store,
    dead: Owner,
    death: Death,
    in_process: &'a [String],
    spared: &'a [String],
    now: Timestamp,
}

impl Transaction for Reclaim<'_> {
    type Output = Vec<Task>;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Vec<Task>> {
        let key = self.dead.key();
        // The instance's row first: of two that reclaim, one waits here and then finds nothing; so does one that
        // comes after a heartbeat.
        if !self.mark(connection).await? {
            return Ok(Vec::new());
        }
        let mut tasks = self.store.under_lock(connection, key).await?;
        let all = tasks.len();
        tasks.retain(|task| !self.spared.contains(&task.task_type));
        if tasks.len() == all {
            let forget = "DELETE FROM otrsd_instance WHERE lock_key = ?";
            connection.execute(forget, arguments![key]).await?;
        }
        let ids: Vec<i64> = tasks.iter().map(|task| task.row).collect();
        if !ids.is_empty() {
            let sql = if self.store.is_home() {
                concat!(freed!(), " AND id IN (?*)")
            } else {
                concat!(freed!(tried), " AND id IN (?*)")
            };
            let freed = connection.execute(sql, arguments![key, &ids]).await?;
            if freed != ids.len() as u64 {
                return Err(crate::Error::Conflict("its owner finished a task meanwhile".into()));
            }
        }
        let was_inside = |task: &Task| self.in_process.contains(&task.task_type);
        let crash = match tasks.iter().filter(|task| was_inside(task)).count() {
            1 => Outcome::Crashed,
            _ => Outcome::CrashedTogether,
        };
        let outcome = |task: &Task| if was_inside(task) { crash } else { Outcome::Interrupted };
        lost(connection, &tasks, self.dead, outcome, self.now).await?;
        for sql in [
            "UPDATE scheduler_future_task SET lock_key = 0, lock_time = NULL WHERE lock_key = ?",
            "UPDATE scheduler_recurrent_task SET lock_key = 0, lock_time = NULL WHERE lock_key = ?",
        ] {
            connection.execute(sql, arguments![key]).await?;
        }
        crate::store::notifier::notify_in(connection).await?;
        for task in &mut tasks {
            task.lock = LockKey::Free;
        }
        Ok(tasks)
    }
}

impl Reclaim<'_> {
    /// Marks the instance: one whose counter is negative has lost its lease. False if it is not dead.
    async fn mark(&self, connection: &mut Connection<'_>) -> Result<bool> {
        let key = self.dead.key();
        let Death::Silent { beats } = self.death else {
            let sql = "UPDATE otrsd_instance SET beats = CASE WHEN beats < 0 THEN beats ELSE -1 END \
                       WHERE lock_key = ?";
            connection.execute(sql, arguments![key]).await?;
            return Ok(true);
        };
        let sql = "UPDATE otrsd_instance SET beats = CASE WHEN beats < 0 THEN beats ELSE -1 END \
                   WHERE lock_key = ? AND beats = ?";
        Ok(connection.execute(sql, arguments![key, beats]).await? > 0)
    }
}
