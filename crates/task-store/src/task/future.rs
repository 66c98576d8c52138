//! Future tasks: scheduled for a time, and moved into the queue when it comes. Row and payload stay as they are.

use std::sync::atomic::Ordering;

use jiff::Timestamp;

use crate::database::error::Result;
use crate::database::{Argument, Column, Connection, Dialect, Insert, ONCE, Row, arguments};
use crate::model::locked::Locked;
use crate::model::task::NewTask;
use crate::store::notifier::notify_in;
use crate::store::{Store, Transaction};
use crate::task::held::{Move, hold};
use crate::task::quarantine::quarantined;

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

    /// Moves due tasks into the queue, at most `limit`; returns how many. Rows that another process holds are left to it.
    /// Rows whose time is invalid are quarantined, and so are rows that the queue does not take.
    pub async fn move_due(&self, now: Timestamp, limit: u32) -> Result<u64> {
        let except = self.left_out_rows().ids(TABLE);
        let all = Which::Due { limit, except: &except };
        match self.transact(&MoveDue { store: self, now, which: all }).await {
            Err(error) if error.is_refusal() => self.move_in_parts(now, limit, &except).await,
            moved => moved,
        }
    }

    /// The next scheduled time, and whether a row's time is invalid.
    pub async fn planned(&self) -> Result<Planned> {
        let except = self.left_out_rows().ids(TABLE);
        let seen = self.plans_seen().load(Ordering::Relaxed);
        let row = match (self.dialect(), except.as_slice()) {
            (Dialect::Sqlite, []) => self.row(planned!(sqlite ""), arguments![seen]).await?,
            (Dialect::Postgres, []) => self.row(planned!(postgres ""), arguments![]).await?,
            (Dialect::MariaDb, []) => self.row(planned!(mariadb ""), arguments![]).await?,
            (Dialect::Sqlite, except) => {
                let sql = planned!(sqlite " AND id NOT IN (?*)");
                self.row(sql, arguments![except, seen, except]).await?
            }
            (Dialect::Postgres, except) => {
                let sql = planned!(postgres " AND id NOT IN (?*)");
                self.row(sql, arguments![except, except]).await?
            }
            (Dialect::MariaDb, except) => {
                self.row(planned!(mariadb " AND id NOT IN (?*)"), arguments![except]).await?
            }
        };
        let Some(row) = row else { return Ok(Planned::default()) };
        let next = row.maybe_lenient(0);
        let time = next.as_deref().and_then(|text| self.time_of(text));
        let is_damaged = row.maybe_int(1)?.is_some() || next.is_some() && time.is_none();
        if !is_damaged && let Some(highest) = row.maybe_int(2)? {
            self.plans_seen().fetch_max(highest, Ordering::Relaxed);
        }
        Ok(Planned { next: time, is_damaged })
    }

    /// Quarantines future tasks whose time is invalid; returns how many.
    pub async fn quarantine_planned(&self, now: Timestamp) -> Result<u64> {
        let sql = self.dialect().pick(
            "SELECT id, CAST(execution_time AS CHAR(25)) FROM scheduler_future_task WHERE lock_key = 0 \
             AND datetime(execution_time) IS NOT execution_time LIMIT 500",
            "SELECT id, CAST(execution_time AS CHAR(25)) FROM scheduler_future_task WHERE lock_key = 0 \
             AND (execution_time > '9999-12-31 23:59:59' OR execution_time < '0001-01-01') LIMIT 500",
            "SELECT id, CAST(execution_time AS CHAR(25)) FROM scheduler_future_task WHERE lock_key = 0 \
             AND (MONTH(execution_time) = 0 OR DAYOFMONTH(execution_time) = 0) LIMIT 500",
        );
        let mut gone = 0;
        for row in self.rows(sql, arguments![]).await? {
            let reason = no_time(row.int(0)?, &row.lenient(1));
            gone += u64::from(self.quarantine(Locked::Future, row.int(0)?, reason, now).await?);
        }
        Ok(gone)
    }

    /// Part by part: the database refuses one row, and only that row stays out of the queue.
    async fn move_in_parts(&self, now: Timestamp, limit: u32, except: &[i64]) -> Result<u64> {
        let sql = "SELECT id FROM scheduler_future_task WHERE lock_key = 0 AND execution_time <= ?t \
                   AND id NOT IN (?*) ORDER BY execution_time, id LIMIT ?";
        let until = self.wall_clock(now);
        let rows = self.rows(sql, arguments![until, except, i64::from(limit)]).await?;
        let ids = rows.iter().map(|row| row.int(0)).collect::<Result<Vec<_>>>()?;
        let part = |ids| MoveDue { store: self, now, which: Which::Rows(ids) };
        let mut gone = 0;
        for (part, outcome) in self.in_halves(&ids, part).await {
            gone += match (outcome, part) {
                (Err(error), [row]) if error.is_refusal() => {
                    let reason = format!(
                        "table {TABLE}, row {row}: it cannot be moved into the queue: {error}"
                    );
                    u64::from(self.quarantine(Locked::Future, *row, reason, now).await?)
                }
                (outcome, _) => outcome?,
            };
        }
        Ok(gone)
    }
}

