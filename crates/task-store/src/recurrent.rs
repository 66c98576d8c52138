//! Deciding a cron task's due instant, once in the whole cluster.
//!
//! Occurrence, task and recurrent row are one transaction. Whoever decides first locks the recurrent row, so
//! that nodes decide one cron task one after the other; the second finds the occurrence there.

use jiff::Timestamp;

use crate::add::{Add, Added};
use crate::database::{Connection, Dialect, arguments};
use crate::error::Result;
use crate::lock_key::LockKey;
use crate::occurrence::{Fate, Occurrence, at_or_before, extend, write};
use crate::store::{Store, Work};
use crate::task::NewTask;
use crate::task_id::TaskId;

/// What a node wants to do about a due instant.
#[derive(Clone, Debug)]
pub struct Decision<'a> {
    /// The type of the cron task.
    pub task_type: &'a str,
    /// Its name.
    pub name: &'a str,
    /// The instant, or the first of several that are skipped or missed.
    pub due: Timestamp,
    /// The last of them; `due` itself for one.
    pub last_due: Timestamp,
    /// How many they are.
    pub instants: u64,
    /// The due instant before `due`: where an occurrence of the same fate ends there, this one joins it.
    pub follows: Option<Timestamp>,
    /// What to do.
    pub verdict: Verdict<'a>,
    /// The deciding node.
    pub node: u16,
}

/// What is to be done about a due instant.
#[derive(Clone, Copy, Debug)]
pub enum Verdict<'a> {
    /// Add this task.
    Run(&'a NewTask),
    /// Leave it out.
    Skip(&'a str),
    /// Say that nobody was there.
    Miss(&'a str),
}

/// What came of a decision.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Decided {
    /// As wanted.
    Done,
    /// Skipped, since there are as many of its type and name as may be.
    LimitReached,
    /// Another node of ours was first.
    Taken,
    /// A node of the original ran it; now it is written down.
    RanElsewhere,
    /// A process holds the recurrent row this moment: look again soon.
    Busy(LockKey),
}

/// A recurrent row.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Recurrent {
    /// The type.
    pub task_type: String,
    /// The name.
    pub name: String,
    /// The last due instant that was decided; `None` where the column holds no time.
    pub last_due: Option<Timestamp>,
    /// The row of the last task.
    pub last_task: Option<i64>,
    /// Whether the last task succeeded.
    pub last_success: Option<bool>,
    /// How many seconds it took.
    pub last_seconds: Option<i64>,
}

impl Store {
    /// Decides a due instant.
    pub async fn decide(&self, decision: &Decision<'_>, now: Timestamp) -> Result<Decided> {
        if let Verdict::Run(task) = decision.verdict {
            task.check()?;
        }
        self.transact(&Deciding { store: self, decision, now }).await
    }

    /// All recurrent rows of a type.
    pub async fn recurrents(&self, task_type: &str) -> Result<Vec<Recurrent>> {
        let sql = "SELECT id, name, task_type, CAST(last_execution_time AS CHAR(19)), last_worker_task_id, \
                   last_worker_status, last_worker_running_time FROM scheduler_recurrent_task WHERE task_type = ? ORDER BY name";
        let rows = self.rows(sql, arguments![task_type]).await?;
        let recurrent = |row: &crate::database::Row| {
            Ok(Recurrent {
                name: row.lenient(1),
                task_type: row.lenient(2),
                last_due: self.time_of(&row.lenient(3)),
                last_task: row.maybe_int(4)?,
                last_success: row.maybe_int(5)?.map(|status| status != 0),
                last_seconds: row.maybe_int(6)?,
            })
        };
        rows.iter().map(recurrent).collect()
    }

