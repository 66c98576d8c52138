//! The original's rows of cron tasks: the last fire time, and how its task ended.

use jiff::Timestamp;

use crate::database::error::Result;
use crate::database::{Argument, Column, Connection, Insert, arguments};
use crate::ledger::{Execution, Outcome};
use crate::model::bounds::bounded;
use crate::model::timestamp::from_micros;
use crate::store::{Store, Transaction};

/// A recurrent row.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Recurrent {
    /// The type.
    pub task_type: String,
    /// The name.
    pub name: String,
    /// The last fire time that was fired, skipped or missed; `None` where the column holds no time.
    pub last_due: Option<Timestamp>,
    /// The row of the last task.
    pub last_task: Option<i64>,
    /// Whether the last task succeeded.
    pub last_success: Option<bool>,
    /// How many seconds it took.
    pub last_seconds: Option<i64>,
}

impl Store {
    /// All recurrent rows of a type, in the order in which they were seen first.
    pub async fn recurrents(&self, task_type: &str) -> Result<Vec<Recurrent>> {
        let sql = concat!(
            "SELECT ",
            bounded!(word "r.name"),
            ", r.task_type, CAST(r.last_execution_time AS CHAR(19)), r.last_worker_task_id, \
                   r.last_worker_status, r.last_worker_running_time, (SELECT MAX(o.last_due) FROM otrsd_occurrence o \
                   WHERE o.task_type = r.task_type AND o.name = r.name AND o.due = (SELECT MAX(n.due) \
                   FROM otrsd_occurrence n WHERE n.task_type = r.task_type AND n.name = r.name)) \
                   FROM scheduler_recurrent_task r WHERE r.task_type = ? ORDER BY r.id"
        );
        let rows = self.rows(sql, arguments![task_type]).await?;
        let recurrent = |row: &crate::database::Row| {
            let last_run = row.maybe_int(6).ok().flatten().and_then(from_micros);
            Ok(Recurrent {
                name: row.lenient(0),
                task_type: row.lenient(1),
                last_due: self.last_due(&row.lenient(2), last_run),
                last_task: row.maybe_int(3).ok().flatten(),
                last_success: row.maybe_int(4).ok().flatten().map(|status| status != 0),
                last_seconds: row.maybe_int(5).ok().flatten(),
            })
        };
        Ok(self.readable(&rows, recurrent))
    }

    /// The wall clock of the row shows one time twice a year, and only whole seconds. The exact time is that of the
    /// newest run, unless a node of the original went on without one.
    fn last_due(&self, row: &str, last_run: Option<Timestamp>) -> Option<Timestamp> {
        match last_run {
            Some(last_run) if self.wall_clock(last_run) == row => Some(last_run),
            last_run => self.time_of(row).max(last_run),
        }
    }

    /// Remembers cron tasks that are seen for the first time, each with its last fire time, which does not
    /// run. Those that another has remembered meanwhile stay as they are.
    pub async fn first_seen(
        &self,
        task_type: &str,
        last_due: &[(&str, Timestamp)],
        now: Timestamp,
    ) -> Result<()> {
        if last_due.is_empty() {
            return Ok(());
        }
        self.transact(&FirstSeen { store: self, task_type, last_due, now }).await
    }

    /// Forgets a cron task that is no longer configured.
    pub async fn forget_recurrent(&self, task_type: &str, name: &str) -> Result<bool> {
        let sql = "DELETE FROM scheduler_recurrent_task WHERE task_type = ? AND name = ? AND lock_key = 0";
        Ok(self.change(sql, arguments![task_type, name]).await? > 0)
    }
}

pub(crate) struct FirstSeen<'a> {
    pub(crate) store: &'a Store,
    pub(crate) task_type: &'a str,
    pub(crate) last_due: &'a [(&'a str, Timestamp)],
    pub(crate) now: Timestamp,
}

const SEEN: Insert = Insert {
    into: "scheduler_recurrent_task (name, task_type, last_execution_time, lock_key, create_time, change_time)",
    columns: &[Column::Text, Column::Text, Column::Time, Column::Int, Column::Time, Column::Time],
    conflict: ["ON CONFLICT (name, task_type) DO NOTHING", "ON DUPLICATE KEY UPDATE name = name"],
};

impl Transaction for FirstSeen<'_> {
    type Output = ();

    async fn run(&self, connection: &mut Connection<'_>) -> Result<()> {
        let now = self.store.wall_clock(self.now);
        let row = |(name, due): &(&'_ str, Timestamp)| {
            vec![
                Argument::from((*name).to_owned()),
                Argument::from(self.task_type),
                Argument::from(self.store.wall_clock(*due)),
                Argument::from(0),
                Argument::from(now.clone()),
                Argument::from(now.clone()),
            ]
        };
        let rows: Vec<Vec<Argument<'_>>> = self.last_due.iter().map(row).collect();
        SEEN.run(connection, &rows).await
    }
}

/// The types whose ends the original shows with their recurrent rows.
const TYPES: [&str; 2] = ["Cron", "GenericAgent"];

/// Writes down how the last tasks of cron tasks ended, in the transaction that ends them.
pub(crate) async fn ended(
    connection: &mut Connection<'_>,
    store: &Store,
    finished: impl Iterator<Item = (i64, &Execution)>,
    now: Timestamp,
) -> Result<()> {
    let sql = "UPDATE scheduler_recurrent_task SET last_worker_status = ?, last_worker_running_time = ?, \
               change_time = ?t WHERE last_worker_task_id = ?";
    for (row, execution) in finished.filter(|(_, it)| TYPES.contains(&it.task_type.as_str())) {
        let success = i64::from(execution.outcome == Outcome::Success);
        let seconds = execution.ended.duration_since(execution.started).as_secs();
        let arguments = arguments![success, seconds, store.wall_clock(now), row];
        connection.execute(sql, arguments).await?;
    }
    Ok(())
}
