//! The cancellation of running tasks: requests are polled while something runs.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use task_store::{Store, TaskId};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::executor;

/// One statement that reads an empty table, and only while tasks run.
const LOOK: Duration = Duration::from_secs(1);

/// Tells an execution that its task was cancelled, and by whom.
#[derive(Debug, Default)]
pub(super) struct Cancel {
    asked: CancellationToken,
    by: OnceLock<String>,
}

impl Cancel {
    fn ask(&self, by: String) {
        if self.by.set(by).is_ok() {
            self.asked.cancel();
        }
    }

    /// Resolves when the task is cancelled; returns who asked for it.
    pub(super) async fn asked(&self) -> String {
        self.asked.cancelled().await;
        self.by.get().cloned().unwrap_or_default()
    }
}

/// The tasks that run in this worker.
#[derive(Clone, Debug)]
pub(super) struct Cancels {
    /// Those outside of this process.
    running: Arc<Mutex<HashMap<TaskId, Arc<Cancel>>>>,
    functions: executor::Cancels,
}

impl Cancels {
    pub(super) fn new(functions: executor::Cancels) -> Self {
        Self { running: Arc::default(), functions }
    }

    pub(super) fn begin(&self, task: TaskId) -> Arc<Cancel> {
        Arc::clone(self.running().entry(task).or_default())
    }

    pub(super) fn end(&self, task: TaskId) {
        self.running().remove(&task);
    }

    /// Cancels the task; false if it does not run here.
    fn ask(&self, task: TaskId, by: String) -> bool {
        let cancel = self.running().get(&task).cloned();
        let Some(cancel) = cancel else { return self.functions.ask(task, &by) };
        cancel.ask(by);
        true
    }

    fn running(&self) -> MutexGuard<'_, HashMap<TaskId, Arc<Cancel>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Polls for requests until the worker ends.
    pub(super) async fn keep(self, store: Store) {
        let mut asked: Vec<TaskId> = Vec::new();
        loop {
            sleep(LOOK).await;
            let over =
                |task: &TaskId| !self.running().contains_key(task) && !self.functions.has(*task);
            let ended: Vec<TaskId> = asked.iter().copied().filter(over).collect();
            for task in ended {
                // The command that asked withdraws its request too, unless it is gone.
                if store.withdraw_cancel(task).await.is_ok() {
                    asked.retain(|it| *it != task);
                }
            }
            if self.running().is_empty() && self.functions.is_empty() {
                continue;
            }
            // The worker itself reports a database outage.
            for (task, by) in store.cancel_requests().await.unwrap_or_default() {
                if self.ask(task, by) && !asked.contains(&task) {
                    asked.push(task);
                }
            }
        }
    }
}
