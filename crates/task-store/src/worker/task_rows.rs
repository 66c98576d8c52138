//! Rows of `scheduler_task`, read as tasks.

use crate::database::error::Result;
use crate::database::{Connection, Row, arguments};
use crate::model::lock_key::LockKey;
use crate::model::task::{MAX_NAME_LENGTH, Task};
use crate::model::task_id::TaskId;
use crate::store::Store;

/// The columns of [`Task`], from a table with a priority and from one without.
macro_rules! task_columns {
    () => {
        $crate::worker::task_rows::task_columns!("priority, tried")
    };
    (home) => {
        $crate::worker::task_rows::task_columns!("0, 1")
    };
    ($ours:literal) => {
        concat!(
            "id, ident, ",
            $crate::model::bounds::named!(word "task_type"),
            ", ",
            $crate::model::bounds::named!(word "name"),
            ", ",
            $crate::model::bounds::named!(data "task_data"),
            ", attempts, lock_key, CAST(create_time AS CHAR(19)), ",
            $ours
        )
    };
}
pub(crate) use task_columns;

impl Store {
    /// A row whose number is known is a task, whatever else it holds.
    pub(crate) fn task(&self, row: &Row) -> Result<Task> {
        Ok(Task {
            row: row.int(0)?,
            id: row.int(1).map_or_else(|_| TaskId::draw(), TaskId::from_ident),
            task_type: row.lenient(2),
            name: row.lenient(3),
            data: row.lenient(4),
            attempts: row.maybe_int(5).ok().flatten().unwrap_or(1),
            lock: row.lock_key(6),
            created: self.time_of(&row.lenient(7)),
            priority: row.maybe_int(8).ok().flatten().unwrap_or(0),
            tried: row.maybe_int(9).ok().flatten() != Some(0),
            damage: damage(row).err().map(|error| error.to_string()),
        })
    }

    /// In the order in which they were to be claimed.
    pub(crate) fn tasks(&self, rows: &[Row]) -> Vec<Task> {
        let mut tasks: Vec<Task> = self.readable(rows, |row| self.task(row));
        tasks.sort_by_key(|task| (task.priority, task.row));
        tasks
    }

    /// All tasks under a lock.
    pub(crate) async fn under_lock(
        &self,
        connection: &mut Connection<'_>,
        key: i64,
    ) -> Result<Vec<Task>> {
        let sql = if self.is_home() {
            concat!("SELECT ", task_columns!(home), " FROM scheduler_task WHERE lock_key = ?")
        } else {
            concat!("SELECT ", task_columns!(), " FROM scheduler_task WHERE lock_key = ?")
        };
        Ok(self.tasks(&connection.rows(sql, arguments![key]).await?))
    }

    /// All tasks under a lock: what a worker really has.
    pub async fn locked_by(&self, lock: LockKey) -> Result<Vec<Task>> {
        let sql = if self.is_home() {
            concat!("SELECT ", task_columns!(home), " FROM scheduler_task WHERE lock_key = ?")
        } else {
            concat!("SELECT ", task_columns!(), " FROM scheduler_task WHERE lock_key = ?")
        };
        Ok(self.tasks(&self.rows(sql, arguments![lock.key()]).await?))
    }
}

/// Whether a row has what a task must have, as [`NewTask::check`](crate::NewTask::check) asks of those that we add.
fn damage(row: &Row) -> Result<()> {
    row.int(1)?;
    let (task_type, name) = (row.text(2)?, row.maybe_text(3)?.unwrap_or_default());
    let is_good = |text: &str| text.chars().count() <= MAX_NAME_LENGTH && !text.contains('\0');
    if task_type.is_empty() || !is_good(&task_type) {
        return Err(row.bad(2, "1 to 150 characters without NUL"));
    }
    if !is_good(&name) {
        return Err(row.bad(3, "at most 150 characters without NUL"));
    }
    match row.maybe_text(4)? {
        Some(_) => Ok(()),
        // The column is never null itself.
        None => Err(row.bad(4, "at most 16 MiB")),
    }
}