/// The state of the future tasks.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Planned {
    /// The next scheduled time.
    pub next: Option<Timestamp>,
    /// Whether the time of one is invalid: see [`Store::quarantine_planned`].
    pub is_damaged: bool,
}

const TABLE: &str = "scheduler_future_task";

/// The earliest time, whether a row has an invalid one, and on SQLite the newest row: there a column takes any text, so
/// each new row is checked once. On servers only the ends of the order can be invalid.
macro_rules! planned {
    (sqlite $except:literal) => {
        concat!(
            "SELECT (SELECT CAST(MIN(execution_time) AS CHAR(25)) FROM scheduler_future_task WHERE lock_key = 0",
            $except,
            "), (SELECT 1 FROM scheduler_future_task WHERE id > ? AND lock_key = 0 \
             AND datetime(execution_time) IS NOT execution_time",
            $except,
            " LIMIT 1), (SELECT MAX(id) FROM scheduler_future_task)"
        )
    };
    (postgres $except:literal) => {
        concat!(
            "SELECT (SELECT CAST(MIN(execution_time) AS CHAR(25)) FROM scheduler_future_task WHERE lock_key = 0",
            $except,
            "), CAST(CASE WHEN (SELECT MAX(execution_time) FROM scheduler_future_task WHERE lock_key = 0",
            $except,
            ") > '9999-12-31 23:59:59' THEN 1 END AS bigint), CAST(NULL AS bigint)"
        )
    };
    (mariadb $except:literal) => {
        concat!(
            "SELECT CAST(MIN(execution_time) AS CHAR(25)), NULL, NULL FROM scheduler_future_task \
             WHERE lock_key = 0",
            $except
        )
    };
}
use planned;

fn no_time(row: i64, text: &str) -> String {
    let text: String = text.trim_end().chars().filter(|it| *it != '\0').take(40).collect();
    format!(
        "table {TABLE}, row {row}, column execution_time: expected a time as 2026-07-01 12:00:00, \
         found '{text}'"
    )
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

struct MoveDue<'a> {
    store: &'a Store,
    now: Timestamp,
    which: Which<'a>,
}

#[derive(Clone, Copy)]
enum Which<'a> {
    /// Due rows without these.
    Due { limit: u32, except: &'a [i64] },
    /// These, if they are still there.
    Rows(&'a [i64]),
}

impl Transaction for MoveDue<'_> {
    type Output = u64;

    fn has_enqueued(&self, rows: &u64) -> bool {
        *rows > 0
    }

    async fn run(&self, connection: &mut Connection<'_>) -> Result<u64> {
        let (mut ids, mut timeless) = (Vec::new(), 0);
        for row in self.look(connection).await? {
            let (id, time) = (row.int(0)?, row.lenient(1));
            if self.store.time_of(&time).is_some() {
                ids.push(id);
                continue;
            }
            let how = quarantined(no_time(id, &time));
            let it = Move { from: Locked::Future, row: id, key: 0, how: &how, afresh: false };
            timeless += u64::from(hold(connection, self.store, &it, self.now).await?);
        }
        let moved = self.to_queue(connection, &ids).await?;
        Ok(moved + timeless)
    }
}

impl MoveDue<'_> {
    async fn look(&self, connection: &mut Connection<'_>) -> Result<Vec<Row>> {
        let locks = usize::from(connection.dialect() != Dialect::Sqlite);
        match self.which {
            Which::Due { limit, except: [] } => {
                let arguments = arguments![self.store.wall_clock(self.now), i64::from(limit)];
                connection.rows(DUE[locks], arguments).await
            }
            Which::Due { limit, except } => {
                let until = self.store.wall_clock(self.now);
                connection.rows(OTHERS[locks], arguments![until, except, i64::from(limit)]).await
            }
            Which::Rows(ids) => connection.rows(ROWS[locks], arguments![ids]).await,
        }
    }

    async fn to_queue(&self, connection: &mut Connection<'_>, ids: &[i64]) -> Result<u64> {
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
        let moved = connection.execute(copy, arguments![created, ids]).await?;
        let gone = "DELETE FROM scheduler_future_task WHERE id IN (?*)";
        connection.execute(gone, arguments![ids]).await?;
        notify_in(connection).await?;
        Ok(moved)
    }
}

macro_rules! due {
    ($which:literal, $lock:literal) => {
        concat!(
            "SELECT id, CAST(execution_time AS CHAR(25)) FROM scheduler_future_task WHERE lock_key = 0 AND ",
            $which,
            $lock
        )
    };
}
/// On SQLite, and on servers, where a second process leaves the rows that the first one locked.
macro_rules! both {
    ($which:literal) => {
        [due!($which, ""), due!($which, " FOR UPDATE SKIP LOCKED")]
    };
}
const DUE: [&str; 2] = both!("execution_time <= ?t ORDER BY execution_time, id LIMIT ?");
const OTHERS: [&str; 2] =
    both!("execution_time <= ?t AND id NOT IN (?*) ORDER BY execution_time, id LIMIT ?");
const ROWS: [&str; 2] = both!("id IN (?*)");
