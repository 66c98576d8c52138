//! `SchedulerGenericAgentTaskManager`: enqueues the generic agent's jobs at their fire times.
//!
//! The jobs can be changed in the web interface at any time, so they are read at each full minute, which is when they
//! can be due. A database without them costs one query for the table a minute.

use std::{collections::BTreeSet, time::Duration};

use async_trait::async_trait;
use jiff::{Timestamp, tz::TimeZone};
use task_store::{Job, Store};

use super::{
    alarm,
    cron::AGAIN,
    jobs::{self, TYPE},
    planner::CronPlanner,
    presence::Presence,
    table,
};
use crate::{
    clock,
    config::{database, home::cron_events, pace::Pace},
    engine::{odd_rows, outage_log::OutageLog, preflight},
    logs,
    module::{DaemonModule, ModuleContext, Round, Summary},
};

const CONNECTIONS: u32 = 1;
const MINUTE: i64 = 60;

pub(crate) struct SchedulerGenericAgentTaskManager {
    context: ModuleContext,
    /// Opened in the first round: it needs the runtime.
    store: Option<Store>,
    outages: OutageLog,
    presence: Presence,
    /// The time zone of the schedules.
    zone: TimeZone,
    /// The planner, and the jobs from which it was made.
    planned: Option<(Vec<Job>, CronPlanner)>,
    /// The damaged jobs that were reported.
    told: BTreeSet<String>,
}

impl SchedulerGenericAgentTaskManager {
    pub(crate) fn new(context: ModuleContext) -> Self {
        let outages = OutageLog::new(context.clone());
        let presence = Presence::new(clock::now_utc(), false);
        let zone = cron_events::zone(context.settings());
        let (store, planned, told) = (None, None, BTreeSet::new());
        Self { context, store, outages, presence, zone, planned, told }
    }

    /// Decides everything that is due; false if a repetition is needed soon.
    async fn work(&mut self, store: &Store) -> task_store::Result<bool> {
        let jobs = store.generic_agent_jobs().await?;
        let settings = self.context.settings();
        if self.planned.as_ref().is_none_or(|(known, _)| *known != jobs) {
            let planned = jobs::planned(&jobs, &self.zone);
            let new = planned.problems.difference(&self.told);
            new.for_each(|what| logs::warn(what));
            self.told = planned.problems;
            let names = jobs.iter().map(|job| job.name.clone()).collect();
            let tasks = planned.tasks.into();
            let reading = CronPlanner::read(store, settings, TYPE, tasks, &names);
            self.planned = Some((jobs, reading.await?));
        }
        match &mut self.planned {
            Some((_, planner)) => planner.decide(store, self.presence).await,
            None => Ok(true),
        }
    }
}

#[async_trait]
impl DaemonModule for SchedulerGenericAgentTaskManager {
    async fn pre_run(&mut self) -> anyhow::Result<Round> {
        if self.store.is_none() {
            let store = database::open(self.context.settings(), CONNECTIONS)?;
            if preflight::wait(&self.context, &store, &mut self.outages).await? {
                self.presence = Presence::new(clock::now_utc(), self.outages.take_met());
                self.store = Some(store);
            }
        }
        Ok(Round::Continue)
    }

    async fn run(&mut self) -> anyhow::Result<Round> {
        let Some(store) = self.store.clone() else { return Ok(Round::Continue) };
        let (asked, outcome) = (clock::now(), self.work(&store).await);
        let ahead = self.planned.as_ref().map(|(_, planner)| planner.ahead(clock::now_utc()));
        odd_rows::show_left_out(&self.context, &store, ahead.unwrap_or_default());
        let settled = self.outages.check(outcome) == Some(true);
        self.presence.note(settled, clock::now().since(asked));
        if !settled {
            self.context.pause(AGAIN).await;
            return Ok(Round::Continue);
        }
        tokio::select! {
            () = self.context.stopped() => {}
            outcome = alarm::wait(next_minute(clock::now_utc())) => outcome?,
        }
        Ok(Round::Continue)
    }

    /// The round itself waits for the next minute.
    fn pace(&self) -> Pace {
        Pace { sleep_post: Some(Duration::ZERO), discard: Some(Duration::from_hours(1)) }
    }

    async fn summary(&mut self) -> anyhow::Result<Vec<Summary>> {
        let store = database::open_made(self.context.settings(), CONNECTIONS)?;
        let planned = jobs::planned(&store.generic_agent_jobs().await?, &self.zone);
        let rows = store.recurrents(TYPE).await?;
        Ok(vec![table::of("generic agent", &planned.tasks, (&store, &rows), clock::now_utc())])
    }
}

fn next_minute(now: Timestamp) -> Timestamp {
    let second = (now.as_second().div_euclid(MINUTE) + 1) * MINUTE;
    Timestamp::from_second(second).unwrap_or(Timestamp::MAX)
}
