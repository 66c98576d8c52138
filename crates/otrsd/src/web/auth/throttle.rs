//! Failed logins: a few are typing errors, many are guesses.

use std::{collections::VecDeque, time::Duration};

use crate::clock::Moment;

const PERIOD: Duration = Duration::from_mins(1);
/// Failures in a period after which nobody is heard any more who has not logged in before.
const MOST: usize = 10;

/// The failed logins of the last minute. On loopback all come from one address, so all count together; sessions
/// and valid tokens are not held up.
#[derive(Default)]
pub(crate) struct Throttle {
    failures: VecDeque<Moment>,
}

impl Throttle {
    pub(crate) fn failed(&mut self, now: Moment) {
        if self.failures.len() >= MOST {
            self.failures.pop_front();
        }
        self.failures.push_back(now);
    }

    /// How long nobody may try.
    pub(crate) fn wait(&self, now: Moment) -> Option<Duration> {
        let first = *self.failures.front().filter(|_| self.failures.len() >= MOST)?;
        Some((first + PERIOD).since(now)).filter(|wait| !wait.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_failures_close_the_door_for_a_while() {
        let mut throttle = Throttle::default();
        let begin = Moment::from_secs(100);
        for second in 0..MOST as u64 {
            assert_eq!(throttle.wait(begin), None);
            throttle.failed(begin + Duration::from_secs(second));
        }
        assert_eq!(throttle.wait(begin + Duration::from_secs(20)), Some(Duration::from_secs(40)));
        assert_eq!(throttle.wait(begin + PERIOD), None);
        throttle.failed(begin + PERIOD);
        assert_eq!(throttle.wait(begin + PERIOD), Some(Duration::from_secs(1)));
    }
}
