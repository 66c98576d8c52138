//! The runs of a cron task: what became of each fire time, once, by UTC instant.

use jiff::Timestamp;

use crate::database::error::Result;
use crate::database::{Argument, Column, Connection, Insert, ONCE, Row, arguments};
use crate::model::bounds::named;
use crate::model::task_id::TaskId;
use crate::model::timestamp::from_micros;
use crate::store::Store;

/// What became of fire times.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum RunStatus {
    /// A task was enqueued for it.
    Ran,
    /// A node of the original enqueued a task for it.
    RanElsewhere,
    /// It was skipped on purpose.
    Skipped,
    /// No node was there in time.
    Missed,
}

/// Fire times of one status: one, or several in a row that were skipped or missed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CronRun {
    /// The type of the cron task.
    pub task_type: String,
    /// Its name.
    pub name: String,
    /// The first fire time.
    pub due: Timestamp,
    /// The last fire time.
    pub last_due: Timestamp,
    /// How many.
    pub instants: u64,
    /// What became of them.
    pub status: RunStatus,
    /// Why.
    pub reason: String,
    /// The task that was enqueued.
    pub task: Option<TaskId>,
    /// When that was decided, by the clock of the node; `None` before it is written.
    pub decided: Option<Timestamp>,
}

impl RunStatus {
    /// Its name, as the column holds it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ran => "ran",
            Self::RanElsewhere => "ran-elsewhere",
            Self::Skipped => "skipped",
            Self::Missed => "missed",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [Self::Ran, Self::RanElsewhere, Self::Skipped, Self::Missed]
            .into_iter()
            .find(|status| status.as_str() == name)
    }
}

macro_rules! columns {
    () => {
        concat!(
            "SELECT due, last_due, instants, ",
            named!(word "outcome"),
            ", ",
            named!(prose "reason"),
            ", ident, ",
            named!(word "task_type"),
            ", ",
            named!(word "name"),
            ", decided FROM otrsd_occurrence"
        )
    };
}

impl Store {
    /// The runs of a cron task that end at `from` or later, oldest first.
    pub async fn cron_runs(
        &self,
        task_type: &str,
        name: &str,
        from: Timestamp,
        limit: u32,
    ) -> Result<Vec<CronRun>> {
        let sql = concat!(
            columns!(),
            " WHERE task_type = ? AND name = ? AND last_due >= ? ORDER BY due LIMIT ?"
        );
        let rows = self
            .rows(sql, arguments![task_type, name, from.as_microsecond(), i64::from(limit)])
            .await?;
        Ok(self.readable(&rows, cron_run))
    }

    /// The newest run of each cron task of a type.
    pub async fn newest_cron_runs(&self, task_type: &str) -> Result<Vec<CronRun>> {
        let sql = concat!(
            columns!(),
            " JOIN (SELECT r.name AS of_name, (SELECT MAX(o.due) FROM otrsd_occurrence o \
               WHERE o.task_type = r.task_type AND o.name = r.name) AS newest_due \
               FROM scheduler_recurrent_task r WHERE r.task_type = ?) newest \
             ON name = newest.of_name AND due = newest.newest_due WHERE task_type = ? ORDER BY name"
        );
        let rows = self.rows(sql, arguments![task_type, task_type]).await?;
        Ok(self.readable(&rows, cron_run))
    }

    /// The last fire time of the oldest run.
    pub async fn oldest_cron_run(&self) -> Result<Option<Timestamp>> {
        let row = self.row("SELECT MIN(last_due) FROM otrsd_occurrence", arguments![]).await?;
        Ok(row.and_then(|row| row.maybe_int(0).ok().flatten()).and_then(from_micros))
    }

    /// Deletes the runs before a time; returns how many rows.
    pub async fn forget_cron_runs(&self, before: Timestamp) -> Result<u64> {
        self.change(
            "DELETE FROM otrsd_occurrence WHERE last_due < ?",
            arguments![before.as_microsecond()],
        )
        .await
    }
}

