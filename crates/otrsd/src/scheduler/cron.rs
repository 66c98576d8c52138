//! `SchedulerCronTaskManager`: enqueues the tasks of the settings at their fire times.
//!
//! Every fire time is decided once in the whole cluster, and accounted for. The manager sleeps until the next one.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use async_trait::async_trait;
use jiff::Timestamp;
use sysconfig::Problem;
use task_store::{Store, later};

use super::{alarm, cron_run_retention, planner::CronPlanner, presence::Presence, table};
use crate::{
    clock::{self, MonotonicTime},
    config::{
        cron_tasks::{self, CronTask, CronTasks, TYPE},
        database,
        pace::Pace,
    },
    engine::{odd_rows, outage_log::OutageLog, preflight},
    logs,
    module::{DaemonModule, ModuleContext, Round, Summary},
};

const CONNECTIONS: u32 = 1;
/// After an error, or while another process holds a row.
pub(super) const AGAIN: Duration = Duration::from_secs(1);
/// The longest sleep if nothing is due.
const LONGEST: Duration = Duration::from_hours(1);
/// The interval of the sweeps for old cron runs, and the delay of the first.
const SWEEP: Duration = Duration::from_hours(24);
const FIRST_SWEEP: Duration = Duration::from_mins(10);

pub(crate) struct SchedulerCronTaskManager {
    context: ModuleContext,
    /// Opened in the first round: it needs the runtime.
    store: Option<Store>,
    outages: OutageLog,
    presence: Presence,
    tasks: Arc<[CronTask]>,
    names: BTreeSet<String>,
    problems: Vec<Problem>,
    /// Created after the rows of the database were read.
    planner: Option<CronPlanner>,
    /// When the next sweep for old cron runs is due.
    sweep: MonotonicTime,
}

impl SchedulerCronTaskManager {
    pub(crate) fn new(context: ModuleContext) -> Self {
        let outages = OutageLog::new(context.clone());
        let presence = Presence::new(clock::now_utc(), false);
        let CronTasks { tasks, names, problems } = cron_tasks::read(context.settings());
        let (tasks, sweep) = (tasks.into(), clock::now() + FIRST_SWEEP);
        Self {
            context,
            store: None,
            outages,
            presence,
            tasks,
            names,
            problems,
            planner: None,
            sweep,
        }
    }

    /// Decides everything that is due; false if a repetition is needed soon.
    async fn work(&mut self, store: &Store) -> task_store::Result<bool> {
        let settings = self.context.settings();
        let planner = match &mut self.planner {
            Some(planner) => planner,
            none => {
                let tasks = Arc::clone(&self.tasks);
                none.insert(CronPlanner::read(store, settings, TYPE, tasks, &self.names).await?)
            }
        };
        let settled = planner.decide(store, self.presence).await?;
        if clock::now() >= self.sweep {
            self.sweep = clock::now() + SWEEP;
            cron_run_retention::forget(store).await?;
        }
        Ok(settled)
    }

    /// The time of the next check.
    fn next(&self) -> Timestamp {
        let longest = later(clock::now_utc(), LONGEST);
        self.planner.as_ref().and_then(CronPlanner::next).map_or(longest, |next| next.min(longest))
    }
}

#[async_trait]
impl DaemonModule for SchedulerCronTaskManager {
    async fn pre_run(&mut self) -> anyhow::Result<Round> {
        if self.store.is_none() {
            let store = database::open(self.context.settings(), CONNECTIONS)?;
            if preflight::wait(&self.context, &store, &mut self.outages).await? {
                self.presence = Presence::new(clock::now_utc(), self.outages.take_met());
                self.problems.iter().for_each(|what| logs::warn(&what.to_string()));
                self.store = Some(store);
            }
        }
        Ok(Round::Continue)
    }

    async fn run(&mut self) -> anyhow::Result<Round> {
        let Some(store) = self.store.clone() else { return Ok(Round::Continue) };
        let (asked, outcome) = (clock::now(), self.work(&store).await);
        let ahead = self.planner.as_ref().map(|it| it.ahead(clock::now_utc()));
        odd_rows::show_left_out(&self.context, &store, ahead.unwrap_or_default());
        let settled = self.outages.check(outcome) == Some(true);
        self.presence.note(settled, clock::now().since(asked));
        if !settled {
            self.context.pause(AGAIN).await;
            return Ok(Round::Continue);
        }
        tokio::select! {
            () = self.context.stopped() => {}
            outcome = alarm::wait(self.next()) => outcome?,
        }
        Ok(Round::Continue)
    }

    /// The round itself waits for the next fire time.
    fn pace(&self) -> Pace {
        Pace { sleep_post: Some(Duration::ZERO), discard: Some(Duration::from_hours(1)) }
    }

    async fn summary(&mut self) -> anyhow::Result<Vec<Summary>> {
        let store = database::open_made(self.context.settings(), CONNECTIONS)?;
        let rows = store.recurrents(TYPE).await?;
        Ok(vec![table::of("cron", &self.tasks, (&store, &rows), clock::now_utc())])
    }
}
