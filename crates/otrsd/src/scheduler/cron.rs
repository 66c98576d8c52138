//! `SchedulerCronTaskManager`: puts the tasks of the settings into the queue at their due instants.
//!
//! Every due instant is decided once in the whole cluster, and accounted for. It sleeps until the next one.

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use jiff::Timestamp;
use task_store::{Decided, Decision, Encoding, NewTask, Store, Verdict, encode};

use super::{
    agenda::Agenda,
    alarm, occurrences,
    plan::{Due, due},
};
use crate::{
    clock::{self, Moment},
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
        wake,
    },
};

/// The package name of the original.
pub(crate) const MODULE: &str = "Kernel::System::Daemon::DaemonModules::SchedulerCronTaskManager";

const CONNECTIONS: u32 = 1;
/// After an error, or while another holds a row.
const AGAIN: Duration = Duration::from_secs(1);
/// How long the manager may sleep if nothing is due.
const LONGEST: Duration = Duration::from_hours(1);
/// Decisions of one transaction.
const AT_ONCE: usize = 250;
/// Between two looks for old occurrences, and until the first.
const SWEEP: Duration = Duration::from_hours(24);
const FIRST_SWEEP: Duration = Duration::from_mins(10);
const MISSED: &str = "no manager was running";

pub(crate) struct SchedulerCronTaskManager {
    context: ModuleContext,
    /// Opened in the first round: it needs the runtime.
    store: Option<Store>,
    trouble: Trouble,
    cron: CronTasks,
    /// Made when the rows of the database were read.
    agenda: Option<Agenda>,
    /// When old occurrences are looked for.
    sweep: Moment,
    node: u16,
}

impl SchedulerCronTaskManager {
    pub(crate) fn new(context: ModuleContext) -> Self {
        let trouble = Trouble::new(context.clone());
        let cron = cron_tasks::read(context.settings());
        let node = node(context.settings());
        let sweep = clock::now() + FIRST_SWEEP;
        Self { context, store: None, trouble, cron, agenda: None, sweep, node }
    }

    /// Decides everything that is due; false if something must be looked at again soon.
    async fn work(&mut self, store: &Store) -> task_store::Result<bool> {
        let mut agenda = match self.agenda.take() {
            Some(agenda) => agenda,
            None => self.begin(store).await?,
        };
        let outcome = self.decide(store, &mut agenda).await;
        // What was accounted for before an error still is.
        self.agenda = Some(agenda);
        if clock::now() >= self.sweep {
            self.sweep = clock::now() + SWEEP;
            occurrences::forget(store).await?;
        }
        outcome
    }

    /// What the database knows of the cron tasks; those that are configured no more are forgotten there.
    async fn begin(&self, store: &Store) -> task_store::Result<Agenda> {
        let rows = store.recurrents(TYPE).await?;
        for row in rows.iter().filter(|row| !self.cron.names.contains(&row.name)) {
            store.forget_recurrent(TYPE, &row.name).await?;
        }
        let known: BTreeMap<_, _> = rows.iter().map(|row| (&row.name, row.last_due)).collect();
        let mut last = Vec::with_capacity(self.cron.tasks.len());
        for task in &self.cron.tasks {
            last.push(match known.get(&task.name).copied().flatten() {
                Some(last) => last,
                None => first_seen(store, task).await?,
            });
        }
        Ok(Agenda::new(&self.cron.tasks, last))
    }

    async fn decide(&self, store: &Store, agenda: &mut Agenda) -> task_store::Result<bool> {
        let now = clock::wall();
        let (mut settled, mut batch) = (true, Vec::new());
        for number in agenda.due(now) {
            let task = &self.cron.tasks[number];
            for due in due(task, agenda.last(number), now) {
                batch.push((number, due, new_task(task, &due)?));
            }
            if batch.len() >= AT_ONCE {
                settled &= self.account_for(store, agenda, &batch).await?;
                batch.clear();
            }
        }
        Ok(settled & self.account_for(store, agenda, &batch).await?)
    }

    /// One transaction. What is due of one cron task is never in two.
    async fn account_for(
        &self,
        store: &Store,
        agenda: &mut Agenda,
        batch: &[(usize, Due, NewTask)],
    ) -> task_store::Result<bool> {
        let decisions: Vec<_> = batch.iter().map(|it| self.decision(it)).collect();
        let decided = store.decide(&decisions, clock::wall()).await?;
        if decided.contains(&Decided::Done) {
            wake::work_is_there(store, self.context.settings());
        }
        let mut settled = true;
        for ((number, due, _), decided) in batch.iter().zip(decided) {
            let until = match decided {
                Decided::Busy(_) => {
                    settled = false;
                    continue;
                }
                Decided::Taken(until) => until,
                _ => due.last,
            };
            agenda.accounted(*number, &self.cron.tasks[*number], until);
        }
        Ok(settled)
    }

    fn decision<'a>(&'a self, (number, due, task): &'a (usize, Due, NewTask)) -> Decision<'a> {
        Decision {
            task_type: TYPE,
            name: &self.cron.tasks[*number].name,
            due: due.first,
            last_due: due.last,
            instants: due.instants,
            follows: Some(due.follows),
            verdict: if due.runs { Verdict::Run(task) } else { Verdict::Miss(MISSED) },
            node: self.node,
        }
    }

    /// When something is to be done again.
    fn next(&self) -> Timestamp {
        let longest = clock::wall().saturating_add(LONGEST).unwrap_or(Timestamp::MAX);
        self.agenda.as_ref().and_then(Agenda::next).map_or(longest, |next| next.min(longest))
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
        let outcome = self.work(&store).await;
        if self.trouble.check(outcome) != Some(true) {
            self.context.pause(AGAIN).await;
            return Ok(Round::Continue);
        }
        tokio::select! {
            () = self.context.stopped() => {}
            outcome = alarm::wait(self.next()) => outcome?,
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
async fn first_seen(store: &Store, task: &CronTask) -> task_store::Result<Timestamp> {
    let now = clock::wall();
    let previous = task.schedule.previous(now, &task.zone).map_or(now, |due| due.instant);
    store.first_seen(TYPE, &task.name, previous, now).await?;
    Ok(previous)
}

/// The payload names the setting: what runs is read from there by the worker.
fn new_task(task: &CronTask, due: &Due) -> task_store::Result<NewTask> {
    let (task_type, data) = task.payload(due.last);
    let data = encode(&data, Encoding::Json)
        .map_err(|error| task_store::Error::Invalid(error.to_string()))?;
    let max_parallel = task.max_parallel;
    Ok(NewTask { max_parallel, ..NewTask::new(task_type, &task.name, data) })
}
