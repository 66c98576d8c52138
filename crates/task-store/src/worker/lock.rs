//! Renewing locks, and freeing those that no process keeps.
//!
//! A lock is freed only if its key and time are still those that were seen. Freed rows have no times, and at least 1
//! attempt: the original would delete a row with fewer in silence.

use jiff::Timestamp;

use crate::database::error::Result;
use crate::database::{Dialect, arguments};
use crate::model::lock_key::{LockKey, NO_NUMBER, Owner};
use crate::model::locked::Locked;
use crate::store::Store;

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