    /// Remembers a cron task that is seen for the first time, with its last due instant, which does not run;
    /// whether it was the first time.
    pub async fn first_seen(
        &self,
        task_type: &str,
        name: &str,
        last_due: Timestamp,
        now: Timestamp,
    ) -> Result<bool> {
        let sql = self.dialect().pick(
            "INSERT INTO scheduler_recurrent_task (name, task_type, last_execution_time, lock_key, create_time, change_time) \
             VALUES (?, ?, ?t, 0, ?t, ?t) ON CONFLICT (name, task_type) DO NOTHING",
            "INSERT INTO scheduler_recurrent_task (name, task_type, last_execution_time, lock_key, create_time, change_time) \
             VALUES (?, ?, ?t, 0, ?t, ?t) ON CONFLICT (name, task_type) DO NOTHING",
            "INSERT IGNORE INTO scheduler_recurrent_task (name, task_type, last_execution_time, lock_key, create_time, change_time) \
             VALUES (?, ?, ?t, 0, ?t, ?t)",
        );
        let (due, now) = (self.wall_clock(last_due), self.wall_clock(now));
        Ok(self.change(sql, arguments![name, task_type, due, &now, &now]).await? > 0)
    }

    /// Writes down how the last task of a cron task ended. `row` is that of `scheduler_task`.
    pub async fn recurrent_ended(
        &self,
        row: i64,
        success: bool,
        seconds: i64,
        now: Timestamp,
    ) -> Result<()> {
        let sql = "UPDATE scheduler_recurrent_task SET last_worker_status = ?, last_worker_running_time = ?, \
                   change_time = ?t WHERE last_worker_task_id = ?";
        self.change(sql, arguments![i64::from(success), seconds, self.wall_clock(now), row])
            .await
            .map(drop)
    }

    /// Forgets a cron task that is no longer configured.
    pub async fn forget_recurrent(&self, task_type: &str, name: &str) -> Result<bool> {
        let sql = "DELETE FROM scheduler_recurrent_task WHERE task_type = ? AND name = ? AND lock_key = 0";
        Ok(self.change(sql, arguments![task_type, name]).await? > 0)
    }
}

struct Deciding<'a> {
    store: &'a Store,
    decision: &'a Decision<'a>,
    now: Timestamp,
}

impl Work for Deciding<'_> {
    type Done = Decided;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Decided> {
        let Decision { task_type, name, due, last_due, .. } = *self.decision;
        let (row, last) = self.recurrent_row(connection).await?;
        if let Some(busy) = row {
            return Ok(Decided::Busy(busy));
        }
        let before = at_or_before(connection, task_type, name, last_due).await?;
        if before.as_ref().is_some_and(|before| before.last_due >= due) {
            return Ok(Decided::Taken);
        }
        if self.perl_ran_it(last.as_deref(), before.as_ref()) {
            write(
                connection,
                &self.occurrence(Fate::RanElsewhere, "", None),
                self.decision.node,
                self.now,
            )
            .await?;
            return Ok(Decided::RanElsewhere);
        }
        self.carry_out(connection, before, last.as_deref()).await
    }

    /// The occurrence of our task, or of our node and this very moment, is ours.
    async fn settle(&self, connection: &mut Connection<'_>) -> Result<Option<Decided>> {
        let Decision { task_type, name, due, .. } = *self.decision;
        let there = at_or_before(connection, task_type, name, due).await?;
        let Some(there) = there.filter(|there| there.last_due >= due) else { return Ok(None) };
        Ok(Some(match (there.fate, self.decision.verdict) {
            (Fate::Ran, Verdict::Run(task)) if there.task == Some(task.id) => Decided::Done,
            (Fate::Skipped, Verdict::Run(task)) if there.task == Some(task.id) => {
                Decided::LimitReached
            }
            (Fate::Skipped, Verdict::Skip(_)) | (Fate::Missed, Verdict::Miss(_)) => Decided::Done,
            (Fate::RanElsewhere, _) => Decided::RanElsewhere,
            _ => Decided::Taken,
        }))
    }
}