/// The run that has a fire time, or the last one before it.
pub(crate) async fn at_or_before(
    connection: &mut Connection<'_>,
    task_type: &str,
    name: &str,
    due: Timestamp,
) -> Result<Option<CronRun>> {
    let sql = concat!(
        columns!(),
        " WHERE task_type = ? AND name = ? AND due <= ? ORDER BY due DESC LIMIT 1"
    );
    let row = connection.row(sql, arguments![task_type, name, due.as_microsecond()]).await?;
    row.as_ref().map(cron_run).transpose()
}

/// The newest run of each of these cron tasks.
pub(crate) async fn newest(
    store: &Store,
    connection: &mut Connection<'_>,
    task_type: &str,
    names: &[String],
) -> Result<Vec<CronRun>> {
    let sql = concat!(
        columns!(),
        " JOIN (SELECT r.name AS of_name, (SELECT MAX(o.due) FROM otrsd_occurrence o \
           WHERE o.task_type = r.task_type AND o.name = r.name) AS newest_due \
           FROM scheduler_recurrent_task r WHERE r.task_type = ? AND r.name IN (?*)) newest \
         ON name = newest.of_name AND due = newest.newest_due WHERE task_type = ?"
    );
    let rows = connection.rows(sql, arguments![task_type, names, task_type]).await?;
    Ok(store.readable(&rows, cron_run))
}

const INTO: Insert = Insert {
    into: "otrsd_occurrence (task_type, name, due, last_due, instants, outcome, reason, ident, node, decided)",
    columns: &[
        Column::Text,
        Column::Text,
        Column::Int,
        Column::Int,
        Column::Int,
        Column::Text,
        Column::Text,
        Column::Int,
        Column::Int,
        Column::Int,
    ],
    conflict: ONCE,
};

/// Writes runs. The caller holds the locks of the cron tasks' recurrent rows.
pub(crate) async fn write(
    connection: &mut Connection<'_>,
    runs: &[CronRun],
    node: u16,
    now: Timestamp,
) -> Result<()> {
    let values = |it: &'_ CronRun| {
        vec![
            Argument::from(it.task_type.clone()),
            Argument::from(it.name.clone()),
            Argument::from(it.due.as_microsecond()),
            Argument::from(it.last_due.as_microsecond()),
            Argument::from(it.instants.cast_signed()),
            Argument::from(it.status.as_str()),
            Argument::from(it.reason.clone()),
            Argument::from(it.task.map(TaskId::ident)),
            Argument::from(i64::from(node)),
            Argument::from(now.as_microsecond()),
        ]
    };
    let rows: Vec<Vec<Argument<'_>>> = runs.iter().map(values).collect();
    INTO.run(connection, &rows).await
}

/// Extends a row as far as `longer` reaches: consecutive fire times of one status share it.
pub(crate) async fn extend(connection: &mut Connection<'_>, longer: &CronRun) -> Result<()> {
    let sql = "UPDATE otrsd_occurrence SET last_due = ?, instants = ? \
               WHERE task_type = ? AND name = ? AND due = ?";
    let arguments = arguments![
        longer.last_due.as_microsecond(),
        longer.instants.cast_signed(),
        &longer.task_type,
        &longer.name,
        longer.due.as_microsecond(),
    ];
    connection.execute(sql, arguments).await.map(drop)
}

fn cron_run(row: &Row) -> Result<CronRun> {
    let time = |position| {
        from_micros(row.int(position)?).ok_or_else(|| row.bad(position, "microseconds since 1970"))
    };
    Ok(CronRun {
        due: time(0)?,
        last_due: time(1)?,
        instants: row.int(2)?.unsigned_abs(),
        status: RunStatus::from_name(&row.text(3)?).ok_or_else(|| row.bad(3, "a status"))?,
        reason: row.lenient(4),
        task: row.maybe_int(5).ok().flatten().map(TaskId::from_ident),
        task_type: row.lenient(6),
        name: row.lenient(7),
        decided: row.int(8).ok().and_then(from_micros),
    })
}
