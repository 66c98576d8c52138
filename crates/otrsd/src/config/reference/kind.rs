//! The kinds of values, and their bounds.

use std::{fmt, time::Duration};

use jiff::tz::TimeZone;
use sysconfig::Value;

/// The longest duration: sums of several stay within the range of clocks and columns.
pub(super) const LONGEST: u64 = 36_500 * 86_400;

/// What a value must be. Its text form is the wording of the handbook.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// Any text; the reader knows further conditions.
    Text,
    /// A whole number within bounds.
    Whole(i64, i64),
    /// Seconds, with fractions, up to [`LONGEST`].
    Seconds,
    /// Bytes, or with K, M or G.
    Bytes,
    /// A boolean as in Perl: empty and 0 are false, everything else is true.
    Truth,
    OneOf(&'static [&'static str]),
    /// A name in the machine's time-zone database.
    Zone,
    /// An absolute path.
    Path,
    Schedule,
    /// A program and its arguments.
    Argv,
    /// An array of texts.
    List,
    /// A hash of texts.
    Texts,
    Hash,
    Any,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text => f.write_str("text"),
            Self::Whole(0, 1) | Self::Truth => f.write_str("0 or 1"),
            Self::Whole(least, most) => write!(f, "whole number, {least} to {most}"),
            Self::Seconds => write!(f, "seconds, 0 to {LONGEST}"),
            Self::Bytes => f.write_str("bytes, or with K, M or G"),
            Self::OneOf(words) => match words.split_last() {
                Some((last, others)) if !others.is_empty() => {
                    write!(f, "{} or {last}", others.join(", "))
                }
                _ => f.write_str(&words.concat()),
            },
            Self::Zone => f.write_str("time zone"),
            Self::Path => f.write_str("absolute path"),
            Self::Schedule => f.write_str("schedule"),
            Self::Argv => f.write_str("array: program, arguments"),
            Self::List => f.write_str("array of texts"),
            Self::Texts => f.write_str("hash of texts"),
            Self::Hash => f.write_str("hash"),
            Self::Any => f.write_str("anything"),
        }
    }
}

/// A number that was limited to its bounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bounded<T> {
    pub(crate) value: T,
    /// Whether another number was written.
    pub(crate) is_held: bool,
}

/// A whole number of any length, limited to its bounds; `None` if it is no number, or negative where that is not
/// allowed.
pub(crate) fn whole(text: &str, least: i64, most: i64) -> Option<Bounded<i64>> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number || negative && least >= 0 {
        return None;
    }
    let number = text.parse().unwrap_or(if negative { i64::MIN } else { i64::MAX });
    let value = number.clamp(least, most);
    Some(Bounded { value, is_held: value != number })
}

/// Seconds, limited to the longest duration; `None` if it is no number, or negative.
pub(crate) fn seconds(text: &str) -> Option<Bounded<Duration>> {
    let longest = Duration::from_secs(LONGEST);
    let seconds: f64 = text.parse().ok().filter(|seconds| *seconds >= 0.0)?;
    let exact = Duration::try_from_secs_f64(seconds).ok().filter(|exact| *exact <= longest);
    Some(Bounded { value: exact.unwrap_or(longest), is_held: exact.is_none() })
}

/// Bytes; `None` if it is no number of bytes, or out of range.
pub(crate) fn bytes(text: &str) -> Option<u64> {
    let units = [('K', 10), ('M', 20), ('G', 30)];
    let unit = units.into_iter().find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, shift)));
    let (digits, shift) = unit.unwrap_or((text, 0));
    digits.parse::<u64>().ok()?.checked_mul(1 << shift)
}

/// A zone of the machine's database.
pub(crate) fn zone(name: &str) -> Option<TimeZone> {
    crate::config::time_zone(name).ok()
}

