//! The isolation of poison pills in the worker's process.
//!
//! A process that dies ends all executions in it, and the one at fault is unknown. Each of these tasks therefore runs
//! alone at its next attempt: no other task in that process, and no other in-process task under the worker's lock,
//! since that one would be counted among the crashed. Commands and HTTP calls are not in the process, and continue.

use std::collections::HashSet;

use super::{execution::Order, handlers::Handler};

/// The tasks in the worker's process, by their rows.
#[derive(Debug, Default)]
pub(super) struct IsolationQueue {
    shared: HashSet<i64>,
    exclusive: Option<i64>,
    /// Waits to run alone.
    waiting: Option<Order>,
}

/// Where a claimed task is to run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Isolation {
    Outside,
    Shared,
    Exclusive,
}

/// The decision on a claimed task.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Admission {
    Start,
    Wait,
    /// It is released, to run later here or on another worker.
    Free,
}

impl IsolationQueue {
    /// Admits a task. `Ok` returns the task to start, if any; `Err` returns the row to release.
    pub(super) fn admit(&mut self, order: Order) -> Result<Option<Order>, i64> {
        let isolation = isolation_of(&order);
        match admit(isolation, self.is_exclusive()) {
            Admission::Free => Err(order.task.row),
            Admission::Wait => {
                self.waiting = Some(order);
                Ok(None)
            }
            Admission::Start => {
                if isolation == Isolation::Shared {
                    self.shared.insert(order.task.row);
                }
                Ok(Some(order))
            }
        }
    }

    /// The task that waited to run alone, if it can now. `unwritten` counts tasks that were released for it, or ended,
    /// and are still under this worker's lock.
    pub(super) fn admit_exclusive(&mut self, unwritten: usize) -> Option<Order> {
        let is_alone = self.shared.is_empty() && unwritten == 0;
        let order = self.waiting.take_if(|_| is_alone)?;
        self.exclusive = Some(order.task.row);
        Some(order)
    }

    /// Removes a task that has ended.
    pub(super) fn leave(&mut self, row: i64) {
        self.shared.remove(&row);
        self.exclusive.take_if(|exclusive| *exclusive == row);
    }

    /// Whether a task runs alone, or waits to: no other in-process task may be claimed.
    pub(super) fn is_exclusive(&self) -> bool {
        self.exclusive.is_some() || self.waiting.is_some()
    }

    /// The row of the task that waits.
    pub(super) fn waiting(&self) -> Option<i64> {
        self.waiting.as_ref().map(|order| order.task.row)
    }

    /// Takes the waiting task: no task is admitted any more.
    pub(super) fn dismiss(&mut self) -> Option<Order> {
        self.waiting.take()
    }
}

fn isolation_of(order: &Order) -> Isolation {
    match order.handler {
        Handler::Command(_) | Handler::Http(_) | Handler::Perl => Isolation::Outside,
        Handler::Function(_) if order.history.crashed_together => Isolation::Exclusive,
        Handler::Function(_) => Isolation::Shared,
    }
}

fn admit(place: Isolation, is_exclusive: bool) -> Admission {
    match (place, is_exclusive) {
        (Isolation::Outside, _) | (Isolation::Shared, false) => Admission::Start,
        (Isolation::Exclusive, false) => Admission::Wait,
        (Isolation::Shared | Isolation::Exclusive, true) => Admission::Free,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use task_store::{History, LockKey, Owner, Payload, Task, TaskId};

    use super::*;
    use crate::{clock::MonotonicTime, config::task_types::TaskType, handler::Function};

    #[test]
    fn who_may_run_beside_whom() {
        for (place, is_exclusive, expected) in [
            (Isolation::Outside, false, Admission::Start),
            (Isolation::Outside, true, Admission::Start),
            (Isolation::Shared, false, Admission::Start),
            (Isolation::Shared, true, Admission::Free),
            (Isolation::Exclusive, false, Admission::Wait),
            (Isolation::Exclusive, true, Admission::Free),
        ] {
            assert_eq!(admit(place, is_exclusive), expected, "{place:?}, {is_exclusive}");
        }
    }

    fn order(row: i64, crashed_together: bool) -> Order {
        let owner = Owner::new(1, 10_000_000).unwrap();
        let task = Task {
            row,
            id: TaskId::from_ident(row),
            task_type: String::new(),
            name: String::new(),
            data: String::new(),
            attempts: 1,
            priority: 0,
            lock: LockKey::Ours(owner),
            created: None,
            tried: true,
            damage: None,
        };
        Order {
            task,
            data: Payload::default(),
            handler: Handler::Function(Function::new(async |_, _| Ok(()))),
            policy: Arc::new(TaskType::default()),
            history: History { crashed_together, ..History::default() },
            owner,
            claimed: MonotonicTime::from_secs(0),
        }
    }

    #[test]
    fn one_is_alone_when_all_others_have_left() {
        let row = |order: Option<Order>| order.map(|order| order.task.row);
        let mut isolation = IsolationQueue::default();
        assert_eq!(isolation.admit(order(1, false)).map(row), Ok(Some(1)));
        assert_eq!(isolation.admit(order(2, true)).map(row), Ok(None));
        assert!(
            isolation.admit(order(3, false)).is_err() && isolation.admit(order(4, true)).is_err()
        );
        assert_eq!((isolation.is_exclusive(), isolation.waiting()), (true, Some(2)));
        assert_eq!(row(isolation.admit_exclusive(0)), None, "1 runs");
        isolation.leave(1);
        assert_eq!(row(isolation.admit_exclusive(2)), None, "3 and 4 are not yet free");
        assert_eq!(row(isolation.admit_exclusive(0)), Some(2));
        assert!(isolation.admit(order(3, false)).is_err(), "2 runs");
        isolation.leave(2);
        assert!(!isolation.is_exclusive());
        assert_eq!(isolation.admit(order(3, false)).map(row), Ok(Some(3)));
    }
}
