//! Looking at tasks: by state, type and name, page by page, or one by its id.

use jiff::Timestamp;

use crate::database::error::Result;
use crate::database::{Row, arguments};
use crate::ledger::search::containing;
use crate::model::bounds::{bounded, named};
use crate::model::lock_key::LockKey;
use crate::model::task_id::TaskId;
use crate::model::timestamp::from_micros;
use crate::store::Store;
use crate::task::held::HeldState;
use crate::task::pause::Pause;

/// Where a task is.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum State {
    /// Free to be claimed.
    Waiting,
    /// Under a lock.
    Running,
    /// Planned for later.
    Future,
    /// Held.
    Held(HeldState),
}

impl State {
    /// All of them, in the order of a task's life.
    pub const ALL: [Self; 7] = [
        Self::Waiting,
        Self::Running,
        Self::Future,
        Self::Held(HeldState::Retry),
        Self::Held(HeldState::Failed),
        Self::Held(HeldState::Quarantined),
        Self::Held(HeldState::NoHandler),
    ];

    /// Its name for commands, pages and programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Future => "future",
            Self::Held(held) => held.as_str(),
        }
    }
}

/// A task as lists show it, without its payload.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    /// The row in the table of its state: the next page begins after it.
    pub row: i64,
    /// Its id for life.
    pub id: TaskId,
    /// Its type.
    pub task_type: String,
    /// Its name.
    pub name: String,
    /// How many attempts it has.
    pub attempts: i64,
    /// Its state.
    pub state: State,
    /// Its lock.
    pub lock: LockKey,
    /// Since when it is locked.
    pub locked: Option<Timestamp>,
    /// When it was enqueued.
    pub created: Option<Timestamp>,
    /// When it is due, for future tasks and retries.
    pub due: Option<Timestamp>,
    /// Why it is held.
    pub reason: String,
}

/// Which tasks a list shows.
#[derive(Clone, Debug)]
pub struct Filter<'a> {
    /// In this state.
    pub state: State,
    /// Of this type; empty for all.
    pub task_type: &'a str,
    /// Of this name; empty for all.
    pub name: &'a str,
    /// Whose name holds this text, in whatever case; empty for all.
    pub text: &'a str,
    /// After this row; 0 for the first page.
    pub after: i64,
    /// How many at most.
    pub limit: u32,
}

/// Why a task runs or does not.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Explanation {
    /// The task.
    pub entry: Entry,
    /// How many free tasks are to be claimed before it.
    pub ahead: u64,
    /// How many of its type and name there are, waiting and running, itself included.
    pub parallel: u64,
    /// The pauses that are in force for its type.
    pub pauses: Vec<Pause>,
}

macro_rules! head {
    () => {
        concat!("SELECT id, ident, ", named!(word "task_type"), ", ", named!(word "name"), ", attempts")
    };
}
macro_rules! task {
    ($rest:literal) => {
        concat!(
            head!(),
            ", CASE WHEN lock_key = 0 THEN 'waiting' ELSE 'running' END, \
             lock_key, CAST(create_time AS CHAR(19)), CAST(lock_time AS CHAR(19)), NULL, '' FROM scheduler_task WHERE ",
            $rest
        )
    };
}
macro_rules! future {
    ($rest:literal) => {
        concat!(
            head!(),
            ", 'future', lock_key, CAST(create_time AS CHAR(19)), \
             CAST(execution_time AS CHAR(19)), NULL, '' FROM scheduler_future_task WHERE ",
            $rest
        )
    };
}
macro_rules! held {
    ($rest:literal) => {
        concat!(
            head!(),
            ", ",
            named!(word "state"),
            ", 0, CAST(create_time AS CHAR(19)), NULL, due, ",
            named!(prose "reason"),
            " FROM otrsd_held WHERE ",
            $rest
        )
    };
}

impl Store {
    /// One page of a list, in the order in which the tasks were added.
    pub async fn list(&self, filter: &Filter<'_>) -> Result<Vec<Entry>> {
        let Filter { task_type, name, text, after, limit, .. } = *filter;
        let pattern = containing(text);
        let limit = i64::from(limit);
        let page = arguments![after, task_type, task_type, name, name, text, &pattern, limit];
        let rows = match filter.state {
            State::Waiting => {
                let sql = task!(
                    "lock_key = 0 AND id > ? AND (? = '' OR task_type = ?) AND (? = '' OR name = ?) \
                     AND (? = '' OR LOWER(name) LIKE ? ESCAPE '!') ORDER BY id LIMIT ?"
                );
                self.rows(sql, page).await?
            }
            State::Running => {
                let sql = task!(
                    "lock_key <> 0 AND id > ? AND (? = '' OR task_type = ?) AND (? = '' OR name = ?) \
                     AND (? = '' OR LOWER(name) LIKE ? ESCAPE '!') ORDER BY id LIMIT ?"
                );
                self.rows(sql, page).await?
            }
            State::Future => {
                let sql = future!(
                    "id > ? AND (? = '' OR task_type = ?) AND (? = '' OR name = ?) \
                     AND (? = '' OR LOWER(name) LIKE ? ESCAPE '!') ORDER BY id LIMIT ?"
                );
                self.rows(sql, page).await?
            }
            State::Held(state) => {
                let sql = held!(
                    "state = ? AND id > ? AND (? = '' OR task_type = ?) AND (? = '' OR name = ?) \
                     AND (? = '' OR LOWER(name) LIKE ? ESCAPE '!') ORDER BY id LIMIT ?"
                );
                let page = arguments![
                    state.as_str(),
                    after,
                    task_type,
                    task_type,
                    name,
                    name,
                    text,
                    &pattern,
                    limit
                ];
                self.rows(sql, page).await?
            }
        };
        Ok(self.readable(&rows, |row| self.entry(row)))
    }

