//! Times for people: parsed as they type them, shown in their zone; and ages.

use jiff::{SignedDuration, Span, Timestamp, Zoned, civil::DateTime, tz::TimeZone};
use task_store::Execution;

use crate::clock;

/// The accepted forms of a time, for help and errors.
pub(crate) const FORMS: &str = "2026-12-24T18:00:00Z, '2026-12-24 18:00' (your zone), +10m, -7d";

/// Parses a time given as an argument.
pub(crate) fn argument(text: &str) -> Result<Timestamp, String> {
    parse(text, &clock::now_utc().to_zoned(TimeZone::system()))
        .ok_or_else(|| format!("no time; expected something like {FORMS}"))
}

/// An offset needs its sign: `--before 7d` could mean either side of now.
fn parse(text: &str, now: &Zoned) -> Option<Timestamp> {
    if text.starts_with(['+', '-']) {
        let span: Span = text.parse().ok()?;
        return now.checked_add(span).ok().map(|time| time.timestamp());
    }
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some(instant);
    }
    let civil: DateTime = text.parse().ok()?;
    civil.to_zoned(now.time_zone().clone()).ok().map(|time| time.timestamp())
}

/// In the user's zone, to the second.
pub(crate) fn local(time: Timestamp) -> String {
    time.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// The two largest units since then: `2d 3h`, `5m 10s`, `7s`.
pub(crate) fn age(since: Timestamp, now: Timestamp) -> String {
    units(now.duration_since(since))
}

/// The two largest units of a duration.
pub(crate) fn units(duration: SignedDuration) -> String {
    let seconds = duration.max(SignedDuration::ZERO).as_secs();
    match (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60) {
        (0, 0, 0, s) => format!("{s}s"),
        (0, 0, m, s) => format!("{m}m {s}s"),
        (0, h, m, _) => format!("{h}h {m}m"),
        (d, h, ..) => format!("{d}d {h}h"),
    }
}

/// Duration, processor time and memory for display; empty where not measured.
pub(crate) fn costs(execution: &Execution) -> [String; 3] {
    let took = execution.ended.duration_since(execution.started);
    let took = if took.as_secs() < 10 {
        format!("{}.{:03}s", took.as_secs(), took.subsec_millis().max(0))
    } else {
        units(took)
    };
    let cpu = execution.cpu.map_or_else(String::new, |cpu| format!("{:.2}s", cpu.as_secs_f64()));
    let memory = execution.peak_memory.map(|kb| format!("{} MB", kb.div_ceil(1024)));
    [took, cpu, memory.unwrap_or_default()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_have_their_two_largest_units() {
        let start = Timestamp::UNIX_EPOCH;
        for (seconds, expected) in
            [(-5, "0s"), (7, "7s"), (310, "5m 10s"), (3600, "1h 0m"), (183_600, "2d 3h")]
        {
            assert_eq!(age(start, start + SignedDuration::from_secs(seconds)), expected);
        }
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        // An hour before the clocks of Berlin go back.
        let now: Zoned = "2026-10-25T01:30:00+02:00[Europe/Berlin]".parse().unwrap();
        for (text, expected) in [
            ("2026-12-24T18:00:00Z", Some("2026-12-24T18:00:00Z")),
            ("2026-12-24T18:00:00+01:00", Some("2026-12-24T17:00:00Z")),
            ("2026-12-24 18:00", Some("2026-12-24T17:00:00Z")),
            ("2026-12-24T18:00:05", Some("2026-12-24T17:00:05Z")),
            ("2026-12-24", Some("2026-12-23T23:00:00Z")),
            ("+10m", Some("2026-10-24T23:40:00Z")),
            ("+1h30m", Some("2026-10-25T01:00:00Z")),
            ("-1d", Some("2026-10-23T23:30:00Z")),
            ("+1 day", Some("2026-10-26T00:30:00Z")),
            ("10m", None),
            ("7d", None),
            ("soon", None),
            ("", None),
            ("+", None),
            ("+9999999999999999h", None),
            ("2026-13-01", None),
        ] {
            let expected = expected.map(|time| time.parse::<Timestamp>().unwrap());
            assert_eq!(parse(text, &now), expected, "{text}");
        }
    }
}
