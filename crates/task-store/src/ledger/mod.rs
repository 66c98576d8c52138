//! The ledger: every execution with its outcome, times and costs.

pub(crate) mod failures;
pub(crate) mod record;
pub(crate) mod retention;
pub(crate) mod search;
pub(crate) mod tally;

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::database::error::Result;
use crate::database::{Row, arguments};
use crate::model::bounds::bounded;
use crate::model::lock_key::LockKey;
use crate::model::task_id::TaskId;
use crate::model::timestamp::from_micros;
use crate::store::Store;

/// How an execution ended.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Outcome {
    /// It did what it should.
    Success,
    /// Its handler reported a failure.
    Failed,
    /// Its handler asked for a later time: it is not the task's fault.
    Postponed,
    /// Its process died, and no other task was in it.
    Crashed,
    /// Its process died with other tasks in it: which one was at fault is not known.
    CrashedTogether,
    /// It took longer than it may.
    TimedOut,
    /// The daemon stopped it to stop itself.
    Interrupted,
    /// It was cancelled.
    Cancelled,
}

/// One run of one task, or the end of a task that never ran.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Execution {
    /// Which task.
    pub id: TaskId,
    /// Its type.
    pub task_type: String,
    /// Its name.
    pub name: String,
    /// The lock of the worker that ran it.
    pub lock: LockKey,
    /// On which node; 0 if on none.
    pub node: u16,
    /// How it ended.
    pub outcome: Outcome,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// Processor time, where measured.
    pub cpu: Option<Duration>,
    /// The most memory it had, in kilobytes.
    pub peak_memory: Option<u64>,
    /// What went wrong.
    pub error: Option<String>,
    /// The tail of what it printed.
    pub output: Option<String>,
}

/// What the ledger knows of a task's earlier executions.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct History {
    /// How often it failed or took too long.
    pub failed: u32,
    /// How often it was put off, which is no failure.
    pub postponed: u32,
    /// When the first execution began that was put off.
    pub postponed_since: Option<Timestamp>,
    /// How often it crashed, alone.
    pub crashed: u32,
    /// Whether it ever died together with others: then it runs alone until it succeeds.
    pub crashed_together: bool,
}

impl Outcome {
    const ALL: [Self; 8] = [
        Self::Success,
        Self::Failed,
        Self::Postponed,
        Self::Crashed,
        Self::CrashedTogether,
        Self::TimedOut,
        Self::Interrupted,
        Self::Cancelled,
    ];

    /// Its name, as the column holds it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failed => "failed",
            Self::Postponed => "postponed",
            Self::Crashed => "crashed",
            Self::CrashedTogether => "crashed-together",
            Self::TimedOut => "timed-out",
            Self::Interrupted => "interrupted",
            Self::Cancelled => "cancelled",
        }
    }

    /// Neither a success nor put off to a later time, which is no fault.
    pub fn is_unsuccessful(self) -> bool {
        !matches!(self, Self::Success | Self::Postponed)
    }

    /// The value of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == name)
    }
}

macro_rules! execution_columns {
    () => {
        $crate::ledger::execution_columns!(", SUBSTR(error, 1, 4000) AS error, SUBSTR(output, 1, 20000) AS output")
    };
    ($said:literal) => {
        concat!(
            "id, ident, ",
            $crate::model::bounds::named!(word "task_type"),
            ", ",
            $crate::model::bounds::named!(word "name"),
            ", node, lock_key, ",
            $crate::model::bounds::named!(word "outcome"),
            ", started, ended, cpu, peak_memory",
            $said
        )
    };
}
pub(crate) use execution_columns;

/// The most executions of one task that are read.
const MAX_EXECUTIONS: i64 = 1000;

impl Store {
    /// The executions of a task, oldest first; the newest 1,000, if there are more.
    pub async fn executions(&self, id: TaskId) -> Result<Vec<Execution>> {
        let sql = concat!(
            "SELECT ",
            execution_columns!(),
            " FROM otrsd_execution WHERE ident = ? ORDER BY id DESC LIMIT ?"
        );
        let mut rows = self.rows(sql, arguments![id.ident(), MAX_EXECUTIONS]).await?;
        rows.reverse();
        Ok(self.readable(&rows, execution))
    }

