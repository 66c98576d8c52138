//! `SchedulerTaskWorker`: runs the tasks of the queue, by commands, calls and functions.
//!
//! The database is asked for what fits into the free slots, and told how each task ended. What follows an end,
//! how long a retry waits, who is dead: pure functions with tables. Nothing is ever deleted but by a success.

mod ahead;
mod answer;
mod attend;
mod backoff;
mod cancel;
mod command;
mod company;
mod draining;
mod elders;
mod exchange;
mod execution;
mod handing;
mod handlers;
mod http;
mod kept;
mod lanes;
mod lease;
mod life;
mod lives;
mod locks;
mod mail;
mod memory;
mod metered;
mod orphans;
mod outcome;
mod perl;
mod readmit;
mod reaper;
mod renewal;
mod retention;
mod slots;
pub(crate) mod wake;
mod watch;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use sysconfig::Value;
use task_store::{Owner, Store};

use self::{
    elders::Elders,
    handlers::Handlers,
    lease::Lease,
    life::{Life, Setup},
    lives::Lives,
    mail::Teller,
    orphans::Orphans,
    watch::Suspects,
};
use crate::{
    clock::{self, Moment},
    config::{STOP_GRACE, database, identity, node, pace::Pace, reference, task_types},
    engine::{ready, summary, trouble::Trouble},
    handler::Functions,
    home::heartbeat,
    logs,
    module::{DaemonModule, ModuleContext, Round, Summary},
};

const CONNECTIONS: u32 = 5;
/// Of the grace, kept for what must be written at the end.
const RESERVE: Duration = Duration::from_secs(8);
const PAUSE: Duration = Duration::from_secs(1);

pub(crate) struct SchedulerTaskWorker {
    context: ModuleContext,
    functions: Functions,
}

impl SchedulerTaskWorker {
    pub(crate) fn new(context: ModuleContext, functions: Functions) -> Self {
        Self { context, functions }
    }
}

#[async_trait]
impl DaemonModule for SchedulerTaskWorker {
    /// Works until this life ends: everything claimed is finished or free by then.
    async fn run(&mut self) -> anyhow::Result<Round> {
        let heartbeat = tokio::spawn(heartbeat::keep(self.context.settings().clone()));
        let round = Box::pin(self.live()).await;
        heartbeat.abort();
        round
    }

    fn pace(&self) -> Pace {
        Pace::seconds(1, 60 * 60)
    }

    async fn summary(&mut self) -> anyhow::Result<Vec<Summary>> {
        let store = database::open_made(self.context.settings(), CONNECTIONS)?;
        summary::of(&store, clock::wall()).await
    }
}

impl SchedulerTaskWorker {
    /// From the first look at the database to the last task.
    async fn live(&self) -> anyhow::Result<Round> {
        let settings = self.context.settings();
        let store = database::open(settings, CONNECTIONS)?;
        let mut trouble = Trouble::new(self.context.clone());
        if !ready::wait(&self.context, &store, &mut trouble).await? {
            return Ok(Round::Continue);
        }
        let setup = self.setup();
        let suspects = Suspects::of(setup.in_process.iter().cloned());
        let orphans = Orphans::of(settings);
        let lives = Lives::of(settings);
        let Some(begun) = self.begin(&store, &setup, &lives, &suspects, &mut trouble).await? else {
            return Ok(Round::Continue);
        };
        let (owner, keep_days) = (begun.owner, setup.handlers.keep_days());
        let own_life = store.lock_life(owner);
        let types = setup.handlers.names().map(str::to_owned).collect();
        let go_on = setup.handlers.go_on().map(str::to_owned).collect();
        let (alive, seen) = tokio::sync::watch::channel(begun.since);
        let life = Life::new(
            &self.context,
            &store,
            begun,
            setup,
            (seen, suspects.clone(), orphans.count()),
            trouble,
        )?;
        let (slots, lost, gone) = (life.slots(), life.stop.now.clone(), life.stop.gone.clone());
        let lease = Lease { store: store.clone(), owner, life: own_life, slots, alive, lost, gone };
        let keepers = [
            tokio::spawn(lease.keep()),
            tokio::spawn(watch::keep(store.clone(), owner, lives, suspects, go_on)),
            tokio::spawn(locks::keep(store.clone(), orphans)),
            tokio::spawn(life.cancels.clone().keep(store.clone())),
            tokio::spawn(life.lanes.keeper(life.stop.clone())),
            tokio::spawn(life.odd_rows.clone().keep(store.clone(), self.context.clone())),
            tokio::spawn(retention::keep(store.clone(), keep_days)),
            tokio::spawn(readmit::keep(store.clone(), types, Arc::clone(&life.alone))),
        ];
        let teller = Teller::new(&self.context, &store, owner, Arc::clone(&life.failed));
        let teller = teller.map(|teller| tokio::spawn(teller.keep()));
        let round = life.lead().await;
        keepers.iter().chain(&teller).for_each(tokio::task::JoinHandle::abort);
        store.close().await;
        round
    }

    fn setup(&self) -> Setup {
        let settings = self.context.settings();
        let (types, problems) = task_types::read(settings);
        for problem in problems {
            logs::complain(&problem.to_string());
        }
        let slots = reference::whole(settings, "Daemon::SchedulerTaskWorker::MaximumWorkers");
        let grace = Duration::from_secs(reference::whole(settings, STOP_GRACE));
        let handlers = Handlers::new(settings, types, &self.functions);
        Setup {
            slots: u32::try_from(slots).unwrap_or(u32::MAX),
            in_process: handlers.in_process().map(str::to_owned).collect(),
            handlers,
            grace: grace.saturating_sub(RESERVE).max(grace / 4),
            discard: self.discard(),
        }
    }

    fn discard(&self) -> Duration {
        let own = self.context.registration("Discard").and_then(Value::as_text);
        let seconds = own.and_then(|text| reference::seconds(text.trim()));
        seconds.map_or(Duration::from_hours(1), |it| it.value)
    }

    /// Registers this life, looks who else lives, and frees what earlier ones left.
    async fn begin(
        &self,
        store: &Store,
        setup: &Setup,
        lives: &Lives,
        suspects: &Suspects,
        trouble: &mut Trouble,
    ) -> anyhow::Result<Option<Begun>> {
        let host = identity::host()?;
        let node = node(self.context.settings());
        while !self.context.is_stopping() {
            let entered = enter(store, (node, &host), setup, lives, suspects).await;
            if let Some(begun) = trouble.check(entered) {
                return Ok(Some(begun));
            }
            self.context.pause(PAUSE).await;
        }
        Ok(None)
    }
}

/// A life that is registered.
struct Begun {
    owner: Owner,
    /// Before it was: its lease counts from here.
    since: Moment,
    elders: Elders,
}

async fn enter(
    store: &Store,
    (node, host): (u16, &str),
    setup: &Setup,
    lives: &Lives,
    suspects: &Suspects,
) -> task_store::Result<Begun> {
    let (pid, since) = (std::process::id(), clock::boot());
    let owner = store.register(node, host, pid, setup.slots, clock::wall()).await?;
    let elders = watch::elders(store, owner, lives, suspects).await?;
    Ok(Begun { owner, since, elders })
}
