//! The vixie dialect against cronie's own parser: a table that its `cronnext` filled.

use cron_events::{Dialect, Schedule};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// `generate-cronie.pl` describes the columns.
#[test]
fn cronnext_says_the_same() {
    let (mut due, mut refused) = (0, 0);
    for row in include_str!("../oracle/cronie.txt").lines() {
        let columns: Vec<&str> = row.split('\t').collect();
        let parsed = Schedule::parse(columns[0], Dialect::Vixie);
        if columns[2] == "-" {
            assert!(parsed.is_err(), "{row}");
            refused += 1;
            continue;
        }
        let schedule = parsed.unwrap_or_else(|error| panic!("{row}: {error}"));
        let start: i64 = columns[1].parse().unwrap();
        let after = Timestamp::from_second(start).unwrap();
        let next = schedule.next(after, &TimeZone::UTC).unwrap().instant.as_second();
        assert_eq!(((next - (start - start % 60)) / 60).to_string(), columns[2], "{row}");
        due += 1;
    }
    assert!(due > 3_000 && refused > 300, "{due} due, {refused} refused");
}
