//! Claiming on MariaDB and MySQL, which cannot tell what an update changed: read, lock, write.
//!
//! They lock every row that a scan walks over. Beside an old transaction, these are all rows that were ever claimed.

use crate::database::error::{Error, Result};
use crate::database::{Connection, arguments};
use crate::model::lock_key::LockKey;
use crate::model::task::Task;
use crate::store::claim_cursor::{Position, START};
use crate::worker::claim::{Claiming, free};
use crate::worker::task_rows::task_columns;

impl Claiming<'_> {
    /// MariaDB and MySQL: scan, lock the rows that no other worker has locked, write, commit. Without the hint, the planner
    /// takes the index and does not begin behind the cursor.
    pub(crate) async fn two_statements(
        &self,
        connection: &mut Connection<'_>,
    ) -> Result<Vec<Task>> {
        let sql = if self.store.is_home() {
            concat!(
                "SELECT ",
                task_columns!(home),
                free!(" FORCE INDEX (PRIMARY)", "id > ?"),
                "id LIMIT ? FOR UPDATE SKIP LOCKED"
            )
        } else {
            concat!(
                "SELECT ",
                task_columns!(),
                free!(
                    " FORCE INDEX (otrsd_task_free)",
                    "(priority > ? OR priority = ? AND id > ?)"
                ),
                "priority, id LIMIT ? FOR UPDATE SKIP LOCKED"
            )
        };
        let (from, began) = self.begin();
        let mut tasks = match self.seen(connection, from).await? {
            None => self.store.tasks(&connection.rows(sql, &self.free(from)).await?),
            Some(ids) => self.lock(connection, &ids).await?,
        };
        self.scanned(from, &tasks, began);
        let ids: Vec<i64> = tasks.iter().map(|task| task.row).collect();
        if ids.is_empty() {
            return Ok(tasks);
        }
        let (key, locked) = (self.claim.owner.key(), self.store.wall_clock(self.now));
        let update = "UPDATE scheduler_task SET lock_key = ?, lock_time = ?t, lock_update_time = ?t \
                      WHERE lock_key + 0 = 0 AND id IN (?*)";
        let changed = connection.execute(update, arguments![key, &locked, &locked, &ids]).await?;
        if changed != ids.len() as u64 {
            return Err(Error::Conflict("rows changed between look and lock".into()));
        }
        for task in &mut tasks {
            task.lock = LockKey::Ours(self.claim.owner);
        }
        Ok(tasks)
    }

    /// The rows to lock, read without a lock: for use while an old transaction keeps what was claimed. MariaDB locks every
    /// row that it walks over, dead ones too, which takes forty times as long as reading them. A claim that finds fewer
    /// rows than it wants even walks over all rows that its own lock ever had. `None` if the way is short.
    async fn seen(
        &self,
        connection: &mut Connection<'_>,
        from: Position,
    ) -> Result<Option<Vec<i64>>> {
        if !self.store.claim_cursor().is_far() {
            return Ok(None);
        }
        let is_full_scan = from == START && !self.store.is_home();
        let (sql, arguments) = if is_full_scan {
            let sql = concat!(
                "SELECT id",
                free!(
                    " FORCE INDEX (otrsd_task_free)",
                    "(priority > ? OR priority = ? AND id > ?)"
                ),
                "priority, id LIMIT ?"
            );
            (sql, self.free(from))
        } else {
            let sql = concat!("SELECT id", free!(" FORCE INDEX (PRIMARY)", "id > ?"), "id LIMIT ?");
            (sql, self.free_behind(&[from.row]))
        };
        let rows = connection.rows(sql, &arguments).await?;
        // Enough of them: then the order of the queue tells which.
        let goes_on =
            !is_full_scan && !self.store.is_home() && rows.len() == self.claim.slots as usize;
        if goes_on {
            return Ok(None);
        }
        rows.iter().map(|row| row.int(0)).collect::<Result<_>>().map(Some)
    }

    /// Of these rows, those that are still free.
    async fn lock(&self, connection: &mut Connection<'_>, ids: &[i64]) -> Result<Vec<Task>> {
        let sql = if self.store.is_home() {
            concat!(
                "SELECT ",
                task_columns!(home),
                " FROM scheduler_task FORCE INDEX (PRIMARY) WHERE lock_key + 0 = 0 AND id IN (?*) \
                 FOR UPDATE SKIP LOCKED"
            )
        } else {
            concat!(
                "SELECT ",
                task_columns!(),
                " FROM scheduler_task FORCE INDEX (PRIMARY) WHERE lock_key + 0 = 0 AND id IN (?*) \
                 FOR UPDATE SKIP LOCKED"
            )
        };
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let tasks = self.store.tasks(&connection.rows(sql, arguments![ids]).await?);
        if tasks.is_empty() {
            // What is behind them may be free.
            return Err(Error::Conflict("others had all rows that were seen".into()));
        }
        Ok(tasks)
    }
}
