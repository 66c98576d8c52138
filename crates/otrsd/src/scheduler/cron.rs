//! `SchedulerCronTaskManager`: puts the tasks of the settings into the queue at their due instants.
//!
//! Every due instant is decided once in the whole cluster, and accounted for. It sleeps until the next one.

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use jiff::Timestamp;
use task_store::{Decided, Decision, Encoding, NewTask, Store, Verdict, encode};

use super::{
    alarm,
    plan::{Due, LONGEST, due},
};
use crate::{
    clock,
    config::{
        cron_tasks::{self, CronTask, CronTasks, TYPE},
        database, node,
    },
    logs,
    module::{Column, DaemonModule, ModuleContext, Pace, Round, Summary},
    worker::{
        ready,
        summary::{duration, row, time},
        trouble::Trouble,
    },
};

/// The package name of the original.
pub(crate) const MODULE: &str = "Kernel::System::Daemon::DaemonModules::SchedulerCronTaskManager";

const CONNECTIONS: u32 = 1;
/// After an error, or while another holds a row.
const AGAIN: Duration = Duration::from_secs(1);
const MISSED: &str = "no manager was running";

pub(crate) struct SchedulerCronTaskManager {
    context: ModuleContext,
    /// Opened in the first round: it needs the runtime.
    store: Option<Store>,
    trouble: Trouble,
    cron: CronTasks,
    node: u16,
}

impl SchedulerCronTaskManager {
    pub(crate) fn new(context: ModuleContext) -> Self {
        let trouble = Trouble::new(context.clone());
        let cron = cron_tasks::read(context.settings());
        let node = node(context.settings());
        Self { context, store: None, trouble, cron, node }
    }

    /// Decides everything that is due; false if something must be looked at again soon.
    async fn work(&self, store: &Store) -> task_store::Result<bool> {
        let rows = store.recurrents(TYPE).await?;
        for row in rows.iter().filter(|row| !self.cron.names.contains(&row.name)) {
            store.forget_recurrent(TYPE, &row.name).await?;
        }
        let last: BTreeMap<_, _> = rows.iter().map(|row| (&row.name, row.last_due)).collect();
        let mut settled = true;
        for task in &self.cron.tasks {
            match last.get(&task.name).copied().flatten() {
                Some(last) => settled &= self.decide(store, task, last).await?,
                None => first_seen(store, task).await?,
            }
        }
        Ok(settled)
    }

    async fn decide(
        &self,
        store: &Store,
        task: &CronTask,
        last: Timestamp,
    ) -> task_store::Result<bool> {
        for due in due(task, last, clock::wall()) {
            let new = new_task(task, &due)?;
            let decision = Decision {
                task_type: TYPE,
                name: &task.name,
                due: due.first,
                last_due: due.last,
                instants: due.instants,
                follows: Some(due.follows),
                verdict: if due.runs { Verdict::Run(&new) } else { Verdict::Miss(MISSED) },
                node: self.node,
            };
            match store.decide(&decision, clock::wall()).await? {
                Decided::Done | Decided::LimitReached => {}
                // Another may have decided fewer instants: the rest is planned anew from its row.
                Decided::Taken | Decided::RanElsewhere | Decided::Busy(_) => return Ok(false),
            }
        }
        Ok(true)
    }

    /// The next due instant of all.
    fn next(&self, now: Timestamp) -> Timestamp {
        let next = |task: &CronTask| task.schedule.next(now, &task.zone).map(|due| due.instant);
        let longest = now.saturating_add(LONGEST).unwrap_or(now);
        self.cron.tasks.iter().filter_map(next).min().map_or(longest, |next| next.min(longest))
    }
}

#[async_trait]
impl DaemonModule for SchedulerCronTaskManager {
    async fn pre_run(&mut self) -> anyhow::Result<Round> {
        if self.store.is_none() {
            let store = database::open(self.context.settings(), CONNECTIONS)?;
            if ready::wait(&self.context, &store, &mut self.trouble).await? {
                self.cron.problems.iter().for_each(|what| logs::complain(&what.to_string()));
                self.store = Some(store);
            }
        }
        Ok(Round::Continue)
    }

    async fn run(&mut self) -> anyhow::Result<Round> {
        let Some(store) = self.store.clone() else { return Ok(Round::Continue) };
        // What becomes due while we decide is seen at once.
        let before = clock::wall();
        let outcome = self.work(&store).await;
        if self.trouble.check(outcome) != Some(true) {
            self.context.pause(AGAIN).await;
            return Ok(Round::Continue);
        }
        let seen = before.min(clock::wall());
        tokio::select! {
            () = self.context.stopped() => {}
            outcome = alarm::wait(self.next(seen)) => outcome?,
        }
        Ok(Round::Continue)
    }

    /// The round itself waits for the next due instant.
    fn pace(&self) -> Pace {
        Pace { sleep_post: Some(Duration::ZERO), discard: Some(Duration::from_hours(1)) }
    }

    async fn summary(&mut self) -> anyhow::Result<Vec<Summary>> {
        let store = database::open(self.context.settings(), CONNECTIONS)?;
        let rows = store.recurrents(TYPE).await?;
        let now = clock::wall();
        let cells = |task: &CronTask| {
            let last = rows.iter().find(|row| row.name == task.name);
            let status = match last.and_then(|last| last.last_success) {
                Some(true) => "Success",
                Some(false) => "Fail",
                None => "N/A",
            };
            let seconds = last.and_then(|last| last.last_seconds);
            let took = seconds.map(|seconds| duration(Duration::from_secs(seconds.unsigned_abs())));
            let next = task.schedule.next(now, &task.zone).map(|due| due.instant);
            row([
                ("Name", task.name.clone()),
                ("LastExecutionTime", time(last.and_then(|last| last.last_due))),
                ("LastWorkerStatus", status.to_owned()),
                ("LastWorkerRunningTime", took.unwrap_or_else(|| "N/A".to_owned())),
                ("NextExecutionTime", time(next)),
            ])
        };
        Ok(vec![Summary {
            header: "Recurrent cron tasks:".to_owned(),
            columns: vec![
                Column::new("Name", "Name", 40),
                Column::new("LastExecutionTime", "Last Execution", 20),
                Column::new("LastWorkerStatus", "Last Status", 20),
                Column::new("LastWorkerRunningTime", "Last Duration", 20),
                Column::new("NextExecutionTime", "Next Execution", 20),
            ],
            rows: self.cron.tasks.iter().map(cells).collect(),
            no_data_message: "There are currently no cron recurring tasks configured.".to_owned(),
        }])
    }
}

/// A new cron task does not run for an instant at which nobody knew of it.
async fn first_seen(store: &Store, task: &CronTask) -> task_store::Result<()> {
    let now = clock::wall();
    let previous = task.schedule.previous(now, &task.zone).map_or(now, |due| due.instant);
    store.first_seen(TYPE, &task.name, previous, now).await.map(drop)
}

/// The payload names the setting: what runs is read from there by the worker.
fn new_task(task: &CronTask, due: &Due) -> task_store::Result<NewTask> {
    let (task_type, data) = task.payload(due.last);
    let data = encode(&data, Encoding::Json)
        .map_err(|error| task_store::Error::Invalid(error.to_string()))?;
    let max_parallel = task.max_parallel;
    Ok(NewTask { max_parallel, ..NewTask::new(task_type, &task.name, data) })
}
