//! How many tasks wait in line beyond the free slots, so that nobody waits for the database between two short
//! tasks: as many as will probably start within a few milliseconds. Long tasks have nobody waiting behind them.
//!
//! What counts is how many end a second while there is somebody to run. The time in which slots are free and the
//! database takes long to answer says little of the tasks.

use std::time::Duration;

use crate::clock::MonotonicTime;

/// Who waits longer than this for a slot is for others to take.
pub(super) const PATIENCE: Duration = Duration::from_millis(100);
/// So much work is claimed ahead, in seconds.
const HORIZON: f64 = 0.025;
/// The rate is that of about so many seconds.
const MEMORY: f64 = 0.05;
/// Time without work counts so much less.
const DRY: f64 = 0.05;
const MOST: f64 = 1000.0;
/// Bytes of payloads.
const MOST_DATA: f64 = 16e6;

/// What was seen of the tasks so far.
#[derive(Clone, Debug)]
pub(super) struct Prefetch {
    /// How many ended a second, the last ones counting most.
    rate: f64,
    /// The mean payload.
    data: f64,
    since: MonotonicTime,
}

impl Prefetch {
    pub(super) fn new(now: MonotonicTime) -> Self {
        Self { rate: 0.0, data: 0.0, since: now }
    }

    /// Some ended since the last call; for so long slots were free and nobody was in line.
    pub(super) fn ended(&mut self, tasks: usize, dry: Duration, now: MonotonicTime) {
        let since = now.since(self.since);
        let counts = since.saturating_sub(dry).as_secs_f64() + DRY * dry.min(since).as_secs_f64();
        let fade = (-counts / MEMORY).exp();
        self.rate = self.rate * fade + float(tasks) / MEMORY;
        self.since = now;
    }

    /// These came.
    pub(super) fn came(&mut self, tasks: usize, bytes: usize) {
        if tasks > 0 {
            self.data = float(bytes) / float(tasks);
        }
    }

    /// Those that waited went away again: they were too many.
    pub(super) fn forget(&mut self) {
        self.rate = 0.0;
    }

    /// How many may wait.
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

    /// How many may wait, when `each` tasks end all `millis` for a second.
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
