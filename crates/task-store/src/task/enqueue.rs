//! Enqueueing tasks, one or many, under their limits.
//!
//! A limit counts rows of a type and name, waiting or running, as the original does, and tasks that wait for a retry. It
//! is free of races: a producer first updates the guard row of that type and name, so the next producer waits for the
//! commit and counts after it. Perl's producers do not do that.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::database::error::Result;
use crate::database::{Argument, Column, Connection, Dialect, Insert, ONCE, arguments};
use crate::model::task::NewTask;
use crate::store::notifier::notify_in;
use crate::store::{Store, Transaction};

/// What became of a task that was to be enqueued.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Added {
    /// It is in the queue.
    Added,
    /// As many tasks of its type and name as the limit allows are there.
    LimitReached,
}

impl Store {
    /// Enqueues a task.
    pub async fn enqueue(&self, task: &NewTask, now: Timestamp) -> Result<Added> {
        let added = self.enqueue_many(std::slice::from_ref(task), now).await?;
        Ok(added.first().copied().unwrap_or(Added::LimitReached))
    }

    /// Enqueues tasks, all in one transaction; returns what became of each.
    pub async fn enqueue_many(&self, tasks: &[NewTask], now: Timestamp) -> Result<Vec<Added>> {
        if tasks.is_empty() {
            return Ok(Vec::new());
        }
        tasks.iter().try_for_each(NewTask::check)?;
        let producer = self.notify_coalescer().producer();
        let notifies = producer.is_alone && tasks.len() == 1;
        let added = self.transact(&Enqueue { store: self, tasks, now, notifies }).await?;
        match (notifies, producer.is_alone) {
            (true, _) => {}
            (false, true) => self.notify().await,
            (false, false) => self.notify_soon(),
        }
        Ok(added)
    }

    /// Enqueues a task within the caller's own transaction: it is there if and when that commits. After an
    /// error the transaction can only be rolled back.
    ///
    /// ```no_run
    /// # async fn example(store: &task_store::Store, pool: &sqlx::PgPool, now: jiff::Timestamp)
    /// # -> Result<(), Box<dyn std::error::Error>> {
    /// let mut transaction = pool.begin().await?;
    /// let task = task_store::NewTask::new("SendInvoice", "invoice 4711", r#"{"invoice": 4711}"#);
    /// store.enqueue_in(&mut *transaction, &task, now).await?;
    /// transaction.commit().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn enqueue_in<'c>(
        &self,
        connection: impl Into<Connection<'c>>,
        task: &NewTask,
        now: Timestamp,
    ) -> Result<Added> {
        task.check()?;
        let mut connection = connection.into();
        let enqueue =
            Enqueue { store: self, tasks: std::slice::from_ref(task), now, notifies: true };
        let added = enqueue.run(&mut connection).await?;
        Ok(added.first().copied().unwrap_or(Added::LimitReached))
    }
}

pub(crate) struct Enqueue<'a> {
    pub(crate) store: &'a Store,
    pub(crate) tasks: &'a [NewTask],
    pub(crate) now: Timestamp,
    /// Whether the transaction itself notifies the workers.
    pub(crate) notifies: bool,
}

impl Transaction for Enqueue<'_> {
    type Output = Vec<Added>;

    fn is_one_statement(&self) -> bool {
        let one = self.tasks.len() == 1 || self.store.dialect() == Dialect::Postgres;
        one && self.tasks.iter().all(|task| task.max_parallel == 0)
    }

    fn has_enqueued(&self, added: &Vec<Added>) -> bool {
        added.contains(&Added::Added)
    }

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Vec<Added>> {
        let mut room = self.room(connection).await?;
        let mut accepted = Vec::with_capacity(self.tasks.len());
        let mut added = Vec::with_capacity(self.tasks.len());
        for task in self.tasks {
            let left = room.get_mut(&key(task)).filter(|_| task.max_parallel > 0);
            let fits = left.is_none_or(|count| {
                let fits = *count < i64::from(task.max_parallel);
                *count += i64::from(fits);
                fits
            });
            if fits {
                accepted.push(task);
            }
            added.push(if fits { Added::Added } else { Added::LimitReached });
        }
        self.insert(connection, &accepted).await?;
        Ok(added)
    }

    /// A task that is in the queue, is held, or was run already, was enqueued.
    async fn resolve_unknown_commit(
        &self,
        connection: &mut Connection<'_>,
    ) -> Result<Option<Vec<Added>>> {
        let idents: Vec<i64> = self.tasks.iter().map(|task| task.id.ident()).collect();
        let sql = "SELECT ident FROM scheduler_task WHERE ident IN (?*) \
                   UNION SELECT ident FROM otrsd_held WHERE ident IN (?*) \
                   UNION SELECT ident FROM otrsd_execution WHERE ident IN (?*)";
        let rows = connection.rows(sql, arguments![&idents, &idents, &idents]).await?;
        let there = rows.iter().map(|row| row.int(0)).collect::<Result<Vec<_>>>()?;
        if there.is_empty() {
            return Ok(None);
        }
        let one = |ident| if there.contains(ident) { Added::Added } else { Added::LimitReached };
        Ok(Some(idents.iter().map(one).collect()))
    }
}

