//! Cancelling tasks. The ledger records each, so no task disappears in silence.

use jiff::Timestamp;

use crate::database::error::Result;
use crate::database::{Connection, Dialect, Row, arguments};
use crate::ledger::record::record;
use crate::ledger::{Execution, Outcome};
use crate::model::bounds::named;
use crate::model::lock_key::LockKey;
use crate::model::task_id::TaskId;
use crate::store::{Store, Transaction};
use crate::task::held::HeldState;

/// What became of a cancellation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Cancelled {
    /// It is cancelled.
    Gone,
    /// It runs: only the owner of this lock can end it.
    Running(LockKey),
    /// There is no such task, or it is done.
    Unknown,
}

impl Store {
    /// Ends a task that does not run, wherever it waits. `by` is what the ledger says about it.
    pub async fn cancel(&self, id: TaskId, by: &str, now: Timestamp) -> Result<Cancelled> {
        let cancel = Cancel { which: Which::One(id), by, now };
        let found = self.transact(&cancel).await?;
        Ok(match found.gone {
            0 => found.running.map_or(Cancelled::Unknown, Cancelled::Running),
            _ => Cancelled::Gone,
        })
    }

    /// Ends all tasks of a type that wait free since before a time, at most `limit`; returns how many.
    pub async fn purge(
        &self,
        task_type: &str,
        before: Timestamp,
        limit: u32,
        by: &str,
        now: Timestamp,
    ) -> Result<u64> {
        let which = Which::Older { task_type, before: self.wall_clock(before), limit };
        Ok(self.transact(&Cancel { which, by, now }).await?.gone)
    }

    /// Ends tasks of a type that are held in a state since before a time, some hundreds at most; returns how many.
    pub async fn end_held(
        &self,
        task_type: &str,
        state: HeldState,
        before: Timestamp,
        by: &str,
        now: Timestamp,
    ) -> Result<u64> {
        let which = Which::Held { task_type, state, before, limit: MAX_ROWS_PER_TRANSACTION };
        Ok(self.transact(&Cancel { which, by, now }).await?.gone)
    }
}

/// How many held tasks end in one transaction.
const MAX_ROWS_PER_TRANSACTION: u32 = 500;

enum Which<'a> {
    One(TaskId),
    Held { task_type: &'a str, state: HeldState, before: Timestamp, limit: u32 },
    Older { task_type: &'a str, before: String, limit: u32 },
}

struct Cancel<'a> {
    which: Which<'a>,
    by: &'a str,
    now: Timestamp,
}

#[derive(Default)]
struct Found {
    gone: u64,
    running: Option<LockKey>,
}

impl Transaction for Cancel<'_> {
    type Output = Found;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Found> {
        let mut found = Found::default();
        for table in TABLES {
            let rows = self.look(connection, &table).await?;
            let mut ids = Vec::new();
            let mut executions = Vec::new();
            for row in &rows {
                match row.lock_key(4) {
                    LockKey::Free => {
                        ids.push(row.int(0)?);
                        executions.push(self.execution(row));
                    }
                    lock => found.running = Some(lock),
                }
            }
            if !ids.is_empty() {
                found.gone += connection.execute(table.delete, arguments![&ids]).await?;
                record(connection, &executions.iter().collect::<Vec<_>>()).await?;
            }
        }
        Ok(found)
    }

    /// What the ledger knows to be cancelled at this very moment was cancelled by this call.
    async fn resolve_unknown_commit(
        &self,
        connection: &mut Connection<'_>,
    ) -> Result<Option<Found>> {
        let sql = "SELECT COUNT(*) FROM otrsd_execution WHERE outcome = 'cancelled' AND ended = ? AND error = ?";
        let row = connection.row(sql, arguments![self.now.as_microsecond(), self.by]).await?;
        let gone = row.map_or(Ok(0), |row| row.int(0))?.unsigned_abs();
        Ok(Some(Found { gone, running: None }).filter(|_| gone > 0))
    }
}

struct Table {
    one: [&'static str; 2],
    older: Option<[&'static str; 2]>,
    is_held: bool,
    delete: &'static str,
}

macro_rules! seen {
    ($rest:literal) => {
        concat!("SELECT id, ident, ", named!(word "task_type"), ", ", named!(word "name"), ", ", $rest)
    };
}

/// Each with its statements, on SQLite and on servers.
const TABLES: [Table; 3] = [
    Table {
        one: [
            seen!("lock_key FROM scheduler_task WHERE ident = ?"),
            seen!("lock_key FROM scheduler_task WHERE ident = ? FOR UPDATE"),
        ],
        older: Some([
            seen!(
                "lock_key FROM scheduler_task \
             WHERE lock_key = 0 AND task_type = ? AND create_time < ?t ORDER BY id LIMIT ?"
            ),
            seen!(
                "lock_key FROM scheduler_task \
             WHERE lock_key = 0 AND task_type = ? AND create_time < ?t ORDER BY id LIMIT ? FOR UPDATE SKIP LOCKED"
            ),
        ]),
        is_held: false,
        delete: "DELETE FROM scheduler_task WHERE id IN (?*)",
    },
    Table {
        one: [
            seen!("lock_key FROM scheduler_future_task WHERE ident = ?"),
            seen!("lock_key FROM scheduler_future_task WHERE ident = ? FOR UPDATE"),
        ],
        older: None,
        is_held: false,
        delete: "DELETE FROM scheduler_future_task WHERE id IN (?*)",
    },
    Table {
        one: [
            seen!("0 FROM otrsd_held WHERE ident = ?"),
            seen!("0 FROM otrsd_held WHERE ident = ? FOR UPDATE"),
        ],
        older: None,
        is_held: true,
        delete: "DELETE FROM otrsd_held WHERE id IN (?*)",
    },
];

const HELD: [&str; 2] = [
    seen!(
        "0 FROM otrsd_held \
     WHERE state = ? AND task_type = ? AND held < ? ORDER BY id LIMIT ?"
    ),
    seen!(
        "0 FROM otrsd_held \
     WHERE state = ? AND task_type = ? AND held < ? ORDER BY id LIMIT ? FOR UPDATE SKIP LOCKED"
    ),
];

impl Cancel<'_> {
    async fn look(&self, connection: &mut Connection<'_>, table: &Table) -> Result<Vec<Row>> {
        let dialect = usize::from(connection.dialect() != Dialect::Sqlite);
        match (&self.which, table.older) {
            (Which::One(id), _) => {
                connection.rows(table.one[dialect], arguments![id.ident()]).await
            }
            (Which::Older { task_type, before, limit }, Some(older)) => {
                let arguments = arguments![*task_type, before, i64::from(*limit)];
                connection.rows(older[dialect], arguments).await
            }
            (Which::Held { task_type, state, before, limit }, None) if table.is_held => {
                let (before, limit) = (before.as_microsecond(), i64::from(*limit));
                let arguments = arguments![state.as_str(), *task_type, before, limit];
                connection.rows(HELD[dialect], arguments).await
            }
            (Which::Older { .. } | Which::Held { .. }, _) => Ok(Vec::new()),
        }
    }

    fn execution(&self, row: &Row) -> Execution {
        Execution {
            id: row.int(1).map_or_else(|_| TaskId::draw(), TaskId::from_ident),
            task_type: row.lenient(2),
            name: row.lenient(3),
            lock: LockKey::Free,
            node: 0,
            outcome: Outcome::Cancelled,
            started: self.now,
            ended: self.now,
            cpu: None,
            peak_memory: None,
            error: Some(self.by.to_owned()),
            output: None,
        }
    }
}
