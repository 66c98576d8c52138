//! Claimed tasks on their way into the slots, and Rust functions at work.
//!
//! What is claimed waits in line. Commands and calls are begun by the worker's thread; functions run on threads
//! of their own, for that one keeps the locks alive and must not be held up. A lane runs one function after the
//! other, as long as the first in line is a function's, and asks nobody between two of them.

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

/// One that blocks holds a thread: as many as tasks may run, but not without end.
const MOST_THREADS: usize = 16;
const STACK: usize = 1 << 20;
/// For the connections that functions used.
const CLOSE: Duration = Duration::from_secs(1);

/// What a life runs its tasks on.
#[derive(Debug)]
pub(super) struct Executor {
    runtime: OnceLock<Runtime>,
    threads: usize,
    shared: Arc<Shared>,
}

/// What the worker's thread and the lanes share.
#[derive(Debug)]
struct Shared {
    queue_state: Mutex<QueueState>,
    /// Something ended, or a lane did.
    news: Notify,
    /// Somebody's end is due sooner than all that the keeper waits for.
    sooner: Notify,
    surroundings: Arc<Surroundings>,
    /// When this worker last showed that it lives.
    alive: Receiver<MonotonicTime>,
}

impl Executor {
    /// Threads are made when the first function is to run.
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

    /// Ends functions that must end, for as long as this worker lives.
    pub(super) fn keeper(&self, stop: Interruption) -> impl Future<Output = ()> + Send + use<> {
        deadline_watchdog::keep(Arc::clone(&self.shared), stop)
    }

    /// Resolves when something ended.
    pub(super) async fn news(&self) {
        self.shared.news.notified().await;
    }

    /// Lets a claimed task wait for its slot.
    pub(super) fn line_up(&self, order: Order) {
        self.shared.queue_state().line.push_back(order);
    }

    /// Fills `room` slots with those that are first in line. Functions are begun here; the others are
    /// the caller's to begin.
    pub(super) fn start(&self, room: u32) -> Vec<Order> {
        let (lanes, others) = self.shared.queue_state().start(room);
        if lanes > 0 {
            self.shared.queue_state().is_fed(clock::now());
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

    /// What ended since it was last asked for.
    pub(super) fn take_done(&self) -> Vec<Finished> {
        std::mem::take(&mut self.shared.queue_state().done)
    }

    /// How long lanes stood still, since this was last asked for, because nobody waited.
    pub(super) fn take_starved(&self, now: MonotonicTime) -> Duration {
        self.shared.queue_state().take_starved(now)
    }

    /// How many wait in line, and how many slots the lanes have.
    pub(super) fn counts(&self) -> (usize, usize) {
        let queue_state = self.shared.queue_state();
        (queue_state.line.len(), queue_state.lanes)
    }

    /// Since when the first in line waits.
    pub(super) fn waits_since(&self) -> Option<MonotonicTime> {
        self.shared.queue_state().line.front().map(|order| order.claimed)
    }

    /// Nobody waits any more: the rows of those who did.
    pub(super) fn release_prefetched(&self) -> Vec<i64> {
        self.shared.queue_state().line.drain(..).map(|order| order.task.row).collect()
    }

    /// The rows of all that wait, are at work, or ended and were not yet asked for.
    pub(super) fn rows(&self) -> Vec<i64> {
        self.shared.queue_state().rows().collect()
    }

    /// The functions at work, for people.
    pub(super) fn titles(&self) -> Vec<String> {
        let queue_state = self.shared.queue_state();
        queue_state.running.values().map(|it| it.order.title()).collect()
    }

    /// Whether a function runs on that nobody can end: only the end of the process ends it.
    pub(super) fn is_stuck(&self) -> bool {
        self.shared.queue_state().is_stuck
    }

    /// Who hears of requests to cancel functions at work.
    pub(super) fn cancels(&self) -> Cancels {
        Cancels(Arc::clone(&self.shared))
    }

    /// Ends the connections that functions used.
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
    /// Waits for nobody: there may be one that does not end.
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

/// Functions at work that somebody may not want any more.
#[derive(Clone, Debug)]
pub(super) struct Cancels(Arc<Shared>);

impl Cancels {
    pub(super) fn is_empty(&self) -> bool {
        self.0.queue_state().running.is_empty()
    }

    pub(super) fn has(&self, task: TaskId) -> bool {
        self.0.queue_state().find(task).is_some()
    }

    /// Whether the task is at work here.
    pub(super) fn ask(&self, task: TaskId, by: &str) -> bool {
        let mut queue_state = self.0.queue_state();
        let Some(it) = queue_state.find(task) else { return false };
        it.cancelled.get_or_insert_with(|| by.to_owned());
        self.0.sooner.notify_one();
        true
    }
}
