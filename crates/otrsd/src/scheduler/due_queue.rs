//! The due queue: the next fire time of each cron task. Pure.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::config::cron_tasks::CronTask;

/// The cron tasks by number, in the order of their next fire times.
#[derive(Debug, Default)]
pub(super) struct DueQueue {
    /// The last fire time of each task that is accounted for.
    last: Vec<Timestamp>,
    next: BTreeSet<(Timestamp, usize)>,
}

impl DueQueue {
    /// `last` holds the last fire time of each task that is accounted for.
    pub(super) fn new(tasks: &[CronTask], last: Vec<Timestamp>) -> Self {
        let mut due_queue = Self { last, next: BTreeSet::new() };
        for (number, task) in tasks.iter().enumerate() {
            due_queue.plan(number, task);
        }
        due_queue
    }

    /// The last fire time of a task that is accounted for.
    pub(super) fn last(&self, number: usize) -> Timestamp {
        self.last[number]
    }

    /// Accounts for everything up to `last`; never goes back.
    pub(super) fn accounted(&mut self, number: usize, task: &CronTask, last: Timestamp) {
        if let Some(next) = after(task, self.last[number]) {
            self.next.remove(&(next, number));
        }
        self.last[number] = self.last[number].max(last);
        self.plan(number, task);
    }

    /// The tasks with a fire time up to `now` that is not accounted for, the oldest first.
    pub(super) fn due(&self, now: Timestamp) -> Vec<usize> {
        self.next.iter().take_while(|(next, _)| *next <= now).map(|(_, number)| *number).collect()
    }

    /// The earliest fire time of all tasks.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.next.first().map(|(next, _)| *next)
    }

    fn plan(&mut self, number: usize, task: &CronTask) {
        self.next.extend(after(task, self.last[number]).map(|next| (next, number)));
    }
}

fn after(task: &CronTask, last: Timestamp) -> Option<Timestamp> {
    task.schedule.next(last, &task.zone).map(|due| due.instant)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::cron_tasks::MissedRuns, scheduler::missed_runs::tests::task_of};

    #[test]
    fn the_next_due_instant_comes_first() {
        let at = |minutes: i64| Timestamp::from_second(minutes * 60).unwrap();
        let of = |schedule| task_of(schedule, MissedRuns::Latest);
        let tasks = [of("0 * * * *"), of("*/10 * * * *"), of("5 0 1 1 *")];
        let mut due_queue = DueQueue::new(&tasks, vec![at(0); 3]);
        assert_eq!((due_queue.next(), due_queue.due(at(9))), (Some(at(5)), vec![2]));
        due_queue.accounted(2, &tasks[2], at(5));
        assert_eq!((due_queue.next(), due_queue.due(at(60))), (Some(at(10)), vec![1, 0]));
        due_queue.accounted(1, &tasks[1], at(50));
        assert_eq!(due_queue.due(at(60)), [0, 1]);
        // Another node's answer may be older than what is known.
        due_queue.accounted(1, &tasks[1], at(20));
        assert_eq!((due_queue.last(1), due_queue.next()), (at(50), Some(at(60))));
    }
}
