//! The clocks of the process, read only here: decisions take the time as a parameter.
//!
//! A [`MonotonicTime`] is `CLOCK_MONOTONIC`. Unlike `std::time::Instant`, it can be written down, and it stays valid
//! when the supervisor's image is replaced.

use std::{ops::Add, time::Duration};

use jiff::Timestamp;
use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// A point in time of the monotonic clock, for pauses and deadlines.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub(crate) struct MonotonicTime(Duration);

impl MonotonicTime {
    #[cfg(test)]
    pub(crate) const fn from_secs(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// The time that [`MonotonicTime::as_micros`] gave, in this process or another one.
    pub(crate) const fn from_micros(micros: u64) -> Self {
        Self(Duration::from_micros(micros))
    }

    /// For protocols that use the monotonic clock.
    pub(crate) fn as_micros(self) -> u128 {
        self.0.as_micros()
    }

    /// The time elapsed since `earlier`; zero if it lies in the future.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for MonotonicTime {
    type Output = Self;

    fn add(self, pause: Duration) -> Self {
        Self(self.0.saturating_add(pause))
    }
}

pub(crate) fn now() -> MonotonicTime {
    // Reading this clock cannot fail; a zero would only make a pause longer.
    MonotonicTime(clock_gettime(ClockId::CLOCK_MONOTONIC).map(Duration::from).unwrap_or_default())
}

/// The monotonic clock that continues while the machine is suspended.
pub(crate) fn boottime() -> MonotonicTime {
    MonotonicTime(clock_gettime(ClockId::CLOCK_BOOTTIME).map(Duration::from).unwrap_or_default())
}

/// The processor time that this thread has used.
pub(crate) fn of_this_thread() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map(Duration::from).unwrap_or_default()
}

/// The wall clock, for people and file names.
#[expect(clippy::disallowed_methods, reason = "the one reader of the wall clock")]
pub(crate) fn now_utc() -> Timestamp {
    Timestamp::now()
}
