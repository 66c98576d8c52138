//! Held tasks: what is not runnable now. Moving in or out is one transaction with `scheduler_task`, and the
//! payload travels inside the database, byte for byte.

use jiff::Timestamp;

use crate::database::{Connection, Dialect, arguments};
use crate::error::Result;
use crate::store::{Store, Work};
use crate::task_id::TaskId;
use crate::timestamp::from_micros;
use crate::wake::call_with;

/// Why a task is held.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum HeldState {
    /// It failed and will be tried again when it is due.
    Retry,
    /// It failed for good.
    Failed,
    /// It killed its process three times.
    Quarantined,
    /// Nobody knows its type.
    NoHandler,
}

/// How a task is held.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Hold {
    /// Why.
    pub state: HeldState,
    /// When it is tried again; for [`HeldState::Retry`].
    pub due: Option<Timestamp>,
    /// What people read about it.
    pub reason: String,
}

impl HeldState {
    const ALL: [Self; 4] = [Self::Retry, Self::Failed, Self::Quarantined, Self::NoHandler];

    /// The word in the column.
    pub fn word(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Failed => "failed",
            Self::Quarantined => "quarantined",
            Self::NoHandler => "no-handler",
        }
    }

    /// Of the word in the column.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }
}

impl Store {
    /// Puts tasks whose retry is due back into the queue, at most `limit`; how many.
    pub async fn release_due(&self, now: Timestamp, limit: u32) -> Result<u64> {
        let due = Which::Due { now, limit };
        self.transact(&Release { home: self.is_home(), which: due }).await
    }

    /// When the next retry is due.
    pub async fn next_retry(&self) -> Result<Option<Timestamp>> {
        let sql = "SELECT MIN(due) FROM otrsd_held WHERE state = 'retry'";
        let row = self.row(sql, arguments![]).await?;
        Ok(row.map(|row| row.maybe_int(0)).transpose()?.flatten().and_then(from_micros))
    }

    /// Puts a held task back into the queue, whatever held it; whether there was one.
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
        self.transact(&Release { home: self.is_home(), which: all }).await
    }
}

/// Moves a row of `scheduler_task`, which the transaction has locked, to the held ones.
pub(crate) async fn hold(
    connection: &mut Connection<'_>,
    home: bool,
    row: i64,
    how: &Hold,
    now: Timestamp,
) -> Result<()> {
    let sql = if home {
        "INSERT INTO otrsd_held (ident, task_type, name, task_data, attempts, priority, create_time, state, due, held, reason) \
         SELECT ident, task_type, COALESCE(name, ''), task_data, CASE WHEN attempts < 1 THEN 1 ELSE attempts END, 0, create_time, ?, ?, ?, ? \
         FROM scheduler_task WHERE id = ?"
    } else {
        "INSERT INTO otrsd_held (ident, task_type, name, task_data, attempts, priority, create_time, state, due, held, reason) \
         SELECT ident, task_type, COALESCE(name, ''), task_data, CASE WHEN attempts < 1 THEN 1 ELSE attempts END, priority, create_time, ?, ?, ?, ? \
         FROM scheduler_task WHERE id = ?"
    };
    let due = how.due.map(Timestamp::as_microsecond);
    let arguments = arguments![how.state.word(), due, now.as_microsecond(), &how.reason, row];
    connection.execute(sql, arguments).await?;
    connection.execute("DELETE FROM scheduler_task WHERE id = ?", arguments![row]).await.map(drop)
}

enum Which<'a> {
    Due { now: Timestamp, limit: u32 },
    One(TaskId),
    All { state: HeldState, task_type: &'a str, before: Timestamp, limit: u32 },
}

struct Release<'a> {
    home: bool,
    which: Which<'a>,
}

impl Work for Release<'_> {
    type Done = u64;

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
        call_with(connection).await?;
        Ok(released)
    }
}

impl Release<'_> {
    async fn ids(&self, connection: &mut Connection<'_>) -> Result<Vec<i64>> {
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
            Which::All { state, task_type, before, limit } => {
                let sql = if sqlite {
                    "SELECT id FROM otrsd_held WHERE state = ? AND held < ? \
                     AND (? = '' OR task_type = ?) ORDER BY id LIMIT ?"
                } else {
                    "SELECT id FROM otrsd_held WHERE state = ? AND held < ? \
                     AND (? = '' OR task_type = ?) ORDER BY id LIMIT ? FOR UPDATE SKIP LOCKED"
                };
                let (before, limit) = (before.as_microsecond(), i64::from(*limit));
                let all = arguments![state.word(), before, *task_type, *task_type, limit];
                connection.rows(sql, all).await?
            }
        };
        rows.iter().map(|row| row.int(0)).collect()
    }
}
