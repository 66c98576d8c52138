//! The context in which a handler runs.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use sysconfig::SysConfig;
use task_store::Store;
use tokio_util::sync::CancellationToken;

use crate::{config::database, process::output::Tail};

/// Shared by all handlers of a process. The worker has separate connections, so handlers never block it.
const CONNECTIONS: u32 = 4;

/// The context that a handler receives with its task: the request to stop, the output, the settings, and the store.
#[derive(Clone, Debug)]
pub struct TaskContext {
    surroundings: Arc<Surroundings>,
    stop: CancellationToken,
    said: Said,
}

/// The part that all executions of a process share.
#[derive(Debug)]
pub(crate) struct Surroundings {
    settings: SysConfig,
    store: OnceLock<Store>,
}

/// The last part of a handler's output.
type Said = Arc<Mutex<Tail>>;

impl Surroundings {
    pub(crate) fn new(settings: SysConfig) -> Self {
        Self { settings, store: OnceLock::new() }
    }

    /// The store, if a handler asked for it.
    pub(crate) fn opened(&self) -> Option<&Store> {
        self.store.get()
    }
}

impl TaskContext {
    pub(crate) fn new(surroundings: Arc<Surroundings>, stop: CancellationToken) -> Self {
        Self { surroundings, stop, said: Said::default() }
    }

    /// The execution's output so far.
    pub(crate) fn said(&self) -> Option<String> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).text()
    }

    /// Whether the execution is to end: its timeout is over, the daemon stops, or the task was cancelled.
    pub fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Resolves when the execution is to end, for `tokio::select!`. Five seconds later the handler is dropped where it
    /// awaits. If it does not await by then, the worker has to end its process.
    pub async fn stopped(&self) {
        self.stop.cancelled().await;
    }

    /// Adds a line to the execution's output; the last 16 KB are kept and shown by `otrsd task show`.
    pub fn say(&self, line: &str) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.push(line.as_bytes());
        said.push(b"\n");
    }

    /// The effective settings, as they were when this incarnation of the worker started.
    pub fn settings(&self) -> &SysConfig {
        &self.surroundings.settings
    }

    /// The tasks of this installation, for example to enqueue the next one.
    ///
    /// ```no_run
    /// # use otrsd::{Task, TaskContext, TaskError, jiff::Timestamp, task_store::NewTask};
    /// async fn order(task: Task, context: TaskContext) -> Result<(), TaskError> {
    ///     let next = NewTask::new("SendInvoice", task.name, task.text);
    ///     context.store()?.enqueue(&next, Timestamp::now()).await?;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// [`Store::enqueue_in`] enqueues within a transaction of your own, so that the task exists if and only if that
    /// transaction commits. A handler may run twice for one task, so it may also enqueue twice.
    ///
    /// # Errors
    ///
    /// `DatabaseURL` or `OTRSTimeZone` cannot be used. A database that is unreachable is not an error here.
    pub fn store(&self) -> anyhow::Result<Store> {
        database::shared(&self.surroundings.store, &self.surroundings.settings, CONNECTIONS)
    }
}
