//! The clocks, read here and nowhere else: decisions take the time as a parameter.
//!
//! A [`Moment`] is `CLOCK_MONOTONIC`, so it goes on across a replaced supervisor image and can be
//! written down, which `std::time::Instant` cannot.

use std::{ops::Add, time::Duration};

use jiff::Timestamp;
use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// A point of the monotonic clock, for pauses and deadlines.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub(crate) struct MonotonicTime(Duration);

impl MonotonicTime {
    #[cfg(test)]
    pub(crate) const fn from_secs(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// Of what [`Moment::as_micros`] said, in another process too.
    pub(crate) const fn from_micros(micros: u64) -> Self {
        Self(Duration::from_micros(micros))
    }

    /// For protocols that speak of the monotonic clock.
    pub(crate) fn as_micros(self) -> u128 {
        self.0.as_micros()
    }

    /// How long ago `earlier` was; zero if it lies ahead.
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

/// The monotonic clock now.
pub(crate) fn now() -> MonotonicTime {
    // The kernel refuses no reader this clock; a zero would only make a pause longer.
    MonotonicTime(clock_gettime(ClockId::CLOCK_MONOTONIC).map(Duration::from).unwrap_or_default())
}

/// The monotonic clock that goes on while the machine is suspended.
pub(crate) fn boottime() -> MonotonicTime {
    MonotonicTime(clock_gettime(ClockId::CLOCK_BOOTTIME).map(Duration::from).unwrap_or_default())
}

/// The processor time that this thread has used.
pub(crate) fn of_this_thread() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map(Duration::from).unwrap_or_default()
}

/// The wall clock now, for people and file names.
#[expect(clippy::disallowed_methods, reason = "the one reader of the wall clock")]
pub(crate) fn now_utc() -> Timestamp {
    Timestamp::now()
}
