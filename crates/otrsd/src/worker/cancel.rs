//! Running tasks that somebody does not want any more: their requests are looked for while something runs.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use task_store::{Store, TaskId};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// One statement that reads an empty table, and only while tasks run.
const LOOK: Duration = Duration::from_secs(1);

/// Tells an execution that its task is to end, and who says so.
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

    /// Resolves when it is asked for: with who did.
    pub(super) async fn asked(&self) -> String {
        self.asked.cancelled().await;
        self.by.get().cloned().unwrap_or_default()
    }
}

/// The tasks that run here.
#[derive(Clone, Debug, Default)]
pub(super) struct Cancels {
    running: Arc<Mutex<HashMap<TaskId, Arc<Cancel>>>>,
}

impl Cancels {
    pub(super) fn begin(&self, task: TaskId) -> Arc<Cancel> {
        Arc::clone(self.running().entry(task).or_default())
    }

    pub(super) fn end(&self, task: TaskId) {
        self.running().remove(&task);
    }

    fn running(&self) -> MutexGuard<'_, HashMap<TaskId, Arc<Cancel>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks for requests, for as long as this worker lives.
    pub(super) async fn keep(self, store: Store) {
        let mut asked: Vec<TaskId> = Vec::new();
        loop {
            sleep(LOOK).await;
            let over = |task: &TaskId| !self.running().contains_key(task);
            let ended: Vec<TaskId> = asked.iter().copied().filter(over).collect();
            for task in ended {
                // Who asked takes it back too, unless he is gone.
                if store.withdraw_cancel(task).await.is_ok() {
                    asked.retain(|it| *it != task);
                }
            }
            if self.running().is_empty() {
                continue;
            }
            // A database that is away is told of by the worker itself.
            for (task, by) in store.cancel_requests().await.unwrap_or_default() {
                let Some(cancel) = self.running().get(&task).cloned() else { continue };
                cancel.ask(by);
                if !asked.contains(&task) {
                    asked.push(task);
                }
            }
        }
    }
}
