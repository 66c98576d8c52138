//! A lane of the executor: it runs one function after another, catches their panics and measures their processor time.

use std::{mem, sync::Arc, time::Duration};

use tokio::task::coop::consume_budget;
use tokio_util::sync::CancellationToken;

use super::{
    Shared,
    queue_state::is_function,
    running::{RunningFunction, Steps},
};
use crate::{
    clock,
    handler::{Delivery, TaskContext, Verdict},
    process::output::legible,
    worker::{
        execution::Order,
        handlers::Handler,
        instrumented::{Cpu, End, Instrumented},
        lease::CAREFUL,
        outcome::Ending,
    },
};

/// Runs as long as the first task in the ready queue is a function.
pub(super) async fn run(shared: Arc<Shared>) {
    let mut lane = Lane { shared, drop: Arc::default(), row: None };
    while let Some(function) = lane.next() {
        let end = tokio::select! {
            biased;
            end = function => Some(end),
            () = lane.drop.cancelled() => None,
        };
        lane.end(end);
        consume_budget().await;
    }
}

struct Lane {
    shared: Arc<Shared>,
    /// Drops the running function, and only that one.
    drop: Arc<CancellationToken>,
    /// The row of the running task.
    row: Option<i64>,
}

impl Lane {
    /// Fetches the next task, or frees the slot.
    fn next(&mut self) -> Option<Instrumented> {
        if self.drop.is_cancelled() {
            self.drop = Arc::default();
        }
        // Too long without a heartbeat: another worker may soon reclaim what is started now.
        let is_careful = clock::boottime().since(*self.shared.alive.borrow()) >= CAREFUL;
        let mut queue_state = self.shared.queue_state();
        let order = queue_state.line.pop_front_if(|order| !is_careful && is_function(order))?;
        let Handler::Function(function) = order.handler.clone() else { return None };
        let (order, task) = task(order);
        let (told, cpu) = (CancellationToken::new(), Cpu::default());
        let context = TaskContext::new(Arc::clone(&self.shared.surroundings), told.clone());
        let row = order.task.row;
        let steps = Steps::begin(order.policy.timeout, clock::now());
        let deadline = steps.deadline();
        if queue_state.next_check.is_none_or(|next| deadline < next) {
            queue_state.next_check = Some(deadline);
            self.shared.sooner.notify_one();
        }
        let running = RunningFunction {
            order,
            started: clock::now_utc(),
            context: context.clone(),
            cpu: cpu.clone(),
            told,
            drop: Arc::clone(&self.drop),
            steps,
            cancelled: None,
        };
        queue_state.running.insert(row, running);
        self.row = Some(row);
        Some(Instrumented::new(function.call(task, context), cpu))
    }

    fn end(&mut self, end: Option<End>) {
        let now = clock::now_utc();
        if let Some(row) = self.row.take() {
            self.shared.queue_state().end(row, end, now);
            self.shared.news.notify_one();
        }
    }
}

impl Drop for Lane {
    /// At the end, and if a function panics while it is dropped.
    fn drop(&mut self) {
        self.end(None);
        let mut queue_state = self.shared.queue_state();
        queue_state.lanes -= 1;
        if queue_state.line.is_empty() {
            queue_state.begin_starving(clock::now());
        }
        drop(queue_state);
        self.shared.news.notify_one();
    }
}

/// Splits a task into the part for its function and the rest, which is needed at its end.
fn task(mut order: Order) -> (Order, Delivery) {
    let delivery = Delivery {
        id: order.task.id,
        task_type: order.task.task_type.clone(),
        name: order.task.name.clone(),
        number: order.number(),
        payload: mem::take(&mut order.data),
    };
    (order, delivery)
}

/// The meaning of a function's end. A function that succeeds despite an interruption has succeeded.
pub(super) fn ending(ours: Option<Ending>, end: Option<End>) -> Ending {
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
