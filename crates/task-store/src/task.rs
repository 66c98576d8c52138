//! A task: what is asked for, and the row of `scheduler_task` that carries it.

use jiff::Timestamp;

use crate::bounds::LARGEST_DATA;
use crate::database::{Connection, Row, arguments};
use crate::error::{Error, Result};
use crate::lock_key::LockKey;
use crate::store::Store;
use crate::task_id::TaskId;

/// The longest type and name, in characters: the columns' width in every installation.
pub const LONGEST_NAME: usize = 150;

/// A task to be added.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NewTask {
    /// Its id for life; adding one id twice is an error.
    pub id: TaskId,
    /// What kind of task: chooses the handler.
    pub task_type: String,
    /// What it is called; together with the type it counts for the limit.
    pub name: String,
    /// The payload as the column holds it: JSON, of which each character is kept; in a home see
    /// [`encode`](crate::encode).
    pub data: String,
    /// How often it may be tried, at least 1.
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

    /// Whether it can be added; whoever adds it hears the same.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn check(&self) -> Result<()> {
        let long = |text: &str| text.chars().count() > LONGEST_NAME;
        let problem = if self.task_type.is_empty() {
            "a task needs a type"
        } else if long(&self.task_type) || long(&self.name) {
            "a task's type and name have at most 150 characters"
        } else if self.data.len() > LARGEST_DATA {
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
    /// How often it may be tried.
    pub attempts: i64,
    /// Lower runs earlier.
    pub priority: i64,
    /// Who has it.
    pub lock: LockKey,
    /// When it was added; `None` where the column holds no time.
    pub created: Option<Timestamp>,
    /// Whether the ledger may know something of it: never of a task that was only added. A home's tables
    /// cannot tell.
    pub tried: bool,
    /// Why it cannot be run: its row holds what it must not. Such a task is only to be held; its id may be a
    /// drawn one.
    pub damage: Option<String>,
}

/// The columns of [`Task`], from a table with a priority and from one without.
macro_rules! task_columns {
    () => {
        $crate::task::task_columns!("priority, tried")
    };
    (home) => {
        $crate::task::task_columns!("0, 1")
    };
    ($ours:literal) => {
        concat!(
            "id, ident, ",
            $crate::bounds::named!(word "task_type"),
            ", ",
            $crate::bounds::named!(word "name"),
            ", ",
            $crate::bounds::named!(data "task_data"),
            ", attempts, lock_key, CAST(create_time AS CHAR(19)), ",
            $ours
        )
    };
}
pub(crate) use task_columns;

impl Store {
    /// A row whose number is known is a task, whatever else it holds.
    pub(crate) fn task(&self, row: &Row) -> Result<Task> {
        Ok(Task {
            row: row.int(0)?,
            id: row.int(1).map_or_else(|_| TaskId::draw(), TaskId::from_ident),
            task_type: row.lenient(2),
            name: row.lenient(3),
            data: row.lenient(4),
            attempts: row.maybe_int(5).ok().flatten().unwrap_or(1),
            lock: row.lock_key(6),
            created: self.time_of(&row.lenient(7)),
            priority: row.maybe_int(8).ok().flatten().unwrap_or(0),
            tried: row.maybe_int(9).ok().flatten() != Some(0),
            damage: damage(row).err().map(|error| error.to_string()),
        })
    }

    /// In the order in which they were to be claimed.
    pub(crate) fn tasks(&self, rows: &[Row]) -> Vec<Task> {
        let mut tasks: Vec<Task> = self.readable(rows, |row| self.task(row));
        tasks.sort_by_key(|task| (task.priority, task.row));
        tasks
    }

    /// All tasks under a lock.
    pub(crate) async fn under_lock(
        &self,
        connection: &mut Connection<'_>,
        key: i64,
    ) -> Result<Vec<Task>> {
        let sql = if self.is_home() {
            concat!("SELECT ", task_columns!(home), " FROM scheduler_task WHERE lock_key = ?")
        } else {
            concat!("SELECT ", task_columns!(), " FROM scheduler_task WHERE lock_key = ?")
        };
        Ok(self.tasks(&connection.rows(sql, arguments![key]).await?))
    }

    /// All tasks under a lock: what a worker really has.
    pub async fn locked_by(&self, lock: LockKey) -> Result<Vec<Task>> {
        let sql = if self.is_home() {
            concat!("SELECT ", task_columns!(home), " FROM scheduler_task WHERE lock_key = ?")
        } else {
            concat!("SELECT ", task_columns!(), " FROM scheduler_task WHERE lock_key = ?")
        };
        Ok(self.tasks(&self.rows(sql, arguments![lock.key()]).await?))
    }
}

/// Whether a row has what a task must have, as [`NewTask::check`] asks of those that we add.
fn damage(row: &Row) -> Result<()> {
    row.int(1)?;
    let (task_type, name) = (row.text(2)?, row.maybe_text(3)?.unwrap_or_default());
    let is_good = |text: &str| text.chars().count() <= LONGEST_NAME && !text.contains('\0');
    if task_type.is_empty() || !is_good(&task_type) {
        return Err(row.bad(2, "1 to 150 characters without NUL"));
    }
    if !is_good(&name) {
        return Err(row.bad(3, "at most 150 characters without NUL"));
    }
    match row.maybe_text(4)? {
        Some(_) => Ok(()),
        // The column is never null itself.
        None => Err(row.bad(4, "at most 16 MiB")),
    }
}