impl Kind {
    /// Why a value is not of this kind; `Ok` with the value that is used instead, if it is out of bounds. An empty text
    /// counts as not set.
    pub(crate) fn judge(self, value: &Value) -> Result<Option<String>, String> {
        let shape = match (self, value) {
            (_, Value::Undef)
            | (Self::Any, _)
            | (Self::Hash, Value::Map(_))
            | (Self::Argv, Value::Text(_)) => return Ok(None),
            (Self::Texts, Value::Map(map)) if map.values().all(is_text) => return Ok(None),
            (Self::List | Self::Argv, Value::List(list)) if list.iter().all(is_text) => {
                return Ok(None);
            }
            (Self::Hash, _) => "must be a hash",
            (Self::Texts, _) => "must be a hash of texts",
            (Self::List | Self::Argv, _) => "must be an array of texts",
            (_, Value::Text(text)) => return self.judge_text(text.trim()),
            (..) => "must be a text",
        };
        Err(shape.to_owned())
    }

    fn judge_text(self, text: &str) -> Result<Option<String>, String> {
        if text.is_empty() {
            return Ok(None);
        }
        let wrong = match self {
            Self::Whole(least, most) => match whole(text, least, most) {
                Some(number) => return Ok(number.is_held.then(|| held(text, number.value))),
                None => "must be a whole number",
            },
            Self::Seconds => match seconds(text) {
                Some(it) => return Ok(it.is_held.then(|| held(text, it.value.as_secs()))),
                None => "must be seconds",
            },
            Self::Bytes if bytes(text).is_none() => "must be bytes like 200M",
            Self::Zone if zone(text).is_none() => {
                return Err(format!(
                    "'{text}' is not in this machine's time-zone database; an example is Europe/Berlin"
                ));
            }
            Self::Path if !text.starts_with('/') => "must be an absolute path",
            Self::OneOf(words) if !words.iter().any(|it| it.eq_ignore_ascii_case(text)) => {
                return Err(format!("must be {self}, not '{text}'"));
            }
            _ => return Ok(None),
        };
        Err(format!("{wrong}, not '{text}'"))
    }
}

fn is_text(value: &Value) -> bool {
    value.as_text().is_some()
}

fn held(text: &str, used: impl fmt::Display) -> String {
    format!("'{text}' is out of bounds; {used} is used")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_held_to_their_bounds() {
        let huge = "9".repeat(400);
        for (text, least, most, expected) in [
            ("7", 1, 10, Some((7, false))),
            ("+7", 1, 10, Some((7, false))),
            ("0", 1, 10, Some((1, true))),
            ("11", 1, 10, Some((10, true))),
            (&huge, 0, i64::MAX, Some((i64::MAX, false))),
            (&huge, 0, 10, Some((10, true))),
            ("-5", -9, 9, Some((-5, false))),
            ("-18446744073709551615", -9, 9, Some((-9, true))),
            ("-1", 0, 9, None),
            ("1.5", 0, 9, None),
            ("", 0, 9, None),
            ("-", -9, 9, None),
            ("+-1", -9, 9, None),
            ("1e3", 0, 9, None),
        ] {
            let read = whole(text, least, most).map(|it| (it.value, it.is_held));
            assert_eq!(read, expected, "{text:.40}");
        }
    }

    #[test]
    fn durations_are_held_to_the_longest() {
        for (text, expected) in [
            ("0", Some((0.0, false))),
            ("0.25", Some((0.25, false))),
            ("3153600000", Some((3_153_600_000.0, false))),
            ("3153600001", Some((3_153_600_000.0, true))),
            ("999999999999", Some((3_153_600_000.0, true))),
            ("1e308", Some((3_153_600_000.0, true))),
            ("1e999", Some((3_153_600_000.0, true))),
            ("-1", None),
            ("NaN", None),
            ("-inf", None),
            ("soon", None),
        ] {
            let read = seconds(text).map(|it| (it.value.as_secs_f64(), it.is_held));
            assert_eq!(read, expected, "{text}");
        }
    }

    #[test]
    fn bytes_have_units() {
        for (text, expected) in [
            ("0", Some(0)),
            ("200M", Some(200 << 20)),
            ("1K", Some(1024)),
            ("2G", Some(2 << 30)),
            ("99999999999G", None),
            ("-1", None),
            ("M", None),
            ("1T", None),
        ] {
            assert_eq!(bytes(text), expected, "{text}");
        }
    }
}
