//! Any text, any instant, in both dialects and three kinds of zones: nothing panics, and next and
//! previous stay inverse.

#![no_main]

use cron_events::{Dialect, Schedule};
use jiff::tz::{self, TimeZone};
use jiff::{SignedDuration, Timestamp};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (i64, u8, &str)| {
    let (second, choice, text) = input;
    let Ok(at) = Timestamp::from_second(second) else { return };
    let zone = match choice % 4 {
        0 => TimeZone::UTC,
        1 => TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap(),
        2 => TimeZone::posix("LHST-10:30LHDT-11,M10.1.0,M4.1.0").unwrap(),
        _ => TimeZone::fixed(tz::offset(-11)),
    };
    let dialect = if choice & 4 == 0 { Dialect::Perl } else { Dialect::Vixie };
    let Ok(schedule) = Schedule::parse(text, dialect) else { return };
    let previous = schedule.previous(at, &zone);
    let next = schedule.next(at, &zone);
    if let Some(next) = next {
        assert!(next.instant > at);
        assert_eq!(schedule.previous(next.instant, &zone), Some(next));
    }
    if let Some(previous) = previous {
        assert!(previous.instant <= at);
        assert_eq!(schedule.next(previous.instant, &zone), next);
        let before = previous.instant.checked_sub(SignedDuration::from_secs(1));
        assert!(before.is_err() || schedule.next(before.unwrap(), &zone) == Some(previous));
    }
});
