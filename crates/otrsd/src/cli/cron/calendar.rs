//! The fire times of many schedules in the order of time, as a pure function.

use std::{cmp::Reverse, collections::BinaryHeap};

use cron_events::Occurrence;
use jiff::Timestamp;

use crate::config::cron_tasks::CronTask;

/// The fire times of some cron tasks, each with its task; of equal times that of the first task comes first.
pub(super) struct Calendar<'a> {
    tasks: &'a [CronTask],
    /// The next fire time of each task; its note is computed when it is returned.
    next: BinaryHeap<Reverse<(Timestamp, usize)>>,
}

impl<'a> Calendar<'a> {
    /// The fire times after `from`.
    pub(super) fn new(tasks: &'a [CronTask], from: Timestamp) -> Self {
        let mut calendar = Self { tasks, next: BinaryHeap::new() };
        for number in 0..tasks.len() {
            calendar.plan(number, from);
        }
        calendar
    }

    fn plan(&mut self, number: usize, after: Timestamp) -> Option<Occurrence> {
        let task = &self.tasks[number];
        let next = task.schedule.next(after, &task.zone)?;
        self.next.push(Reverse((next.instant, number)));
        Some(next)
    }
}

impl<'a> Iterator for Calendar<'a> {
    type Item = (&'a CronTask, Occurrence);

    fn next(&mut self) -> Option<Self::Item> {
        let Reverse((instant, number)) = self.next.pop()?;
        self.plan(number, instant);
        let task = &self.tasks[number];
        let occurrence = task.schedule.previous(instant, &task.zone)?;
        Some((task, occurrence))
    }
}
