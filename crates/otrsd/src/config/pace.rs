//! The pace of a module: how often it runs its rounds, and when it is discarded.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The pause after each round and the time until the discard; a value that is not given is the default.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct Pace {
    /// Pause after a round. Default 1 s.
    pub sleep_post: Option<Duration>,
    /// Time after which the module is discarded, counted in rounds: `discard / sleep_post` rounds, as in the original.
    /// Default 1 h.
    pub discard: Option<Duration>,
}

impl Pace {
    /// A pace in whole seconds.
    pub const fn seconds(sleep_post: u64, discard: u64) -> Self {
        Self {
            sleep_post: Some(Duration::from_secs(sleep_post)),
            discard: Some(Duration::from_secs(discard)),
        }
    }

    /// This pace, with missing values taken from `other`.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            sleep_post: self.sleep_post.or(other.sleep_post),
            discard: self.discard.or(other.discard),
        }
    }

    pub(crate) fn pause(self) -> Duration {
        self.sleep_post.unwrap_or(Duration::from_secs(1))
    }

    /// The number of rounds until the discard: at least one.
    pub(crate) fn rounds(self) -> u64 {
        let discard = self.discard.unwrap_or(Duration::from_hours(1));
        // Without a pause only the number of rounds limits the run; a millisecond keeps it finite.
        let pause = self.pause().max(Duration::from_millis(1));
        u64::try_from(discard.as_nanos().div_ceil(pause.as_nanos())).unwrap_or(u64::MAX).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_has_as_many_rounds_as_pauses_fit_into_it() {
        for (sleep_post, discard, rounds) in [
            (Some(2.0), Some(3600.0), 1800),
            (Some(0.5), Some(2.0), 4),
            (Some(3.0), Some(4.0), 2),
            (Some(10.0), Some(1.0), 1),
            (Some(1.0), Some(0.0), 1),
            (Some(0.0), Some(1.0), 1000),
            (None, None, 3600),
        ] {
            let seconds = |time: Option<f64>| time.map(Duration::from_secs_f64);
            let pace = Pace { sleep_post: seconds(sleep_post), discard: seconds(discard) };
            assert_eq!(pace.rounds(), rounds, "{pace:?}");
        }
    }

    #[test]
    fn a_registration_fills_what_it_gives() {
        let given = Pace { sleep_post: Some(Duration::from_secs(5)), discard: None };
        assert_eq!(given.or(Pace::seconds(2, 60)), Pace::seconds(5, 60));
    }
}
