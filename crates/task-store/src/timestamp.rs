//! Times in the original's columns: wall clock text in the installation's time zone, written by the client.
//! Our own columns hold microseconds of UTC since 1970, which no clock change can bend.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

const FORMAT: &str = "%Y-%m-%d %H:%M:%S";

/// The text for a column of the original, whole seconds.
pub fn wall_clock(time: Timestamp, zone: &TimeZone) -> String {
    time.to_zoned(zone.clone()).strftime(FORMAT).to_string()
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