    /// A task wherever it is; `None` once it is done, or if it never was.
    pub async fn get(&self, id: TaskId) -> Result<Option<Entry>> {
        // Held ones again: it may have failed since they were looked at.
        let places =
            [held!("ident = ?"), future!("ident = ?"), task!("ident = ?"), held!("ident = ?")];
        for sql in places {
            if let Some(row) = self.row(sql, arguments![id.ident()]).await? {
                return self.entry(&row).map(Some);
            }
        }
        Ok(None)
    }

    /// The payload of a task as its column holds it; `None` too if it is larger than [`MAX_DATA_SIZE`](crate::MAX_DATA_SIZE).
    pub async fn data(&self, id: TaskId) -> Result<Option<String>> {
        let sql = concat!(
            "SELECT ",
            bounded!(data "task_data"),
            " FROM scheduler_task WHERE ident = ? UNION ALL SELECT ",
            bounded!(data "task_data"),
            " FROM otrsd_held WHERE ident = ? UNION ALL SELECT ",
            bounded!(data "task_data"),
            " FROM scheduler_future_task WHERE ident = ?"
        );
        let ident = id.ident();
        let row = self.row(sql, arguments![ident, ident, ident]).await?;
        Ok(row.and_then(|row| row.maybe_lenient(0)))
    }

    /// Why a task runs or does not, as far as the database knows.
    pub async fn explain(&self, id: TaskId) -> Result<Option<Explanation>> {
        let Some(entry) = self.get(id).await? else { return Ok(None) };
        let ahead = if self.is_home() {
            "SELECT COUNT(*) FROM scheduler_task WHERE lock_key = 0 AND id < \
             (SELECT id FROM scheduler_task WHERE ident = ?)"
        } else {
            "SELECT COUNT(*) FROM scheduler_task t JOIN scheduler_task me ON me.ident = ? WHERE t.lock_key = 0 \
             AND (t.priority < me.priority OR (t.priority = me.priority AND t.id < me.id))"
        };
        let ahead = self.number(ahead, arguments![id.ident()]).await?;
        let parallel = "SELECT COUNT(*) FROM scheduler_task WHERE task_type = ? AND name = ?";
        let parallel = self.number(parallel, arguments![&entry.task_type, &entry.name]).await;
        // Where the queue's encoding has not all characters of a held one, there are none of its type.
        let parallel =
            parallel.or_else(|error| if error.is_refusal() { Ok(0) } else { Err(error) })?;
        let mut pauses = self.pauses().await?;
        pauses.retain(|pause| pause.task_type.is_empty() || pause.task_type == entry.task_type);
        Ok(Some(Explanation { entry, ahead, parallel, pauses }))
    }

    async fn number(
        &self,
        sql: &'static str,
        arguments: &[crate::database::Argument<'_>],
    ) -> Result<u64> {
        self.row(sql, arguments).await?.map_or(Ok(0), |row| row.int(0).map(i64::unsigned_abs))
    }

    fn entry(&self, row: &Row) -> Result<Entry> {
        let name = row.lenient(5);
        let state = match name.as_str() {
            "waiting" => State::Waiting,
            "running" => State::Running,
            "future" => State::Future,
            // An unknown state keeps it where it is.
            name => State::Held(HeldState::from_name(name).unwrap_or(HeldState::Quarantined)),
        };
        let due = match state {
            State::Future => self.time_of(&row.lenient(8)),
            State::Held(_) => row.maybe_int(9).ok().flatten().and_then(from_micros),
            _ => None,
        };
        Ok(Entry {
            row: row.int(0)?,
            id: TaskId::from_ident(row.int(1)?),
            task_type: row.lenient(2),
            name: row.lenient(3),
            attempts: row.maybe_int(4).ok().flatten().unwrap_or(1),
            state,
            lock: row.lock_key(6),
            locked: if state == State::Running { self.time_of(&row.lenient(8)) } else { None },
            created: self.time_of(&row.lenient(7)),
            due,
            reason: row.lenient(10),
        })
    }
}