    /// What the ledger knows of tasks; nothing for those that never ran.
    pub async fn history(&self, ids: &[TaskId]) -> Result<HashMap<TaskId, History>> {
        let idents: Vec<i64> = ids.iter().map(|id| id.ident()).collect();
        let sql = concat!(
            "SELECT ident, ",
            bounded!(word "outcome"),
            ", COUNT(*), MIN(started) FROM otrsd_execution WHERE ident IN (?*) GROUP BY ident, outcome"
        );
        let mut known: HashMap<TaskId, History> = HashMap::new();
        for row in self.rows(sql, arguments![&idents]).await? {
            let history = known.entry(TaskId::from_ident(row.int(0)?)).or_default();
            let times = u32::try_from(row.int(2)?).unwrap_or(u32::MAX);
            match Outcome::from_name(&row.lenient(1)) {
                Some(Outcome::Failed | Outcome::TimedOut) => {
                    history.failed = history.failed.saturating_add(times);
                }
                Some(Outcome::Postponed) => {
                    history.postponed = times;
                    let since = row.maybe_int(3).ok().flatten();
                    history.postponed_since = since.and_then(from_micros);
                }
                Some(Outcome::Crashed) => history.crashed = history.crashed.saturating_add(times),
                Some(Outcome::CrashedTogether) => history.crashed_together = true,
                _ => (),
            }
        }
        Ok(known)
    }

    /// Executions of a type and name (empty for all), newest first, older than row `before` if given; each
    /// with its row, to go on from.
    pub async fn done(
        &self,
        task_type: &str,
        name: &str,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<(i64, Execution)>> {
        let sql = concat!(
            "SELECT ",
            execution_columns!(),
            " FROM otrsd_execution WHERE id < ? AND (? = '' OR task_type = ?) AND (? = '' OR name = ?) \
             ORDER BY id DESC LIMIT ?"
        );
        let before = before.unwrap_or(i64::MAX);
        let rows = self
            .rows(sql, arguments![before, task_type, task_type, name, name, i64::from(limit)])
            .await?;
        Ok(self.readable(&rows, numbered))
    }

    /// The last execution of each of these tasks.
    pub async fn last_executions(&self, ids: &[TaskId]) -> Result<HashMap<TaskId, Execution>> {
        let idents: Vec<i64> = ids.iter().map(|id| id.ident()).collect();
        let sql = concat!(
            "SELECT ",
            execution_columns!(),
            " FROM otrsd_execution WHERE id IN \
             (SELECT MAX(id) FROM otrsd_execution WHERE ident IN (?*) GROUP BY ident)"
        );
        let rows = self.rows(sql, arguments![&idents]).await?;
        Ok(self.readable(&rows, |row| execution(row).map(|it| (it.id, it))))
    }
}

/// An execution with its row.
pub(crate) fn numbered(row: &Row) -> Result<(i64, Execution)> {
    Ok((row.int(0)?, execution(row)?))
}

pub(crate) fn execution(row: &Row) -> Result<Execution> {
    let time = |position| {
        from_micros(row.int(position)?).ok_or_else(|| row.bad(position, "microseconds since 1970"))
    };
    let outcome = Outcome::from_name(&row.text(6)?).ok_or_else(|| row.bad(6, "an outcome"))?;
    let cpu = row.maybe_int(9).ok().flatten().map(|cpu| Duration::from_micros(cpu.unsigned_abs()));
    Ok(Execution {
        id: TaskId::from_ident(row.int(1)?),
        task_type: row.lenient(2),
        name: row.lenient(3),
        node: row.int(4).ok().and_then(|node| u16::try_from(node).ok()).unwrap_or(0),
        lock: row.lock_key(5),
        outcome,
        started: time(7)?,
        ended: time(8)?,
        cpu,
        peak_memory: row.maybe_int(10).ok().flatten().map(i64::unsigned_abs),
        error: row.maybe_lenient(11),
        output: row.maybe_lenient(12),
    })
}
