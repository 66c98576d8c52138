//! Enqueueing tasks for now and for later, in one transaction.

use jiff::Timestamp;

use crate::database::Connection;
use crate::database::error::Result;
use crate::model::task::NewTask;
use crate::store::{Store, Transaction};
use crate::task::enqueue::{Added, Enqueue};
use crate::task::schedule_at::ScheduleAt;

impl Store {
    /// Enqueues tasks and schedules others, each for its time, all or none. Returns what became of the tasks for now: a
    /// limit that is reached keeps a task out, and is no failure of the others.
    pub async fn enqueue_and_schedule(
        &self,
        tasks: &[NewTask],
        later: &[(Timestamp, NewTask)],
        now: Timestamp,
    ) -> Result<Vec<Added>> {
        let planned = later.iter().map(|(_, task)| task);
        tasks.iter().chain(planned).try_for_each(NewTask::check)?;
        if tasks.is_empty() && later.is_empty() {
            return Ok(Vec::new());
        }
        let mut schedules = Vec::with_capacity(later.len());
        for (at, task) in later {
            schedules.push(ScheduleAt {
                store: self,
                tasks: std::slice::from_ref(task),
                at: *at,
                now,
            });
        }
        self.transact(&EnqueueAndSchedule {
            enqueue: Enqueue { store: self, tasks, now, notifies: true },
            schedules,
        })
        .await
    }
}

struct EnqueueAndSchedule<'a> {
    enqueue: Enqueue<'a>,
    schedules: Vec<ScheduleAt<'a>>,
}

impl Transaction for EnqueueAndSchedule<'_> {
    type Output = Vec<Added>;

    fn has_enqueued(&self, added: &Vec<Added>) -> bool {
        added.contains(&Added::Added)
    }

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Vec<Added>> {
        for schedule in &self.schedules {
            schedule.run(connection).await?;
        }
        if self.enqueue.tasks.is_empty() {
            Ok(Vec::new())
        } else {
            self.enqueue.run(connection).await
        }
    }

    async fn resolve_unknown_commit(
        &self,
        connection: &mut Connection<'_>,
    ) -> Result<Option<Vec<Added>>> {
        let mut happened = false;
        if let Some(schedule) = self.schedules.first() {
            happened = schedule.resolve_unknown_commit(connection).await?.is_some();
        }
        let added = self.enqueue.resolve_unknown_commit(connection).await?;
        let none = || happened.then(|| vec![Added::LimitReached; self.enqueue.tasks.len()]);
        Ok(added.or_else(none))
    }
}
