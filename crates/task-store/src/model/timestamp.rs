//! Times in the original's columns: wall clock text in the installation's time zone, written by the client.
//! Our own columns hold microseconds of UTC since 1970, which no clock change can bend.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, TimestampArithmetic};

const FORMAT: &str = "%Y-%m-%d %H:%M:%S";

/// In each zone after the first second that every database's columns hold, that of the year 1000.
const FIRST: Timestamp = Timestamp::constant(-30_610_051_200, 0);

/// The text for a column of the original, whole seconds; a time before the year 1000 is that year.
pub fn wall_clock(time: Timestamp, zone: &TimeZone) -> String {
    time.max(FIRST).to_zoned(zone.clone()).strftime(FORMAT).to_string()
}

/// Reads a column of the original. A time that happened twice is its first, one that never happened is
/// moved by the jump, one that no clock of ours can show is the first or the last; `None` for what is no time.
pub fn from_wall_clock(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let civil: DateTime = text.parse().ok().filter(|_| text.len() == 19)?;
    let end = if civil.year() > 0 { Timestamp::MAX } else { Timestamp::MIN };
    Some(zone.to_ambiguous_zoned(civil).compatible().map_or(end, |zoned| zoned.timestamp()))
}

/// Microseconds since 1970 as our tables hold them.
pub fn from_micros(micros: i64) -> Option<Timestamp> {
    Timestamp::from_microsecond(micros).ok()
}

/// The time that lies `by` after `time`; beyond the last one that there is, that one. Everything that adds a
/// duration from outside to a time does it by this: the sum of two good values may be none.
pub fn later(time: Timestamp, by: impl Into<TimestampArithmetic>) -> Timestamp {
    time.saturating_add(by).unwrap_or(Timestamp::MAX)
}

/// The time that lies `by` before `time`; before the first one that there is, that one.
pub fn earlier(time: Timestamp, by: impl Into<TimestampArithmetic>) -> Timestamp {
    time.saturating_sub(by).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn sums_of_extremes_are_the_last_and_the_first_time() {
        let now = Timestamp::UNIX_EPOCH;
        for (by, expected) in [
            (Duration::ZERO, now),
            (Duration::from_secs(1), Timestamp::from_second(1).unwrap()),
            (Duration::from_secs(999_999_999_999), Timestamp::MAX),
            (Duration::MAX, Timestamp::MAX),
        ] {
            assert_eq!(later(now, by), expected, "{by:?}");
        }
        assert_eq!(later(Timestamp::MAX, Duration::from_nanos(1)), Timestamp::MAX);
        assert_eq!(earlier(now, Duration::MAX), Timestamp::MIN);
        assert_eq!(earlier(Timestamp::MIN, Duration::from_nanos(1)), Timestamp::MIN);
    }

    #[test]
    fn columns_hold_every_time() {
        for (time, text) in [
            (Timestamp::MIN, "1000-01-03 00:00:00"),
            (Timestamp::UNIX_EPOCH, "1970-01-01 00:00:00"),
            (Timestamp::MAX, "9999-12-30 22:00:00"),
        ] {
            let written = wall_clock(time, &TimeZone::UTC);
            assert_eq!(written, text);
            assert!(from_wall_clock(&written, &TimeZone::UTC).is_some());
        }
    }
}
