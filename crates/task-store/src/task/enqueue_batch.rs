//! Tasks for now and for later, in one transaction.

use jiff::Timestamp;

use crate::database::Connection;
use crate::database::error::Result;
use crate::model::task::NewTask;
use crate::store::{Store, Transaction};
use crate::task::enqueue::{Add, Added};
use crate::task::future::Plan;

impl Store {
    /// Adds tasks, and plans others each for its time, all or none; what came of those that were to be added.
    /// A limit that is reached keeps a task out, and is no failure of the others.
    pub async fn add_and_plan(
        &self,
        tasks: &[NewTask],
        planned: &[(Timestamp, NewTask)],
        now: Timestamp,
    ) -> Result<Vec<Added>> {
        let later = planned.iter().map(|(_, task)| task);
        tasks.iter().chain(later).try_for_each(NewTask::check)?;
        if tasks.is_empty() && planned.is_empty() {
            return Ok(Vec::new());
        }
        let mut plans = Vec::with_capacity(planned.len());
        for (at, task) in planned {
            plans.push(Plan { store: self, tasks: std::slice::from_ref(task), at: *at, now });
        }
        self.transact(&Batch { add: Add { store: self, tasks, now, notifies: true }, plans }).await
    }
}

struct Batch<'a> {
    add: Add<'a>,
    plans: Vec<Plan<'a>>,
}

impl Transaction for Batch<'_> {
    type Output = Vec<Added>;

    fn has_enqueued(&self, added: &Vec<Added>) -> bool {
        added.contains(&Added::Added)
    }

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Vec<Added>> {
        for plan in &self.plans {
            plan.run(connection).await?;
        }
        if self.add.tasks.is_empty() { Ok(Vec::new()) } else { self.add.run(connection).await }
    }

    async fn resolve_unknown_commit(
        &self,
        connection: &mut Connection<'_>,
    ) -> Result<Option<Vec<Added>>> {
        let mut happened = false;
        if let Some(plan) = self.plans.first() {
            happened = plan.resolve_unknown_commit(connection).await?.is_some();
        }
        let added = self.add.resolve_unknown_commit(connection).await?;
        let none = || happened.then(|| vec![Added::LimitReached; self.add.tasks.len()]);
        Ok(added.or_else(none))
    }
}
