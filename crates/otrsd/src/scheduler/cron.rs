//! `SchedulerCronTaskManager`: puts the tasks of the settings into the queue at their due instants.
//!
//! Every due instant is decided once in the whole cluster, and accounted for. It sleeps until the next one.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use async_trait::async_trait;
use jiff::Timestamp;
use sysconfig::Problem;
use task_store::{Store, later};

use super::{alarm, occurrences, presence::Presence, roster::Roster, table};
use crate::{
    clock::{self, Moment},
    config::{
        cron_tasks::{self, CronTask, CronTasks, TYPE},
        database,
        pace::Pace,
    },
    engine::{odd_rows, ready, trouble::Trouble},
    logs,
    module::{DaemonModule, ModuleContext, Round, Summary},
};

const CONNECTIONS: u32 = 1;
/// After an error, or while another holds a row.
pub(super) const AGAIN: Duration = Duration::from_secs(1);
/// How long the manager may sleep if nothing is due.
const LONGEST: Duration = Duration::from_hours(1);
/// Between two looks for old occurrences, and until the first.
const SWEEP: Duration = Duration::from_hours(24);
const FIRST_SWEEP: Duration = Duration::from_mins(10);

pub(crate) struct SchedulerCronTaskManager {
    context: ModuleContext,
    /// Opened in the first round: it needs the runtime.
    store: Option<Store>,
    trouble: Trouble,
    presence: Presence,
    tasks: Arc<[CronTask]>,
    names: BTreeSet<String>,
    problems: Vec<Problem>,
    /// Made when the rows of the database were read.
    roster: Option<Roster>,
    /// When old occurrences are looked for.
    sweep: Moment,
}

impl SchedulerCronTaskManager {
    pub(crate) fn new(context: ModuleContext) -> Self {
        let trouble = Trouble::new(context.clone());
        let presence = Presence::new(clock::wall(), false);
        let CronTasks { tasks, names, problems } = cron_tasks::read(context.settings());
        let (tasks, sweep) = (tasks.into(), clock::now() + FIRST_SWEEP);
        Self {
            context,
            store: None,
            trouble,
            presence,
            tasks,
            names,
            problems,
            roster: None,
            sweep,
        }
    }

    /// Decides everything that is due; false if something must be looked at again soon.
    async fn work(&mut self, store: &Store) -> task_store::Result<bool> {
        let settings = self.context.settings();
        let roster = match &mut self.roster {
            Some(roster) => roster,
            none => {
                let tasks = Arc::clone(&self.tasks);
                none.insert(Roster::read(store, settings, TYPE, tasks, &self.names).await?)
            }
        };
        let settled = roster.decide(store, self.presence).await?;
        if clock::now() >= self.sweep {
            self.sweep = clock::now() + SWEEP;
            occurrences::forget(store).await?;
        }
        Ok(settled)
    }

    /// When something is to be done again.
    fn next(&self) -> Timestamp {
        let longest = later(clock::wall(), LONGEST);
        self.roster.as_ref().and_then(Roster::next).map_or(longest, |next| next.min(longest))
    }
}

#[async_trait]
impl DaemonModule for SchedulerCronTaskManager {
    async fn pre_run(&mut self) -> anyhow::Result<Round> {
        if self.store.is_none() {
            let store = database::open(self.context.settings(), CONNECTIONS)?;
            if ready::wait(&self.context, &store, &mut self.trouble).await? {
                self.presence = Presence::new(clock::wall(), self.trouble.take_met());
                self.problems.iter().for_each(|what| logs::complain(&what.to_string()));
                self.store = Some(store);
            }
        }
        Ok(Round::Continue)
    }

    async fn run(&mut self) -> anyhow::Result<Round> {
        let Some(store) = self.store.clone() else { return Ok(Round::Continue) };
        let (asked, outcome) = (clock::now(), self.work(&store).await);
        let ahead = self.roster.as_ref().map(|it| it.ahead(clock::wall()));
        odd_rows::show_left_out(&self.context, &store, ahead.unwrap_or_default());
        let settled = self.trouble.check(outcome) == Some(true);
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

    /// The round itself waits for the next due instant.
    fn pace(&self) -> Pace {
        Pace { sleep_post: Some(Duration::ZERO), discard: Some(Duration::from_hours(1)) }
    }

    async fn summary(&mut self) -> anyhow::Result<Vec<Summary>> {
        let store = database::open_made(self.context.settings(), CONNECTIONS)?;
        let rows = store.recurrents(TYPE).await?;
        Ok(vec![table::of("cron", &self.tasks, (&store, &rows), clock::wall())])
    }
}
