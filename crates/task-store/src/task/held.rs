//! Held tasks: those that are not runnable now. Moving in or out is one transaction with `scheduler_task`, and the
//! payload travels inside the database, byte for byte.

use jiff::Timestamp;

use crate::database::error::{Error, Result};
use crate::database::{Connection, Dialect, arguments};
use crate::model::locked::Locked;
use crate::model::task_id::TaskId;
use crate::model::timestamp::from_micros;
use crate::store::notifier::notify_in;
use crate::store::{Store, Transaction};

/// Why a task is held.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum HeldState {
    /// It failed and will be retried when it is due.
    Retry,
    /// It failed for good.
    Failed,
    /// It is not to be run: it killed its process three times, its row holds what it must not, or the database
    /// does not take its end.
    Quarantined,
    /// No worker has a handler for its type.
    NoHandler,
}

/// How a task is held.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Hold {
    /// Why.
    pub state: HeldState,
    /// When it is retried; for [`HeldState::Retry`].
    pub due: Option<Timestamp>,
    /// The reason, for people.
    pub reason: String,
}

pub(crate) const TABLE: &str = "otrsd_held";

impl HeldState {
    const ALL: [Self; 4] = [Self::Retry, Self::Failed, Self::Quarantined, Self::NoHandler];

    /// Its name, as the column holds it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Failed => "failed",
            Self::Quarantined => "quarantined",
            Self::NoHandler => "no-handler",
        }
    }

    /// The value of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

impl Store {
    /// Puts tasks whose retry is due back into the queue, at most `limit`; returns how many.
    pub async fn release_due(&self, now: Timestamp, limit: u32) -> Result<u64> {
        let all = Release { home: self.is_home(), which: Which::Due { now, limit } };
        match self.transact(&all).await {
            Err(error) if error.is_refusal() => self.release_in_parts(&all.which, now).await,
            released => released,
        }
    }

    /// When the next retry is due.
    pub async fn next_retry(&self) -> Result<Option<Timestamp>> {
        let row = match self.left_out_rows().ids(TABLE).as_slice() {
            [] => {
                let sql = "SELECT MIN(due) FROM otrsd_held WHERE state = 'retry'";
                self.row(sql, arguments![]).await?
            }
            except => {
                let sql =
                    "SELECT MIN(due) FROM otrsd_held WHERE state = 'retry' AND id NOT IN (?*)";
                self.row(sql, arguments![except]).await?
            }
        };
        let due = row.and_then(|row| row.maybe_int(0).ok().flatten());
        // Long before all time is due too, and must not hide the others.
        let end = |due: i64| if due < 0 { Timestamp::MIN } else { Timestamp::MAX };
        Ok(due.map(|due| from_micros(due).unwrap_or(end(due))))
    }

    /// Puts a held task back into the queue, whatever its state; returns whether there was one.
    pub async fn retry(&self, id: TaskId) -> Result<bool> {
        let one = Which::One(id);
        Ok(self.transact(&Release { home: self.is_home(), which: one }).await? > 0)
    }

    /// Puts tasks of a type (empty for all) that are held for a state since before a time back into the
    /// queue, oldest first, at most `limit`: a handler has appeared, or what made them fail was mended. How
    /// many.
    pub async fn retry_all(
        &self,
        state: HeldState,
        task_type: &str,
        before: Timestamp,
        limit: u32,
    ) -> Result<u64> {
        let all = Which::All { state, task_type, before, limit };
        let all = Release { home: self.is_home(), which: all };
        match self.transact(&all).await {
            Err(error) if error.is_refusal() => self.release_in_parts(&all.which, before).await,
            released => released,
        }
    }
}

/// A row that is moved to the held ones.
pub(crate) struct Move<'a> {
    /// `scheduler_task` or `scheduler_future_task`.
    pub(crate) from: Locked,
    pub(crate) row: i64,
    /// Its lock.
    pub(crate) key: i64,
    pub(crate) how: &'a Hold,
    /// Its id and its time of creation are new, since the database does not take its own.
    pub(crate) afresh: bool,
}

/// On SQLite an id may be anything; then the task gets another.
macro_rules! moved {
    (sqlite $table:literal) => {
        moved!(
            "COALESCE(?, CASE typeof(ident) WHEN 'integer' THEN ident \
             ELSE 100000000000000000 + abs(random() % 900000000000000000) END)",
            "priority",
            $table
        )
    };
    ($priority:literal $table:literal) => {
        moved!("COALESCE(?, ident)", $priority, $table)
    };
    ($ident:literal, $priority:literal, $table:literal) => {
        concat!(
            "INSERT INTO otrsd_held (ident, task_type, name, task_data, attempts, priority, create_time, state, \
             due, held, reason) SELECT ",
            $ident,
            ", task_type, COALESCE(name, ''), task_data, CASE WHEN attempts < 1 THEN 1 ELSE attempts END, ",
            $priority,
            ", COALESCE(?t, create_time), ?, ?, ?, ? FROM ",
            $table,
            " WHERE id = ? AND lock_key + 0 = ?"
        )
    };
}

