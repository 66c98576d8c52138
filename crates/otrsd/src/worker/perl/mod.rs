//! Runs tasks by the handlers of an installation, in copies of a warm Perl process.
//!
//! The host loads the framework once and copies itself for each task. A copy is a child of this process and not of the
//! host: its end, its processor time and its memory come from the kernel, as those of a command do.

mod child;
mod host;
mod report;

use std::{sync::Arc, time::Duration};

use sysconfig::SysConfig;
use tokio::sync::{mpsc, oneshot};

use self::{
    child::Child,
    host::{Host, Request},
};
use super::{
    execution::{Ended, Interruption, Order},
    outcome::Ending,
    reaper::Reaper,
};
use crate::config::{home::Home, reference};

/// How often a task is passed to another process because the code has changed.
const STALE: usize = 5;
/// The beginning of a child's process title while it runs a task; the task's id follows.
pub(super) const TITLE: &str = "otrsd perl task ";
/// Requests beyond this number wait until the host accepts them.
const REQUESTS: usize = 64;
const IDLE: &str = "Daemon::SchedulerTaskWorker::HostIdle";

/// The handlers of an installation. Their host is started when it is first needed.
#[derive(Clone, Debug)]
pub(super) struct Perl {
    requests: mpsc::Sender<Request>,
}

impl Perl {
    /// `None` outside of an installation.
    ///
    /// # Errors
    ///
    /// No socket can be made for the host.
    pub(super) fn new(settings: &SysConfig, reaper: &Arc<Reaper>) -> anyhow::Result<Option<Self>> {
        let Some(home) = Home::of(settings) else { return Ok(None) };
        let idle = reference::whole(settings, IDLE);
        let (requests, received) = mpsc::channel(REQUESTS);
        let host = Host::new(home.task_host(), Duration::from_secs(idle), Arc::clone(reaper))?;
        tokio::spawn(host.keep(received));
        Ok(Some(Self { requests }))
    }

    /// Runs a task to its end. It waits as long as there is no host: elsewhere the task would run no better, and its
    /// timeout has not begun.
    pub(super) async fn run(&self, order: &Order, stop: &Interruption) -> Ended {
        for _ in 0..STALE {
            let child = tokio::select! {
                child = self.child(order) => child,
                ending = stop.told(Duration::MAX) => return Ended::without_costs(ending),
            };
            let Some(mut child) = child else { break };
            if let Some(ended) = child.run(order, stop).await {
                if child.may_run_more(order) {
                    let _ = self.requests.send(Request::Back(child)).await;
                }
                return ended;
            }
        }
        let why = "the installation's code changes all the time".to_owned();
        Ended::without_costs(Ending::Interrupted(why))
    }

    async fn child(&self, order: &Order) -> Option<Child> {
        let (sender, child) = oneshot::channel();
        let kind = (order.policy.tasks_per_child > 1).then(|| order.task.task_type.clone());
        self.requests.send(Request::Child { kind, sender }).await.ok()?;
        child.await.ok()
    }
}
