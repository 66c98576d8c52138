//! Failed logins: each is refused at once, and a few of them per minute are logged.

use std::time::Duration;

use crate::clock::MonotonicTime;

const PERIOD: Duration = Duration::from_mins(1);
/// The number of log lines in a period; guessing is reported, but cannot fill the disk.
const MOST_TOLD: u32 = 10;

/// The failed logins of the present period. They do not delay valid logins: codes and tokens have 256 bits and cannot
/// be guessed.
#[derive(Default)]
pub(crate) struct Failures {
    begun: Option<MonotonicTime>,
    told: u32,
    untold: u64,
}

impl Failures {
    /// Counts a failed login. If it is to be logged, returns how many before it were not.
    pub(crate) fn count(&mut self, now: MonotonicTime) -> Option<u64> {
        if self.begun.is_none_or(|begun| now.since(begun) >= PERIOD) {
            (self.begun, self.told) = (Some(now), 0);
        }
        if self.told >= MOST_TOLD {
            self.untold += 1;
            return None;
        }
        self.told += 1;
        Some(std::mem::take(&mut self.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_are_told_and_the_others_counted() {
        let mut failures = Failures::default();
        let begin = MonotonicTime::from_secs(100);
        for _ in 0..MOST_TOLD {
            assert_eq!(failures.count(begin), Some(0));
        }
        for _ in 0..7 {
            assert_eq!(failures.count(begin + Duration::from_secs(59)), None);
        }
        assert_eq!(failures.count(begin + PERIOD), Some(7));
        assert_eq!(failures.count(begin + PERIOD), Some(0));
    }
}