/// Moves a row to the held ones; whether it was under that key.
pub(crate) async fn hold(
    connection: &mut Connection<'_>,
    store: &Store,
    it: &Move<'_>,
    now: Timestamp,
) -> Result<bool> {
    let is_planned = it.from == Locked::Future;
    let sql = match (store.dialect(), store.is_home(), is_planned) {
        (Dialect::Sqlite, _, false) => moved!(sqlite "scheduler_task"),
        (Dialect::Sqlite, _, true) => moved!(sqlite "scheduler_future_task"),
        (_, false, false) => moved!("priority" "scheduler_task"),
        (_, false, true) => moved!("priority" "scheduler_future_task"),
        (_, true, false) => moved!("0" "scheduler_task"),
        (_, true, true) => moved!("0" "scheduler_future_task"),
    };
    let due = it.how.due.map(Timestamp::as_microsecond);
    let ident = it.afresh.then(|| TaskId::draw().ident());
    let created = it.afresh.then(|| store.wall_clock(now));
    let (state, held) = (it.how.state.as_str(), now.as_microsecond());
    let created = created.as_deref();
    let arguments = arguments![ident, created, state, due, held, &it.how.reason, it.row, it.key];
    if connection.execute(sql, arguments).await? == 0 {
        return Ok(false);
    }
    let sql = if is_planned {
        "DELETE FROM scheduler_future_task WHERE id = ? AND lock_key + 0 = ?"
    } else {
        "DELETE FROM scheduler_task WHERE id = ? AND lock_key + 0 = ?"
    };
    match connection.execute(sql, arguments![it.row, it.key]).await? {
        0 => Err(Error::Conflict("another took the row meanwhile".into())),
        _ => Ok(true),
    }
}

#[derive(Clone, Copy)]
pub(crate) enum Which<'a> {
    Due { now: Timestamp, limit: u32 },
    One(TaskId),
    All { state: HeldState, task_type: &'a str, before: Timestamp, limit: u32 },
    Rows(&'a [i64]),
}

pub(crate) struct Release<'a> {
    pub(crate) home: bool,
    pub(crate) which: Which<'a>,
}

impl Transaction for Release<'_> {
    type Output = u64;

    fn has_enqueued(&self, rows: &u64) -> bool {
        *rows > 0
    }

    async fn run(&self, connection: &mut Connection<'_>) -> Result<u64> {
        let ids = self.ids(connection).await?;
        if ids.is_empty() {
            return Ok(0);
        }
        let sql = if self.home {
            "INSERT INTO scheduler_task (ident, name, task_type, task_data, attempts, lock_key, create_time) \
             SELECT ident, name, task_type, task_data, attempts, 0, create_time FROM otrsd_held WHERE id IN (?*) ORDER BY id"
        } else {
            "INSERT INTO scheduler_task (ident, name, task_type, task_data, attempts, lock_key, create_time, priority, tried) \
             SELECT ident, name, task_type, task_data, attempts, 0, create_time, priority, 1 FROM otrsd_held WHERE id IN (?*) ORDER BY id"
        };
        let released = connection.execute(sql, arguments![&ids]).await?;
        connection.execute("DELETE FROM otrsd_held WHERE id IN (?*)", arguments![&ids]).await?;
        notify_in(connection).await?;
        Ok(released)
    }
}

impl Release<'_> {
    pub(crate) async fn ids(&self, connection: &mut Connection<'_>) -> Result<Vec<i64>> {
        let sqlite = connection.dialect() == Dialect::Sqlite;
        let rows = match &self.which {
            Which::Due { now, limit } => {
                let sql = if sqlite {
                    "SELECT id FROM otrsd_held WHERE state = 'retry' AND due <= ? ORDER BY due, id LIMIT ?"
                } else {
                    "SELECT id FROM otrsd_held WHERE state = 'retry' AND due <= ? ORDER BY due, id LIMIT ? FOR UPDATE SKIP LOCKED"
                };
                connection.rows(sql, arguments![now.as_microsecond(), i64::from(*limit)]).await?
            }
            Which::One(id) => {
                let sql = if sqlite {
                    "SELECT id FROM otrsd_held WHERE ident = ?"
                } else {
                    "SELECT id FROM otrsd_held WHERE ident = ? FOR UPDATE"
                };
                connection.rows(sql, arguments![id.ident()]).await?
            }
            Which::Rows(ids) => {
                let sql = if sqlite {
                    "SELECT id FROM otrsd_held WHERE id IN (?*)"
                } else {
                    "SELECT id FROM otrsd_held WHERE id IN (?*) FOR UPDATE SKIP LOCKED"
                };
                connection.rows(sql, arguments![*ids]).await?
            }
            Which::All { state, task_type, before, limit } => {
                let sql = if sqlite {
                    "SELECT id FROM otrsd_held WHERE state = ? AND held < ? \
                     AND (? = '' OR task_type = ?) ORDER BY id LIMIT ?"
                } else {
                    "SELECT id FROM otrsd_held WHERE state = ? AND held < ? \
                     AND (? = '' OR task_type = ?) ORDER BY id LIMIT ? FOR UPDATE SKIP LOCKED"
                };
                let (before, limit) = (before.as_microsecond(), i64::from(*limit));
                let all = arguments![state.as_str(), before, *task_type, *task_type, limit];
                connection.rows(sql, all).await?
            }
        };
        rows.iter().map(|row| row.int(0)).collect()
    }
}
