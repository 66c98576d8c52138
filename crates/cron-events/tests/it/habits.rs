//! Single facts: where the Perl module fails and we do not follow, what cronie's day rule means, and
//! dates that are rare or never come.

use cron_events::{Dialect, Error, Schedule};
use jiff::Timestamp;
use jiff::tz::TimeZone;

#[test]
fn where_the_perl_module_fails() {
    // The module's answers: 2026-11-20 05:00, 2026-02-01 (both past), 2026-12-00, and death.
    next(Dialect::Perl, "0 5,5 * * *", "2026-11-20T05:30:00Z", "2026-11-21T05:00:00Z");
    next(Dialect::Perl, "0 0 1 2,2 *", "2026-02-15T00:00:00Z", "2027-02-01T00:00:00Z");
    next(Dialect::Perl, "0 0 *,* * 1", "2026-11-30T12:00:00Z", "2026-12-01T00:00:00Z");
    next(Dialect::Perl, "0 0 29 2 *", "2096-03-01T00:00:00Z", "2104-02-29T00:00:00Z");
    assert!(Schedule::parse("0 0 0,0 * *", Dialect::Perl).is_err());
    assert!(Schedule::parse("0-999999999 * * * *", Dialect::Perl).is_err());
    // A value above the field may be taken away again; the module agrees (see the table).
    assert!(Schedule::parse("5,60,!60 * * * *", Dialect::Perl).is_ok());
}

#[test]
fn the_managers_ask_for_the_previous_minute_inclusively() {
    for dialect in [Dialect::Perl, Dialect::Vixie] {
        previous(dialect, "*/10 * * * *", "2026-11-23T12:10:00Z", "2026-11-23T12:10:00Z");
        previous(dialect, "*/10 * * * *", "2026-11-23T12:10:59.999Z", "2026-11-23T12:10:00Z");
        previous(dialect, "*/10 * * * *", "2026-11-23T12:09:59.999Z", "2026-11-23T12:00:00Z");
        next(dialect, "*/10 * * * *", "2026-11-23T12:10:00Z", "2026-11-23T12:20:00Z");
        next(dialect, "*/10 * * * *", "2026-11-23T12:09:59.999Z", "2026-11-23T12:10:00Z");
        previous(dialect, "0 * * * *", "1969-12-31T23:59:59.5Z", "1969-12-31T23:00:00Z");
        next(dialect, "0 0 * * *", "1969-12-31T23:59:59.5Z", "1970-01-01T00:00:00Z");
    }
}

/// Both day fields, or either: what cronnext gets wrong and crond does.
#[test]
fn an_open_day_field_makes_both_count() {
    let from = "2026-11-01T12:00:00Z";
    next(Dialect::Vixie, "0 0 */2 * 1", from, "2026-11-09T00:00:00Z");
    next(Dialect::Vixie, "0 0 1-31/2 * 1", from, "2026-11-02T00:00:00Z");
    next(Dialect::Vixie, "0 0 16 * */2", from, "2027-01-16T00:00:00Z");
    next(Dialect::Vixie, "0 0 13 * fri", from, "2026-11-06T00:00:00Z");
    // Only a bare star is open to the Perl module.
    next(Dialect::Perl, "0 0 */2 * 1", from, "2026-11-02T00:00:00Z");
}

#[test]
fn names_sundays_and_nicknames() {
    let from = "2026-11-23T12:00:00Z"; // a Monday
    next(Dialect::Vixie, "0 0 * * fri-sun", from, "2026-11-27T00:00:00Z");
    next(Dialect::Vixie, "0 0 * * Sat-7", from, "2026-11-28T00:00:00Z");
    next(Dialect::Vixie, "0 0 1 Feb-apr/2 *", from, "2027-02-01T00:00:00Z");
    next(Dialect::Vixie, "@weekly", from, "2026-11-29T00:00:00Z");
    next(Dialect::Vixie, "@annually", from, "2027-01-01T00:00:00Z");
    next(Dialect::Vixie, "30 0 12 * * *", from, "2026-11-23T12:00:30Z");
    next(Dialect::Vixie, " */15 * * * * * ", from, "2026-11-23T12:00:15Z");
}

#[test]
fn rare_dates_come_and_impossible_ones_are_errors() {
    // 29 February on a Sunday: the star makes both count; 2100 is no leap year.
    let sunday = "0 0 29 2 */7";
    next(Dialect::Vixie, sunday, "2026-01-01T00:00:00Z", "2032-02-29T00:00:00Z");
    next(Dialect::Vixie, sunday, "2088-02-29T00:00:00Z", "2128-02-29T00:00:00Z");
    previous(Dialect::Vixie, sunday, "2128-02-28T00:00:00Z", "2088-02-29T00:00:00Z");
    for dialect in [Dialect::Perl, Dialect::Vixie] {
        for text in ["0 0 31 2 *", "0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 0 30-31 2 *"] {
            let error = Schedule::parse(text, dialect).unwrap_err();
            assert!(matches!(error, Error::Impossible { .. }), "{text}: {error}");
        }
        // A weekday beside it is enough.
        next(dialect, "0 0 31 2 1", "2026-11-23T12:00:00Z", "2027-02-01T00:00:00Z");
    }
}

#[test]
fn time_ends_without_a_panic() {
    let schedule = Schedule::parse("0 0 1 1 *", Dialect::Vixie).unwrap();
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    assert_eq!(schedule.next(Timestamp::MAX, &zone), None);
    assert_eq!(schedule.previous(Timestamp::MIN, &zone), None);
    let last = schedule.previous(Timestamp::MAX, &zone).unwrap();
    assert_eq!(last.instant.to_string(), "9998-12-31T23:00:00Z");
    assert_eq!(schedule.next(last.instant, &zone), None);
    assert!(schedule.next(Timestamp::MIN, &zone).is_some());
    // The last second of all still knows the change of the clocks before it.
    let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
    let summer = Schedule::parse("0 12 1 7 *", Dialect::Vixie).unwrap();
    let last = summer.previous(Timestamp::MAX, &zone).unwrap();
    assert_eq!(last.instant.to_string(), "9999-07-01T10:00:00Z");
}

fn next(dialect: Dialect, text: &str, after: &str, expected: &str) {
    let schedule = Schedule::parse(text, dialect).unwrap();
    let due = schedule.next(after.parse().unwrap(), &TimeZone::UTC).unwrap();
    assert_eq!(due.instant.to_string(), expected, "next of {text} after {after}");
}

fn previous(dialect: Dialect, text: &str, at: &str, expected: &str) {
    let schedule = Schedule::parse(text, dialect).unwrap();
    let due = schedule.previous(at.parse().unwrap(), &TimeZone::UTC).unwrap();
    assert_eq!(due.instant.to_string(), expected, "previous of {text} at {at}");
}
