//! The executor: the ready queue of claimed tasks, and the running Rust functions.
//!
//! Claimed tasks wait in the ready queue. The worker's thread starts commands and HTTP calls. Functions run on separate
//! threads, because the worker's thread renews the locks and must not be blocked. A lane runs one function after
//! another as long as the first task in the queue is a function, and needs no other thread in between.

mod deadline_watchdog;
mod lane;
mod queue_state;
mod running;

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use sysconfig::SysConfig;
use task_store::{Finished, TaskId};
use tokio::{
    runtime::{self, Runtime},
    sync::{Notify, watch::Receiver},
    time::timeout,
};

use self::queue_state::QueueState;
use super::{
    execution::{Interruption, Order},
    instrumented::remember_places,
};
use crate::{
    clock::{self, MonotonicTime},
    handler::Surroundings,
};

/// A function that blocks occupies a thread: there are as many threads as tasks may run, up to this limit.
const MOST_THREADS: usize = 16;
const STACK: usize = 1 << 20;
/// For closing the connections that functions used.
const CLOSE: Duration = Duration::from_secs(1);

/// The executor of one worker.
#[derive(Debug)]
pub(super) struct Executor {
    runtime: OnceLock<Runtime>,
    threads: usize,
    shared: Arc<Shared>,
}

/// The state shared by the worker's thread and the lanes.
#[derive(Debug)]
struct Shared {
    queue_state: Mutex<QueueState>,
    /// A function ended, or a lane did.
    news: Notify,
    /// A function's deadline is earlier than any that the watchdog waits for.
    sooner: Notify,
    surroundings: Arc<Surroundings>,
    /// The time of this worker's last successful heartbeat.
    alive: Receiver<MonotonicTime>,
}

impl Executor {
    /// The threads are created when the first function is to run.
    pub(super) fn new(slots: u32, settings: &SysConfig, alive: Receiver<MonotonicTime>) -> Self {
        let threads = usize::try_from(slots).unwrap_or(MOST_THREADS).clamp(1, MOST_THREADS);
        let shared = Shared {
            queue_state: Mutex::default(),
            news: Notify::new(),
            sooner: Notify::new(),
            surroundings: Arc::new(Surroundings::new(settings.clone())),
            alive,
        };
        Self { runtime: OnceLock::new(), threads, shared: Arc::new(shared) }
    }

    /// Ends functions that must end, until the worker ends.
    pub(super) fn keeper(&self, stop: Interruption) -> impl Future<Output = ()> + Send + use<> {
        deadline_watchdog::keep(Arc::clone(&self.shared), stop)
    }

    /// Resolves when a function or a lane ended.
    pub(super) async fn news(&self) {
        self.shared.news.notified().await;
    }

    /// Adds a claimed task to the ready queue.
    pub(super) fn line_up(&self, order: Order) {
        self.shared.queue_state().line.push_back(order);
    }

    /// Fills `room` slots with the first tasks in the queue. Functions are started here; the caller starts the others.
    pub(super) fn start(&self, room: u32) -> Vec<Order> {
        let (lanes, others) = self.shared.queue_state().start(room);
        if lanes > 0 {
            self.shared.queue_state().end_starving(clock::now());
        }
        match self.runtime() {
            _ if lanes == 0 => {}
            Ok(runtime) => {
                for _ in 0..lanes {
                    runtime.spawn(lane::run(Arc::clone(&self.shared)));
                }
            }
            Err(error) => self.shared.queue_state().cannot_start(lanes, &error),
        }
        others
    }

    /// The tasks that ended since the last call.
    pub(super) fn take_done(&self) -> Vec<Finished> {
        std::mem::take(&mut self.shared.queue_state().done)
    }

    /// How long lanes were idle since the last call because no task was queued.
    pub(super) fn take_starved(&self, now: MonotonicTime) -> Duration {
        self.shared.queue_state().take_starved(now)
    }

    /// The length of the ready queue, and the number of slots that the lanes occupy.
    pub(super) fn counts(&self) -> (usize, usize) {
        let queue_state = self.shared.queue_state();
        (queue_state.line.len(), queue_state.lanes)
    }

    /// When the first task in the queue was claimed.
    pub(super) fn waits_since(&self) -> Option<MonotonicTime> {
        self.shared.queue_state().line.front().map(|order| order.claimed)
    }

    /// Empties the ready queue; returns the rows.
    pub(super) fn release_prefetched(&self) -> Vec<i64> {
        self.shared.queue_state().line.drain(..).map(|order| order.task.row).collect()
    }

    /// The rows of all tasks that wait, run, or ended and were not yet taken.
    pub(super) fn rows(&self) -> Vec<i64> {
        self.shared.queue_state().rows().collect()
    }

    /// The titles of the running functions.
    pub(super) fn titles(&self) -> Vec<String> {
        let queue_state = self.shared.queue_state();
        queue_state.running.values().map(|it| it.order.title()).collect()
    }

    /// Whether a function runs that cannot be ended: only the end of the process ends it.
    pub(super) fn is_stuck(&self) -> bool {
        self.shared.queue_state().is_stuck
    }

    /// The handle that cancels running functions.
    pub(super) fn cancels(&self) -> Cancels {
        Cancels(Arc::clone(&self.shared))
    }

    /// Closes the connections that functions used.
    pub(super) async fn close(&self) {
        if let (Some(runtime), Some(store)) =
            (self.runtime.get(), self.shared.surroundings.opened())
        {
            let store = store.clone();
            let closed = runtime.spawn(async move { store.close().await });
            let _ = timeout(CLOSE, closed).await;
        }
    }

    fn runtime(&self) -> io::Result<&Runtime> {
        if self.runtime.get().is_none() {
            remember_places();
            let runtime = runtime::Builder::new_multi_thread()
                .worker_threads(self.threads)
                .thread_name("otrsd-handler")
                .thread_stack_size(STACK)
                .enable_all()
                .build()?;
            return Ok(self.runtime.get_or_init(|| runtime));
        }
        self.runtime.get().ok_or_else(|| io::ErrorKind::Other.into())
    }
}

impl Drop for Executor {
    /// Waits for no function: one of them may not end.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Shared {
    fn queue_state(&self) -> MutexGuard<'_, QueueState> {
        self.queue_state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A handle that cancels running functions.
#[derive(Clone, Debug)]
pub(super) struct Cancels(Arc<Shared>);

impl Cancels {
    pub(super) fn is_empty(&self) -> bool {
        self.0.queue_state().running.is_empty()
    }

    pub(super) fn has(&self, task: TaskId) -> bool {
        self.0.queue_state().find(task).is_some()
    }

    /// Cancels the task; false if it does not run here.
    pub(super) fn ask(&self, task: TaskId, by: &str) -> bool {
        let mut queue_state = self.0.queue_state();
        let Some(it) = queue_state.find(task) else { return false };
        it.cancelled.get_or_insert_with(|| by.to_owned());
        self.0.sooner.notify_one();
        true
    }
}