impl Enqueue<'_> {
    /// How many tasks there are of each limited type and name, counted under their guard rows. All producers take these in
    /// the same order, so that two batches do not wait for each other.
    async fn room<'t>(&'t self, connection: &mut Connection<'_>) -> Result<BTreeMap<Key<'t>, i64>> {
        let limited = self.tasks.iter().filter(|task| task.max_parallel > 0);
        let mut room: BTreeMap<Key<'_>, i64> = limited.map(|task| (key(task), 0)).collect();
        if let [only] = room.keys().copied().collect::<Vec<_>>()[..] {
            guard(connection, only, self.now).await?;
        } else {
            let touched = self.now.as_microsecond();
            let row = |(task_type, name): &Key<'t>| {
                vec![Argument::from(touched), Argument::from(*task_type), Argument::from(*name)]
            };
            let rows: Vec<Vec<Argument<'_>>> = room.keys().map(row).collect();
            GUARD.run(connection, &rows).await?;
        }
        let types: BTreeSet<&str> = room.keys().map(|(task_type, _)| *task_type).collect();
        for task_type in types {
            let of_type = room.keys().filter(|key| key.0 == task_type);
            let names: Vec<String> = of_type.map(|key| key.1.to_owned()).collect();
            let counts = parallel(connection, task_type, &names).await?;
            for ((_, name), count) in room.iter_mut().filter(|(key, _)| key.0 == task_type) {
                *count += counts.get(*name).copied().unwrap_or_default();
            }
        }
        Ok(room)
    }

    async fn insert(&self, connection: &mut Connection<'_>, tasks: &[&NewTask]) -> Result<()> {
        let created = self.store.wall_clock(self.now);
        let home = self.store.is_home();
        let rows: Vec<Vec<Argument<'_>>> =
            tasks.iter().map(|task| row(task, &created, home)).collect();
        if let (Dialect::Postgres, true, [row]) = (connection.dialect(), self.notifies, &rows[..]) {
            let sql = if home { ONE_OF_HOME } else { ONE };
            return connection.rows(sql, row).await.map(drop);
        }
        let insert = if home { INTO_HOME } else { INTO };
        insert.run(connection, &rows).await?;
        if self.notifies { notify_in(connection).await } else { Ok(()) }
    }
}

/// INSERT and NOTIFY in one round trip.
const ONE: &str = "WITH added AS (INSERT INTO scheduler_task \
    (ident, name, task_type, task_data, attempts, create_time, priority) \
    VALUES (?, ?, ?, ?, ?, ?t, ?)) SELECT pg_notify('otrsd_task', '')";
const ONE_OF_HOME: &str = "WITH added AS (INSERT INTO scheduler_task \
    (ident, name, task_type, task_data, attempts, create_time, lock_key) \
    VALUES (?, ?, ?, ?, ?, ?t, ?)) SELECT pg_notify('otrsd_task', '')";

const INTO: Insert = Insert {
    into: "scheduler_task (ident, name, task_type, task_data, attempts, create_time, priority)",
    columns: &[
        Column::Int,
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
    into: "scheduler_task (ident, name, task_type, task_data, attempts, create_time, lock_key)",
    columns: INTO.columns,
    conflict: ONCE,
};

type Key<'t> = (&'t str, &'t str);

fn key(task: &NewTask) -> Key<'_> {
    (&task.task_type, &task.name)
}

/// In a home the last column is `lock_key`, which has no default there.
fn row<'a>(task: &'a NewTask, created: &'a str, home: bool) -> Vec<Argument<'a>> {
    let mut row = vec![
        Argument::from(task.id.ident()),
        Argument::from(&task.name),
        Argument::from(&task.task_type),
        Argument::from(&task.data),
        Argument::from(i64::from(task.attempts)),
        Argument::from(created),
    ];
    row.push(Argument::from(if home { 0 } else { i64::from(task.priority) }));
    row
}

/// The guard rows of types and names: an update locks them until the end of the transaction.
const GUARD: Insert = Insert {
    into: "otrsd_limit (touched, task_type, name)",
    columns: &[Column::Int, Column::Text, Column::Text],
    conflict: [
        "ON CONFLICT (task_type, name) DO UPDATE SET touched = excluded.touched",
        "ON DUPLICATE KEY UPDATE touched = VALUES(touched)",
    ],
};

/// Locks one, which is there in most cases.
async fn guard(connection: &mut Connection<'_>, key: Key<'_>, now: Timestamp) -> Result<()> {
    let touched = now.as_microsecond();
    let update = "UPDATE otrsd_limit SET touched = ? WHERE task_type = ? AND name = ?";
    if connection.execute(update, arguments![touched, key.0, key.1]).await? > 0 {
        return Ok(());
    }
    let row = vec![Argument::from(touched), Argument::from(key.0), Argument::from(key.1)];
    GUARD.run(connection, &[row]).await
}

/// The rows of a type that count for the limits of these names: what waits, runs, or will run by itself.
async fn parallel(
    connection: &mut Connection<'_>,
    task_type: &str,
    names: &[String],
) -> Result<BTreeMap<String, i64>> {
    let sql = "SELECT name, COUNT(*) FROM scheduler_task WHERE task_type = ? AND name IN (?*) GROUP BY name \
               UNION ALL SELECT name, COUNT(*) FROM otrsd_held \
               WHERE state IN ('retry', 'no-handler') AND task_type = ? AND name IN (?*) GROUP BY name";
    let rows = connection.rows(sql, arguments![task_type, names, task_type, names]).await?;
    let mut counts = BTreeMap::new();
    for row in &rows {
        *counts.entry(row.text(0)?).or_default() += row.int(1)?;
    }
    Ok(counts)
}
