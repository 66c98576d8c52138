//! The prefetch: how many tasks are queued beyond the free slots, so that no slot waits for the database between two
//! short tasks. It is the number that will probably start within a few milliseconds; long tasks have none queued behind
//! them.
//!
//! The measure is how many tasks end per second while there are tasks to run. Time in which slots are free because the
//! database takes long to answer says little about the tasks.

use std::time::Duration;

use crate::clock::MonotonicTime;

/// A task that waits longer than this for a slot is released for other workers.
pub(super) const PATIENCE: Duration = Duration::from_millis(100);
/// How much work is prefetched, in seconds.
const HORIZON: f64 = 0.025;
/// The period over which the rate is averaged, in seconds.
const MEMORY: f64 = 0.05;
/// The weight of time without work.
const DRY: f64 = 0.05;
const MOST: f64 = 1000.0;
/// Bytes of payloads.
const MOST_DATA: f64 = 16e6;

/// The statistics of the tasks so far.
#[derive(Clone, Debug)]
pub(super) struct Prefetch {
    /// Tasks ended per second, the most recent ones counting most.
    rate: f64,
    /// The mean payload.
    data: f64,
    since: MonotonicTime,
}

impl Prefetch {
    pub(super) fn new(now: MonotonicTime) -> Self {
        Self { rate: 0.0, data: 0.0, since: now }
    }

    /// Records tasks that ended since the last call, and how long slots were free and the queue empty.
    pub(super) fn ended(&mut self, tasks: usize, dry: Duration, now: MonotonicTime) {
        let since = now.since(self.since);
        let counts = since.saturating_sub(dry).as_secs_f64() + DRY * dry.min(since).as_secs_f64();
        let fade = (-counts / MEMORY).exp();
        self.rate = self.rate * fade + float(tasks) / MEMORY;
        self.since = now;
    }

    /// Records claimed tasks.
    pub(super) fn came(&mut self, tasks: usize, bytes: usize) {
        if tasks > 0 {
            self.data = float(bytes) / float(tasks);
        }
    }

    /// Resets the rate after prefetched tasks were released: they were too many.
    pub(super) fn forget(&mut self) {
        self.rate = 0.0;
    }

    /// How many tasks may be queued beyond the free slots.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1000")]
    pub(super) fn tasks(&self) -> u32 {
        (self.rate * HORIZON).min(MOST_DATA / self.data.max(1.0)).clamp(0.0, MOST) as u32
    }
}

fn float(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The prefetch after a second in which `each` tasks end every `millis`.
    fn after(each: usize, millis: u64, bytes: usize) -> u32 {
        let mut ahead = Prefetch::new(MonotonicTime::from_micros(0));
        for step in 1..=1000 / millis {
            ahead.ended(each, Duration::ZERO, MonotonicTime::from_micros(step * millis * 1000));
            ahead.came(each, each * bytes);
        }
        ahead.tasks()
    }

    #[test]
    fn short_tasks_wait_in_line_and_long_ones_do_not() {
        for (each, millis, bytes, fewest, most) in [
            (1, 1000, 10, 0, 0),
            (5, 1000, 10, 2, 2),
            (1, 100, 10, 0, 1),
            (1, 10, 10, 2, 3),
            (10, 1, 10, 250, 255),
            (100, 1, 10, 1000, 1000),
            (100, 1, 1_000_000, 16, 16),
        ] {
            let tasks = after(each, millis, bytes);
            assert!((fewest..=most).contains(&tasks), "{each} all {millis} ms: {tasks}");
        }
    }

    #[test]
    fn it_grows_within_a_few_rounds_and_is_forgotten_at_once() {
        let (mut ahead, mut now) = (Prefetch::new(MonotonicTime::from_micros(0)), 0);
        let mut rounds = 0;
        while ahead.tasks() < 1000 {
            let claimed = 5 + ahead.tasks() as usize;
            now += 1000;
            ahead.ended(claimed, Duration::ZERO, MonotonicTime::from_micros(now));
            rounds += 1;
        }
        assert!((5..20).contains(&rounds), "{rounds}");
        ahead.forget();
        assert_eq!(ahead.tasks(), 0);
        let later = MonotonicTime::from_micros(now + 1_000_000);
        let mut quiet = Prefetch { rate: 100_000.0, ..ahead };
        quiet.ended(0, Duration::ZERO, later);
        assert_eq!(quiet.tasks(), 0);
    }

    #[test]
    fn a_slow_database_is_not_taken_for_long_tasks() {
        for (answer, most) in [(Duration::from_millis(100), 20), (Duration::from_millis(300), 60)] {
            let (mut ahead, mut now) =
                (Prefetch::new(MonotonicTime::from_micros(0)), MonotonicTime::from_micros(0));
            let mut rounds = 0;
            while ahead.tasks() < 1000 {
                now = now + answer;
                ahead.ended(0, answer, now);
                let claimed = 5 + ahead.tasks() as usize;
                now = now + Duration::from_micros(10 * claimed as u64);
                ahead.ended(claimed, Duration::ZERO, now);
                rounds += 1;
            }
            assert!(rounds <= most, "{answer:?}: {rounds}");
        }
    }
}
