//! Runs Rust functions inside the worker's process, on threads of their own: the worker's thread keeps its
//! locks alive, and a function that blocks must not hold it up.

use std::{
    sync::{
        Arc, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use sysconfig::SysConfig;
use tokio::{
    runtime::{self, Runtime},
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    execution::{Ended, Interruption, Order, PATIENCE},
    metered::{End, Metered, remember_places},
    outcome::Ending,
    output::legible,
};
use crate::{
    handler::{Function, Surroundings, Task, TaskContext, Verdict},
    logs,
};

/// One that blocks holds a thread: as many as tasks may run, but not without end.
const MOST_THREADS: usize = 16;
const STACK: usize = 1 << 20;
/// A function that awaits is dropped at once; after this time it does not.
const DROP: Duration = Duration::from_secs(1);

/// What the functions of one life share.
#[derive(Debug)]
pub(super) struct InProcess {
    runtime: OnceLock<Runtime>,
    threads: usize,
    surroundings: Arc<Surroundings>,
    stuck: AtomicBool,
}

impl InProcess {
    /// Threads are made when the first function is to run.
    pub(super) fn new(slots: u32, settings: &SysConfig) -> Self {
        let threads = usize::try_from(slots).unwrap_or(MOST_THREADS).clamp(1, MOST_THREADS);
        let surroundings = Arc::new(Surroundings::new(settings.clone()));
        Self { runtime: OnceLock::new(), threads, surroundings, stuck: AtomicBool::new(false) }
    }

    /// Whether a function runs on that nobody can end: only the end of the process ends it.
    pub(super) fn is_stuck(&self) -> bool {
        self.stuck.load(Ordering::Relaxed)
    }

    /// Runs a task to its end, or until it does not end.
    pub(super) async fn run(
        &self,
        function: &Function,
        order: &Order,
        stop: &Interruption,
    ) -> Ended {
        let runtime = match self.runtime() {
            Ok(runtime) => runtime,
            Err(error) => {
                let why = format!("cannot start threads: {error}");
                return Ended::without_costs(Ending::Temporary(why, Duration::ZERO));
            }
        };
        let told = CancellationToken::new();
        let context = TaskContext::new(Arc::clone(&self.surroundings), told.clone());
        let said = context.said();
        let metered = Metered::new(function.clone().call(task(order), context));
        let cpu = metered.cpu();
        let mut running = runtime.spawn(metered);
        let (ours, end) = attend(&mut running, order.policy.timeout, &told, stop).await;
        let is_over = end.is_some();
        if !is_over {
            self.give_up(order);
        }
        let output = said.lock().unwrap_or_else(PoisonError::into_inner).text();
        Ended {
            ending: ending(ours, end),
            cpu: is_over.then(|| cpu.used()),
            peak_memory: None,
            output,
        }
    }

    /// Ends the connections that functions used.
    pub(super) async fn close(&self) {
        if let (Some(runtime), Some(store)) = (self.runtime.get(), self.surroundings.opened()) {
            let store = store.clone();
            let closed = runtime.spawn(async move { store.close().await });
            let _ = timeout(DROP, closed).await;
        }
    }

    fn runtime(&self) -> std::io::Result<&Runtime> {
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
        self.runtime.get().ok_or_else(|| std::io::ErrorKind::Other.into())
    }

    fn give_up(&self, order: &Order) {
        self.stuck.store(true, Ordering::Relaxed);
        let task = &order.task;
        logs::complain(&format!(
            "task {} '{}': the function of type '{}' was told to end and does not: this process ends when \
             the rest is done",
            task.id,
            legible(&task.name),
            legible(&task.task_type),
        ));
    }
}

impl Drop for InProcess {
    /// Waits for nobody: there may be one that does not end.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn task(order: &Order) -> Task {
    let Order { task, data, .. } = order;
    Task {
        id: task.id,
        task_type: task.task_type.clone(),
        name: task.name.clone(),
        number: order.number(),
        data: data.clone(),
    }
}

/// Waits, tells the function to end when it must, and drops it when it does not. Why it was told, if it was,
/// and its end, if that came.
async fn attend(
    running: &mut JoinHandle<End>,
    longest: Duration,
    told: &CancellationToken,
    stop: &Interruption,
) -> (Option<Ending>, Option<End>) {
    let ours = tokio::select! {
        biased;
        end = &mut *running => return (None, Some(joined(end))),
        ours = stop.told(longest) => ours,
    };
    told.cancel();
    tokio::select! {
        biased;
        end = &mut *running => return (Some(ours), Some(joined(end))),
        () = sleep(PATIENCE) => {}
        () = stop.now.cancelled() => {}
    }
    running.abort();
    let end = timeout(DROP, running).await;
    (Some(ours), end.ok().map(joined))
}

fn joined(end: Result<End, tokio::task::JoinError>) -> End {
    end.unwrap_or_else(|error| Err(error.to_string()))
}

/// What a function's end means. One that succeeds although we stop has succeeded.
fn ending(ours: Option<Ending>, end: Option<End>) -> Ending {
    match (end, ours) {
        (Some(Ok(Ok(()))), None | Some(Ending::Interrupted(_))) => Ending::Success,
        (_, Some(ours)) => ours,
        (Some(Ok(Err(error))), None) => {
            let (verdict, why) = error.into_parts();
            let why = legible(&why);
            match verdict {
                Verdict::Failed => Ending::Failed(why),
                Verdict::Later => Ending::Temporary(why, Duration::ZERO),
                Verdict::Never => Ending::Final(why),
            }
        }
        (Some(Err(panic)), None) => Ending::Failed(legible(&panic)),
        (None, None) => Ending::Interrupted("it was lost".to_owned()),
    }
}
