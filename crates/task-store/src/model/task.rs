//! A task to be enqueued, and a task in the queue, which is a row of `scheduler_task`.

use jiff::Timestamp;

use crate::database::error::{Error, Result};
use crate::model::bounds::MAX_DATA_SIZE;
use crate::model::lock_key::LockKey;
use crate::model::task_id::TaskId;

/// The longest type and name, in characters: the columns' width in every installation.
pub const MAX_NAME_LENGTH: usize = 150;

/// A task to be enqueued.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NewTask {
    /// Its id for life; enqueueing one id twice is an error.
    pub id: TaskId,
    /// What kind of task: chooses the handler.
    pub task_type: String,
    /// What it is called; together with the type it counts for the limit.
    pub name: String,
    /// The payload as the column holds it: JSON, of which each character is kept; in a home see
    /// [`encode`](crate::encode).
    pub data: String,
    /// How many attempts it has, at least 1.
    pub attempts: i16,
    /// Lower runs earlier; 0 is usual. Without meaning in a home.
    pub priority: i16,
    /// The most rows of this type and name, waiting and running; 0 is no limit.
    pub max_parallel: u32,
}

impl NewTask {
    /// A task with one attempt, usual priority and no limit.
    pub fn new(
        task_type: impl Into<String>,
        name: impl Into<String>,
        data: impl Into<String>,
    ) -> Self {
        Self {
            id: TaskId::draw(),
            task_type: task_type.into(),
            name: name.into(),
            data: data.into(),
            attempts: 1,
            priority: 0,
            max_parallel: 0,
        }
    }

    /// Whether it can be enqueued. Enqueueing it gives the same error.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn check(&self) -> Result<()> {
        let long = |text: &str| text.chars().count() > MAX_NAME_LENGTH;
        let problem = if self.task_type.is_empty() {
            "a task needs a type"
        } else if long(&self.task_type) || long(&self.name) {
            "a task's type and name have at most 150 characters"
        } else if self.data.len() > MAX_DATA_SIZE {
            "a task's data have at most 16 MiB"
        } else if self.attempts < 1 {
            "a task needs at least 1 attempt"
        } else if [&self.task_type, &self.name, &self.data].iter().any(|text| text.contains('\0')) {
            "a task's texts cannot hold the character NUL"
        } else {
            return Ok(());
        };
        Err(Error::Invalid(problem.into()))
    }
}

/// A task that waits or runs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Task {
    /// The row's `id`.
    pub row: i64,
    /// Its id for life.
    pub id: TaskId,
    /// Its kind.
    pub task_type: String,
    /// Its name.
    pub name: String,
    /// The payload as the column holds it, see [`decode`](crate::decode).
    pub data: String,
    /// How many attempts it has.
    pub attempts: i64,
    /// Lower runs earlier.
    pub priority: i64,
    /// Its lock.
    pub lock: LockKey,
    /// When it was enqueued; `None` where the column holds no time.
    pub created: Option<Timestamp>,
    /// Whether the ledger may have executions of it: never of a task that was only enqueued. A home's tables cannot tell.
    pub tried: bool,
    /// Why it cannot be run: its row holds an invalid value. Such a task can only be held; its id may be a drawn one.
    pub damage: Option<String>,
}
