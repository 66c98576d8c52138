//! Reclaiming the tasks of dead workers.

use jiff::Timestamp;

use crate::database::error::{Error, Result};
use crate::database::{Connection, arguments};
use crate::ledger::Outcome;
use crate::ledger::record::lost;
use crate::model::lock_key::{LockKey, Owner};
use crate::model::task::Task;
use crate::store::notifier::notify_in;
use crate::store::{Store, Transaction};
use crate::worker::lock::freed;

/// How it is known that an instance is dead.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Death {
    /// By the kernel: its process has ended.
    Known,
    /// Its heartbeat counter stood still at this value. An observer may have read old data.
    Silent {
        /// See [`Instance::beats`](crate::Instance::beats).
        beats: i64,
    },
}

impl Store {
    /// Frees everything under the lock of an instance that is dead, and forgets the instance: what was freed.
    ///
    /// Of a silent one nothing is freed unless its row is there and its counter still is what was seen, at each try
    /// of the transaction.
    ///
    /// A task of the types in `in_process` ran inside of the dead process, which may be its fault: that is
    /// [`Outcome::Crashed`] if it was the only one there, else [`Outcome::CrashedTogether`]. Any other had a
    /// process of its own, and was [`Outcome::Interrupted`].
    ///
    /// Tasks of the types in `spared` go on without their worker's heartbeat: they keep their lock, and
    /// the instance is remembered while there are any; its next [`beat`](Self::beat) tells it.
    pub async fn reclaim(
        &self,
        dead: Owner,
        death: Death,
        in_process: &[String],
        spared: &[String],
        now: Timestamp,
    ) -> Result<Vec<Task>> {
        self.transact(&Reclaim { store: self, dead, death, in_process, spared, now }).await
    }
}

struct Reclaim<'a> {
    store: &'a Store,
    dead: Owner,
    death: Death,
    in_process: &'a [String],
    spared: &'a [String],
    now: Timestamp,
}

impl Transaction for Reclaim<'_> {
    type Output = Vec<Task>;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Vec<Task>> {
        let key = self.dead.key();
        // The instance's row first: of two that reclaim, one waits here and then finds nothing; so does one that
        // comes after a heartbeat.
        if !self.mark(connection).await? {
            return Ok(Vec::new());
        }
        let mut tasks = self.store.under_lock(connection, key).await?;
        let all = tasks.len();
        tasks.retain(|task| !self.spared.contains(&task.task_type));
        if tasks.len() == all {
            let forget = "DELETE FROM otrsd_instance WHERE lock_key = ?";
            connection.execute(forget, arguments![key]).await?;
        }
        let ids: Vec<i64> = tasks.iter().map(|task| task.row).collect();
        if !ids.is_empty() {
            let sql = if self.store.is_home() {
                concat!(freed!(), " AND id IN (?*)")
            } else {
                concat!(freed!(tried), " AND id IN (?*)")
            };
            let freed = connection.execute(sql, arguments![key, &ids]).await?;
            if freed != ids.len() as u64 {
                return Err(Error::Conflict("its owner finished a task meanwhile".into()));
            }
        }
        let was_inside = |task: &Task| self.in_process.contains(&task.task_type);
        let crash = match tasks.iter().filter(|task| was_inside(task)).count() {
            1 => Outcome::Crashed,
            _ => Outcome::CrashedTogether,
        };
        let outcome = |task: &Task| if was_inside(task) { crash } else { Outcome::Interrupted };
        lost(connection, &tasks, self.dead, outcome, self.now).await?;
        for sql in [
            "UPDATE scheduler_future_task SET lock_key = 0, lock_time = NULL WHERE lock_key = ?",
            "UPDATE scheduler_recurrent_task SET lock_key = 0, lock_time = NULL WHERE lock_key = ?",
        ] {
            connection.execute(sql, arguments![key]).await?;
        }
        notify_in(connection).await?;
        for task in &mut tasks {
            task.lock = LockKey::Free;
        }
        Ok(tasks)
    }
}

impl Reclaim<'_> {
    /// Marks the instance: one whose counter is negative has lost its lease. False if it is not dead.
    async fn mark(&self, connection: &mut Connection<'_>) -> Result<bool> {
        let key = self.dead.key();
        let Death::Silent { beats } = self.death else {
            let sql = "UPDATE otrsd_instance SET beats = CASE WHEN beats < 0 THEN beats ELSE -1 END \
                       WHERE lock_key = ?";
            connection.execute(sql, arguments![key]).await?;
            return Ok(true);
        };
        let sql = "UPDATE otrsd_instance SET beats = CASE WHEN beats < 0 THEN beats ELSE -1 END \
                   WHERE lock_key = ? AND beats = ?";
        Ok(connection.execute(sql, arguments![key, beats]).await? > 0)
    }
}
