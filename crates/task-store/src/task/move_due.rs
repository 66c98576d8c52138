//! Moving future tasks into the queue when their time has come.

use jiff::Timestamp;

use crate::database::error::Result;
use crate::database::{Connection, Dialect, Row, arguments};
use crate::model::locked::Locked;
use crate::store::notifier::notify_in;
use crate::store::{Store, Transaction};
use crate::task::future::{TABLE, invalid_time};
use crate::task::held::{Move, hold};
use crate::task::quarantine::quarantined;

impl Store {
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
            let how = quarantined(invalid_time(id, &time));
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
