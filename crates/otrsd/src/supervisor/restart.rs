//! The restart decision: when an ended module starts again, as a pure function.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::MonotonicTime;

/// A process that ran this long was healthy: its end does not indicate a restart loop.
const HEALTHY: Duration = Duration::from_secs(10);
/// A discard sooner than this indicates a module that does not come up.
const HASTY: Duration = Duration::from_millis(500);
/// Failures farther apart than this are unrelated.
const MEMORY: Duration = Duration::from_mins(1);
const FIRST_DELAY: Duration = Duration::from_millis(100);
pub(super) const LONGEST_DELAY: Duration = Duration::from_secs(30);

/// The kind of an end.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub(super) enum Ending {
    /// Requested by the supervisor for an operator, a reload or a limit.
    Asked,
    /// Planned by the module: exit code 0.
    Discarded,
    /// Unplanned.
    Failed,
}

/// The recent failures of one module.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub(crate) struct Streak {
    pub(super) length: u32,
    last: Option<MonotonicTime>,
}

impl Streak {
    /// Records an end and returns the delay before the next start.
    ///
    /// * An end that was requested, a discard, a failure after 10 s of health, and the first failure: no delay.
    /// * A discard within 0.5 s counts as a failure.
    /// * The second failure within 60 s: 0.1 s; each further one doubles the delay up to 30 s, without a limit of
    ///   attempts.
    ///
    /// `jitter`, from 0 to 1, spreads modules that fail together by up to a quarter.
    pub(super) fn delay(
        &mut self,
        ending: Ending,
        uptime: Duration,
        now: MonotonicTime,
        jitter: f64,
    ) -> Duration {
        match ending {
            Ending::Asked => return Duration::ZERO,
            Ending::Discarded if uptime >= HASTY => {
                *self = Self::default();
                return Duration::ZERO;
            }
            Ending::Failed if uptime >= HEALTHY => *self = Self::default(),
            Ending::Discarded | Ending::Failed => {}
        }
        let fresh = self.last.is_none_or(|last| now.since(last) > MEMORY);
        self.length = if fresh { 1 } else { self.length.saturating_add(1) };
        self.last = Some(now);
        let Some(doublings) = self.length.checked_sub(2) else { return Duration::ZERO };
        let delay = FIRST_DELAY.saturating_mul(1 << doublings.min(20));
        delay.min(LONGEST_DELAY).mul_f64(1.0 - 0.25 * jitter)
    }

    /// Whether the module fails again and again.
    pub(super) fn is_loop(&self) -> bool {
        self.length > 1
    }
}

#[cfg(test)]
mod tests {
    use super::{Ending::*, *};

    const MS: fn(u64) -> Duration = Duration::from_millis;

    /// Consecutive ends of a module: (ending, uptime, expected delay in ms).
    fn check(lives: &[(Ending, Duration, u64)]) {
        let (mut streak, mut now) = (Streak::default(), MonotonicTime::from_secs(1000));
        for (index, &(ending, uptime, expected)) in lives.iter().enumerate() {
            now = now + uptime;
            let delay = streak.delay(ending, uptime, now, 0.0);
            assert_eq!(delay, MS(expected), "life {index} of {lives:?}");
            now = now + delay;
        }
    }

    #[test]
    fn crashes_at_once_slow_down_to_the_cap() {
        let delays = [0, 100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000];
        check(&delays.map(|delay| (Failed, MS(3), delay)));
    }

    #[test]
    fn a_planned_end_and_a_healthy_life_restart_at_once() {
        check(&[(Discarded, MS(3_600_000), 0), (Discarded, MS(1000), 0), (Discarded, MS(1000), 0)]);
        check(&[(Failed, MS(10_000), 0), (Failed, MS(11_000), 0), (Failed, MS(10_000), 0)]);
    }

    #[test]
    fn a_healthy_life_that_fails_begins_a_new_streak() {
        check(&[
            (Failed, MS(5), 0),
            (Failed, MS(5), 100),
            (Failed, MS(10_000), 0),
            (Failed, MS(5), 100),
        ]);
    }

    #[test]
    fn hasty_discards_do_not_spin() {
        check(&[
            (Discarded, MS(2), 0),
            (Discarded, MS(2), 100),
            (Discarded, MS(2), 200),
            (Discarded, MS(1500), 0),
        ]);
    }

    #[test]
    fn failures_a_minute_apart_are_first_failures() {
        let mut streak = Streak::default();
        for minute in 1..5 {
            let delay = streak.delay(Failed, MS(5), MonotonicTime::from_secs(minute * 61), 0.0);
            assert_eq!(delay, Duration::ZERO);
        }
    }

    #[test]
    fn what_was_asked_for_is_done_at_once_and_is_no_sign_of_a_loop() {
        check(&[(Asked, MS(2), 0), (Asked, MS(2), 0), (Failed, MS(2), 0), (Asked, MS(2), 0)]);
        check(&[(Failed, MS(2), 0), (Asked, MS(2), 0), (Failed, MS(2), 100)]);
    }

    #[test]
    fn jitter_only_shortens() {
        let mut streak = Streak::default();
        streak.delay(Failed, MS(5), MonotonicTime::from_secs(1), 1.0);
        assert_eq!(streak.delay(Failed, MS(5), MonotonicTime::from_secs(1), 1.0), MS(75));
    }
}
