//! A lane: one function after the other, each with its panics caught and its processor time measured.

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

/// Runs as long as a function is first in line.
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
    /// Drops the function at work, and only that one.
    drop: Arc<CancellationToken>,
    /// Of the task at work.
    row: Option<i64>,
}

impl Lane {
    /// Fetches the next task, or gives the slot back.
    fn next(&mut self) -> Option<Instrumented> {
        if self.drop.is_cancelled() {
            self.drop = Arc::default();
        }
        // Too long without a sign of life: what is started now may soon be another's.
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
            queue_state.starves(clock::now());
        }
        drop(queue_state);
        self.shared.news.notify_one();
    }
}

/// The task for its function, and what is left for its end.
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

/// What a function's end means. One that succeeds although we stop has succeeded.
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
