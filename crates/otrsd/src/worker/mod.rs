//! `SchedulerTaskWorker`: runs the tasks of the queue, by commands, HTTP calls and functions.
//!
//! It claims from the database what fits into the free slots, and reports how each task ended. Decisions, such as what
//! follows an ending, how long a retry waits, and which workers are dead, are pure functions with tables. The worker's
//! loop deletes a task only after a success or a cancellation.

mod backoff;
mod cancel;
mod command;
mod complete_and_claim;
mod draining;
mod execution;
mod executor;
mod failure_detector;
mod handlers;
mod handoff;
mod http;
mod http_result;
mod instrumented;
mod isolation;
mod lease;
mod legacy_tasks;
mod lives;
mod mail;
mod memory;
mod outcome;
mod perl;
mod predecessors;
mod prefetch;
mod reaper;
mod renewal;
mod requeue_unrouted;
mod retention;
mod slots;
mod stale_locks;
mod supervise;
mod unwritten;
pub(crate) mod wake;
mod worker_loop;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use sysconfig::Value;
use task_store::{Owner, Store};

use self::{
    failure_detector::CrashSuspects,
    handlers::Handlers,
    lease::Lease,
    legacy_tasks::Orphans,
    lives::Lives,
    mail::Teller,
    predecessors::Predecessors,
    worker_loop::{Setup, WorkerLoop},
};
use crate::{
    clock::{self, MonotonicTime},
    config::{STOP_GRACE, database, identity, node, pace::Pace, reference, task_types},
    engine::{outage_log::OutageLog, preflight, summary},
    handler::Functions,
    home::heartbeat,
    logs,
    module::{DaemonModule, ModuleContext, Round, Summary},
};

const CONNECTIONS: u32 = 5;
/// The part of the grace period kept for what must be written at the end.
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
    /// Works until this incarnation ends: everything claimed is finished or released by then.
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
        summary::of(&store, clock::now_utc()).await
    }
}

impl SchedulerTaskWorker {
    /// From the preflight check to the last task.
    async fn live(&self) -> anyhow::Result<Round> {
        let settings = self.context.settings();
        let store = database::open(settings, CONNECTIONS)?;
        let mut outages = OutageLog::new(self.context.clone());
        if !preflight::wait(&self.context, &store, &mut outages).await? {
            return Ok(Round::Continue);
        }
        let setup = self.setup();
        let suspects = CrashSuspects::of(setup.in_process.iter().cloned());
        let orphans = Orphans::of(settings);
        let lives = Lives::of(settings);
        let Some(begun) = self.begin(&store, &setup, &lives, &suspects, &mut outages).await? else {
            return Ok(Round::Continue);
        };
        let (owner, keep_days) = (begun.owner, setup.handlers.keep_days());
        let own_life = store.lock_life(owner);
        let types = setup.handlers.names().map(str::to_owned).collect();
        let go_on = setup.handlers.go_on().map(str::to_owned).collect();
        let (alive, seen) = tokio::sync::watch::channel(begun.since);
        let life = WorkerLoop::new(
            &self.context,
            &store,
            begun,
            setup,
            (seen, suspects.clone(), orphans.count()),
            outages,
        )?;
        let (slots, lost, gone) = (life.slots(), life.stop.now.clone(), life.stop.gone.clone());
        let lease = Lease { store: store.clone(), owner, life: own_life, slots, alive, lost, gone };
        let keepers = [
            tokio::spawn(lease.keep()),
            tokio::spawn(failure_detector::keep(store.clone(), owner, lives, suspects, go_on)),
            tokio::spawn(stale_locks::keep(store.clone(), orphans)),
            tokio::spawn(life.cancels.clone().keep(store.clone())),
            tokio::spawn(life.executor.keeper(life.stop.clone())),
            tokio::spawn(life.odd_rows.clone().keep(store.clone(), self.context.clone())),
            tokio::spawn(retention::keep(store.clone(), keep_days)),
            tokio::spawn(requeue_unrouted::keep(store.clone(), types, Arc::clone(&life.alone))),
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
            logs::warn(&problem.to_string());
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

    /// Registers this worker, detects other live workers, and reclaims what earlier ones left.
    async fn begin(
        &self,
        store: &Store,
        setup: &Setup,
        lives: &Lives,
        suspects: &CrashSuspects,
        outages: &mut OutageLog,
    ) -> anyhow::Result<Option<Begun>> {
        let host = identity::host()?;
        let node = node(self.context.settings());
        while !self.context.is_stopping() {
            let entered = enter(store, (node, &host), setup, lives, suspects).await;
            if let Some(begun) = outages.check(entered) {
                return Ok(Some(begun));
            }
            self.context.pause(PAUSE).await;
        }
        Ok(None)
    }
}

/// A registered worker.
struct Begun {
    owner: Owner,
    /// The time before the registration: the lease counts from here.
    since: MonotonicTime,
    predecessors: Predecessors,
}

async fn enter(
    store: &Store,
    (node, host): (u16, &str),
    setup: &Setup,
    lives: &Lives,
    suspects: &CrashSuspects,
) -> task_store::Result<Begun> {
    let (pid, since) = (std::process::id(), clock::boottime());
    let owner = store.register(node, host, pid, setup.slots, clock::now_utc()).await?;
    let predecessors = failure_detector::predecessors(store, owner, lives, suspects).await?;
    Ok(Begun { owner, since, predecessors })
}