impl Deciding<'_> {
    /// Locks the recurrent row until the end of the transaction, made if missing: who holds it by Perl's
    /// rules, and the text of its last due instant.
    async fn recurrent_row(
        &self,
        connection: &mut Connection<'_>,
    ) -> Result<(Option<LockKey>, Option<String>)> {
        let Decision { task_type, name, .. } = *self.decision;
        let look = match connection.dialect() {
            Dialect::Sqlite => {
                "SELECT lock_key, CAST(last_execution_time AS CHAR(19)) FROM scheduler_recurrent_task \
                 WHERE name = ? AND task_type = ?"
            }
            _ => {
                "SELECT lock_key, CAST(last_execution_time AS CHAR(19)) FROM scheduler_recurrent_task \
                 WHERE name = ? AND task_type = ? FOR UPDATE"
            }
        };
        if let Some(row) = connection.row(look, arguments![name, task_type]).await? {
            let key = LockKey::parse(row.int(0)?);
            return Ok((Some(key).filter(|key| *key != LockKey::Free), row.maybe_text(1)?));
        }
        let insert = "INSERT INTO scheduler_recurrent_task \
                      (name, task_type, last_execution_time, lock_key, create_time, change_time) \
                      VALUES (?, ?, ?t, 0, ?t, ?t)";
        let (due, now) =
            (self.store.wall_clock(self.decision.due), self.store.wall_clock(self.now));
        match connection.execute(insert, arguments![name, task_type, due, &now, &now]).await {
            // Another node made it meanwhile: again, to wait for its lock.
            Err(crate::Error::Duplicate(text)) => Err(crate::Error::Conflict(text)),
            other => other.map(|_| (None, None)),
        }
    }

    /// In a home: the row holds this instant, and not because an occurrence of ours has the same wall clock
    /// (an hour that came twice).
    fn perl_ran_it(&self, last: Option<&str>, before: Option<&Occurrence>) -> bool {
        let text = self.store.wall_clock(self.decision.last_due);
        self.store.is_home()
            && last == Some(text.as_str())
            && before.is_none_or(|before| self.store.wall_clock(before.last_due) != text)
    }

    async fn carry_out(
        &self,
        connection: &mut Connection<'_>,
        before: Option<Occurrence>,
        last: Option<&str>,
    ) -> Result<Decided> {
        let (occurrence, decided) = match self.decision.verdict {
            Verdict::Skip(reason) => (self.occurrence(Fate::Skipped, reason, None), Decided::Done),
            Verdict::Miss(reason) => (self.occurrence(Fate::Missed, reason, None), Decided::Done),
            Verdict::Run(task) => {
                let add =
                    Add { store: self.store, tasks: std::slice::from_ref(task), now: self.now };
                if add.run(connection).await?.contains(&Added::LimitReached) {
                    (
                        self.occurrence(Fate::Skipped, "limit reached", Some(task.id)),
                        Decided::LimitReached,
                    )
                } else {
                    (self.occurrence(Fate::Ran, "", Some(task.id)), Decided::Done)
                }
            }
        };
        let joins = before.filter(|before| {
            occurrence.task.is_none()
                && before.fate == occurrence.fate
                && before.reason == occurrence.reason
                && self.decision.follows == Some(before.last_due)
        });
        match joins {
            Some(before) => extend(connection, &before, &occurrence).await?,
            None => write(connection, &occurrence, self.decision.node, self.now).await?,
        }
        let task = occurrence.task.filter(|_| decided == Decided::Done);
        self.advance(connection, task, last).await?;
        Ok(decided)
    }

    /// The recurrent row always gets the newest due instant, and the task if there is one. Instants are
    /// compared as such, since the wall clock goes back once a year.
    async fn advance(
        &self,
        connection: &mut Connection<'_>,
        task: Option<TaskId>,
        last: Option<&str>,
    ) -> Result<()> {
        let Decision { task_type, name, last_due, .. } = *self.decision;
        let known = last.and_then(|text| self.store.time_of(text));
        let newest = known.filter(|known| *known > last_due).unwrap_or(last_due);
        let (due, now) = (self.store.wall_clock(newest), self.store.wall_clock(self.now));
        let sql = "UPDATE scheduler_recurrent_task SET change_time = ?t, last_execution_time = ?t, \
                   last_worker_task_id = COALESCE((SELECT id FROM scheduler_task WHERE ident = ?), last_worker_task_id) \
                   WHERE name = ? AND task_type = ?";
        let ident = task.map_or(0, TaskId::ident);
        connection.execute(sql, arguments![now, due, ident, name, task_type]).await.map(drop)
    }

    fn occurrence(&self, fate: Fate, reason: &str, task: Option<TaskId>) -> Occurrence {
        Occurrence {
            task_type: self.decision.task_type.into(),
            name: self.decision.name.into(),
            due: self.decision.due,
            last_due: self.decision.last_due,
            instants: self.decision.instants,
            fate,
            reason: reason.into(),
            task,
        }
    }
}
