//! Future tasks: planned for a time, moved into the queue when it comes, row and payload untouched by us.

use jiff::Timestamp;

use crate::database::{Argument, Column, Connection, Dialect, Insert, ONCE, arguments};
use crate::error::Result;
use crate::store::{Store, Work};
use crate::task::NewTask;
use crate::wake::call_with;

impl Store {
    /// Plans tasks for a time, all in one transaction. Their limits are not kept: the original has no column
    /// for them.
    pub async fn plan(&self, tasks: &[NewTask], at: Timestamp, now: Timestamp) -> Result<()> {
        tasks.iter().try_for_each(NewTask::check)?;
        self.transact(&Plan { store: self, tasks, at, now }).await
    }

    /// Moves due tasks into the queue, at most `limit`; how many. Rows that another holds are left to it.
    pub async fn move_due(&self, now: Timestamp, limit: u32) -> Result<u64> {
        self.transact(&MoveDue { store: self, now, limit }).await
    }

    /// When the next future task is due.
    pub async fn next_due(&self) -> Result<Option<Timestamp>> {
        let sql = "SELECT CAST(MIN(execution_time) AS CHAR(19)) FROM scheduler_future_task WHERE lock_key = 0";
        let Some(row) = self.row(sql, arguments![]).await? else { return Ok(None) };
        let Some(text) = row.maybe_text(0)? else { return Ok(None) };
        self.time_of(&text).map(Some).ok_or_else(|| row.bad(0, "a time"))
    }
}

pub(crate) struct Plan<'a> {
    pub(crate) store: &'a Store,
    pub(crate) tasks: &'a [NewTask],
    pub(crate) at: Timestamp,
    pub(crate) now: Timestamp,
}

impl Work for Plan<'_> {
    type Done = ();

    async fn run(&self, connection: &mut Connection<'_>) -> Result<()> {
        let (at, created) = (self.store.wall_clock(self.at), self.store.wall_clock(self.now));
        let row = |task: &'_ NewTask| {
            let last = if self.store.is_home() { 0 } else { task.priority };
            [
                Argument::from(task.id.ident()),
                Argument::from(at.clone()),
                Argument::from(task.name.clone()),
                Argument::from(task.task_type.clone()),
                Argument::from(task.data.clone()),
                Argument::from(i64::from(task.attempts)),
                Argument::from(created.clone()),
                Argument::from(i64::from(last)),
            ]
            .to_vec()
        };
        let rows: Vec<Vec<Argument<'_>>> = self.tasks.iter().map(row).collect();
        let insert = if self.store.is_home() { INTO_HOME } else { INTO };
        insert.run(connection, &rows).await
    }

    /// What was planned is there still, or has moved on.
    async fn settle(&self, connection: &mut Connection<'_>) -> Result<Option<()>> {
        let idents: Vec<i64> = self.tasks.iter().map(|task| task.id.ident()).collect();
        let sql = "SELECT ident FROM scheduler_future_task WHERE ident IN (?*) \
                   UNION SELECT ident FROM scheduler_task WHERE ident IN (?*) \
                   UNION SELECT ident FROM otrsd_held WHERE ident IN (?*) \
                   UNION SELECT ident FROM otrsd_execution WHERE ident IN (?*)";
        let rows = connection.rows(sql, arguments![&idents, &idents, &idents, &idents]).await?;
        Ok(if rows.is_empty() { None } else { Some(()) })
    }
}

const INTO: Insert = Insert {
    into: "scheduler_future_task (ident, execution_time, name, task_type, task_data, attempts, create_time, priority)",
    columns: &[
        Column::Int,
        Column::Time,
        Column::Text,
        Column::Text,
        Column::Text,
        Column::Int,
        Column::Time,
        Column::Int,
    ],
    conflict: ONCE,
};
const INTO_HOME: Insert = Insert {
    into: "scheduler_future_task (ident, execution_time, name, task_type, task_data, attempts, create_time, lock_key)",
    columns: INTO.columns,
    conflict: ONCE,
};

struct MoveDue<'a> {
    store: &'a Store,
    now: Timestamp,
    limit: u32,
}

impl Work for MoveDue<'_> {
    type Done = u64;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<u64> {
        let look = match connection.dialect() {
            Dialect::Sqlite => {
                "SELECT id FROM scheduler_future_task WHERE lock_key = 0 AND execution_time <= ?t \
                 ORDER BY execution_time, id LIMIT ?"
            }
            _ => {
                "SELECT id FROM scheduler_future_task WHERE lock_key = 0 AND execution_time <= ?t \
                 ORDER BY execution_time, id LIMIT ? FOR UPDATE SKIP LOCKED"
            }
        };
        let until = self.store.wall_clock(self.now);
        let rows = connection.rows(look, arguments![until, i64::from(self.limit)]).await?;
        let ids = rows.iter().map(|row| row.int(0)).collect::<Result<Vec<_>>>()?;
        if ids.is_empty() {
            return Ok(0);
        }
        let created = self.store.wall_clock(self.now);
        // A Perl manager that died between its two steps left the task in both tables.
        let copy = if self.store.is_home() {
            "INSERT INTO scheduler_task (ident, name, task_type, task_data, attempts, lock_key, create_time) \
             SELECT ident, name, task_type, task_data, CASE WHEN attempts < 1 THEN 1 ELSE attempts END, 0, ?t \
             FROM scheduler_future_task WHERE id IN (?*) AND NOT EXISTS (SELECT 1 FROM scheduler_task \
             WHERE scheduler_task.ident = scheduler_future_task.ident) ORDER BY execution_time, id"
        } else {
            "INSERT INTO scheduler_task (ident, name, task_type, task_data, attempts, lock_key, create_time, priority) \
             SELECT ident, name, task_type, task_data, CASE WHEN attempts < 1 THEN 1 ELSE attempts END, 0, ?t, priority \
             FROM scheduler_future_task WHERE id IN (?*) AND NOT EXISTS (SELECT 1 FROM scheduler_task \
             WHERE scheduler_task.ident = scheduler_future_task.ident) ORDER BY execution_time, id"
        };
        let moved = connection.execute(copy, arguments![created, &ids]).await?;
        connection
            .execute("DELETE FROM scheduler_future_task WHERE id IN (?*)", arguments![&ids])
            .await?;
        call_with(connection).await?;
        Ok(moved)
    }
}
