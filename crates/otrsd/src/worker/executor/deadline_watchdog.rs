//! The deadline watchdog: it ends functions whose timeout is over or that were cancelled. It runs beside the worker's
//! loop, which may wait for the database.

use std::{sync::Arc, time::Duration};

use tokio::time::sleep;

use super::{
    Shared,
    running::{Act, Wishes},
};
use crate::{
    clock::{self, MonotonicTime},
    config::task_types::OnLeaseLost,
    logs,
    worker::execution::Interruption,
};

/// For times without running functions.
const LONG: Duration = Duration::from_hours(24);

pub(super) async fn keep(shared: Arc<Shared>, stop: Interruption) {
    loop {
        let now = clock::now();
        let next = shared.check(&stop, now);
        tokio::select! {
            () = sleep(next.map_or(LONG, |next| next.since(now))) => {}
            () = shared.sooner.notified() => {}
            () = stop.soon.cancelled(), if !stop.soon.is_cancelled() => {}
            () = stop.now.cancelled(), if !stop.now.is_cancelled() => {}
            () = stop.gone.cancelled(), if !stop.gone.is_cancelled() => {}
        }
    }
}

impl Shared {
    /// Advances all functions whose next step is due; returns when the following step is due.
    fn check(&self, stop: &Interruption, now: MonotonicTime) -> Option<MonotonicTime> {
        let mut queue_state = self.queue_state();
        let mut given_up = Vec::new();
        for (row, it) in &mut queue_state.running {
            let lost = match it.order.policy.on_lease_lost {
                OnLeaseLost::Kill => &stop.now,
                OnLeaseLost::Continue => &stop.gone,
            };
            let wishes = Wishes {
                cancelled: it.cancelled.clone(),
                soon: stop.soon.is_cancelled(),
                lost: lost.is_cancelled(),
            };
            loop {
                match it.steps.go_on(&wishes, now) {
                    Act::Wait => break,
                    Act::Tell => it.told.cancel(),
                    Act::Drop => it.drop.cancel(),
                    Act::GiveUp => {
                        given_up.push(*row);
                        break;
                    }
                }
            }
        }
        for row in given_up {
            queue_state
                .give_up(row, clock::now_utc())
                .iter()
                .for_each(|complaint| logs::warn(complaint));
            self.news.notify_one();
        }
        queue_state.next_check = queue_state.running.values().map(|it| it.steps.deadline()).min();
        queue_state.next_check
    }
}
