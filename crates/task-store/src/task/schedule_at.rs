//! Scheduling tasks for a later time.

use jiff::Timestamp;

use crate::database::error::Result;
use crate::database::{Argument, Column, Connection, Insert, ONCE, arguments};
use crate::model::task::NewTask;
use crate::store::{Store, Transaction};

impl Store {
    /// Schedules tasks for a time, all in one transaction. Their limits are not kept: the original has no column for
    /// them.
    pub async fn schedule_at(
        &self,
        tasks: &[NewTask],
        at: Timestamp,
        now: Timestamp,
    ) -> Result<()> {
        tasks.iter().try_for_each(NewTask::check)?;
        self.transact(&ScheduleAt { store: self, tasks, at, now }).await
    }
}

pub(crate) struct ScheduleAt<'a> {
    pub(crate) store: &'a Store,
    pub(crate) tasks: &'a [NewTask],
    pub(crate) at: Timestamp,
    pub(crate) now: Timestamp,
}

impl Transaction for ScheduleAt<'_> {
    type Output = ();

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

    /// What was scheduled is still there, or has moved on.
    async fn resolve_unknown_commit(&self, connection: &mut Connection<'_>) -> Result<Option<()>> {
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
