//! Every change of the clocks from 2020 to 2030 in a dozen zones, minute by minute, against a
//! simulation of crond's own loop. Needs the host's time zones (Debian package tzdata).

use crate::reference::{Reference, offset};
use cron_events::{Dialect, Schedule};
use jiff::Timestamp;
use jiff::tz::TimeZone;

const ZONES: [&str; 12] = [
    "Europe/Berlin",
    "America/New_York",
    "America/Sao_Paulo",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Africa/Casablanca",
    "Pacific/Apia",
    "America/St_Johns",
    "Africa/Cairo",
    "Asia/Tehran",
    "Antarctica/Troll",
    "UTC",
];

/// Fixed and wildcard, inside, across and at the edges of the usual changes.
const SCHEDULES: [&str; 24] = [
    "* * * * *",
    "*/20 * * * *",
    "5 * * * *",
    "0 * * * *",
    "0 */2 * * *",
    "*/20 2 * * *",
    "30 2 * * *",
    "0 2 * * *",
    "0 3 * * *",
    "0 2,3 * * *",
    "0,15,30,45 1-3 * * *",
    "59 1 * * *",
    "59 2 * * *",
    "0 0 * * *",
    "59 23 * * *",
    "30 0-23 * * *",
    "0-59/7 0-23/3 * * *",
    "30 1 * * 0",
    "15 2 25-31 3,10 *",
    "15 2 */2 * 0",
    "45 1 1-7 * 0",
    "0 1 1 * 5",
    "30 3 31 * 6,0",
    "0 5 * 3-4,9-11 0,7",
];

#[test]
fn every_change_of_ten_years_in_a_dozen_zones_equals_crond() {
    let mut changes = 0;
    for name in ZONES {
        let zone = TimeZone::get(name).unwrap();
        let first = "2020-01-01T00:00:00Z".parse().unwrap();
        let last: Timestamp = "2031-01-01T00:00:00Z".parse().unwrap();
        let mut instants: Vec<i64> = zone
            .following(first)
            .map(|change| change.timestamp().as_second())
            .take_while(|&second| second < last.as_second())
            .collect();
        changes += instants.len();
        // Zones that leave their clocks alone are walked at some ordinary time.
        instants.push(1_774_746_000);
        for second in instants {
            compare(name, &zone, second / 60);
        }
    }
    assert!(changes > 140, "only {changes} changes: is the host's tzdata complete?");
}

fn compare(name: &str, zone: &TimeZone, change: i64) {
    let (from, to) = (change - 27 * 60, change + 27 * 60);
    let minutes: Vec<(i64, i64)> =
        (from..=to).map(|minute| (minute, minute + offset(zone, minute * 60) / 60)).collect();
    for text in SCHEDULES {
        let expected = Reference::new(text).crond(&minutes);
        let schedule = Schedule::parse(text, Dialect::Vixie).unwrap();
        let after = Timestamp::from_second(from * 60).unwrap();
        let at = Timestamp::from_second(to * 60).unwrap();
        let minute = |second: i64| {
            assert_eq!(second % 60, 0);
            second / 60
        };
        let forwards: Vec<i64> = schedule
            .following(after, zone)
            .map(|due| minute(due.instant.as_second()))
            .take_while(|&due| due <= to)
            .collect();
        assert_eq!(forwards, expected, "{text} in {name} after {after}");
        let mut backwards: Vec<i64> = schedule
            .preceding(at, zone)
            .map(|due| minute(due.instant.as_second()))
            .take_while(|&due| due > from)
            .collect();
        backwards.reverse();
        assert_eq!(backwards, expected, "{text} in {name} up to {at}");
    }
}

#[test]
fn seconds_follow_the_same_rule() {
    let schedules = ["*/20 30 2 * * *", "7,50 0-59/30 1-3 * * *", "30 * * * * *", "1 59 1 * * *"];
    for (name, change) in [
        ("Europe/Berlin", "2026-03-29T01:00:00Z"),
        ("Europe/Berlin", "2026-10-25T01:00:00Z"),
        ("Australia/Lord_Howe", "2026-10-03T15:30:00Z"),
        ("Australia/Lord_Howe", "2026-04-04T15:00:00Z"),
    ] {
        let zone = TimeZone::get(name).unwrap();
        let change: Timestamp = change.parse().unwrap();
        let (from, to) = (change.as_second() - 7_500, change.as_second() + 7_500);
        for text in schedules {
            let expected = Reference::new(text).seconds(&zone, from, to);
            let schedule = Schedule::parse(text, Dialect::Vixie).unwrap();
            let forwards: Vec<i64> = schedule
                .following(Timestamp::from_second(from).unwrap(), &zone)
                .map(|due| due.instant.as_second())
                .take_while(|&due| due <= to)
                .collect();
            assert_eq!(forwards, expected, "{text} in {name}");
        }
    }
}

/// Each due instant within hours of a change, forwards and backwards: nothing at the jump, and an hour later what
/// was skipped.
#[test]
fn skipped_times_can_be_moved_by_an_hour() {
    for (zone, text, from, expected) in [
        ("Europe/Berlin", "30 2 * * *", "2027-03-27T23:00Z", "03:30"),
        ("Europe/Berlin", "30 3 * * *", "2027-03-27T23:00Z", "03:30"),
        ("Europe/Berlin", "30 2,3 * * *", "2027-03-27T23:00Z", "03:30"),
        ("Europe/Berlin", "55 */2 * * *", "2027-03-27T23:00Z", "00:55 03:55 04:55"),
        ("Europe/Berlin", "5 * * * *", "2027-03-27T23:00Z", "00:05 01:05 03:05 04:05 05:05"),
        ("Europe/Berlin", "3,33 2 * * *", "2027-03-27T23:00Z", "03:03 03:33"),
        ("Australia/Lord_Howe", "15 2 * * *", "2027-10-02T13:30Z", "03:15"),
        ("Australia/Lord_Howe", "*/15 2 * * *", "2027-10-02T13:30Z", "02:30 02:45 03:00 03:15"),
        // The clocks go back as ever.
        ("Europe/Berlin", "30 2 * * *", "2027-10-30T22:00Z", "02:30"),
        ("Europe/Berlin", "5 * * * *", "2027-10-30T22:00Z", "00:05 01:05 02:05 02:05 03:05"),
    ] {
        let zone = TimeZone::get(zone).unwrap();
        let schedule = Schedule::parse(text, Dialect::Vixie).unwrap().moving_skipped();
        let after: Timestamp = from.parse().unwrap();
        let to = after + jiff::SignedDuration::from_hours(5);
        let forwards = schedule.following(after, &zone).take_while(|due| due.instant <= to);
        let mut backwards: Vec<_> =
            schedule.preceding(to, &zone).take_while(|due| due.instant > after).collect();
        backwards.reverse();
        let forwards: Vec<_> = forwards.collect();
        assert_eq!(forwards, backwards, "{text}");
        let clock = forwards.iter().map(|due| {
            let civil = due.instant.to_zoned(zone.clone());
            civil.strftime("%H:%M").to_string()
        });
        assert_eq!(clock.collect::<Vec<_>>().join(" "), expected, "{text}");
    }
}

/// What `otrsd cron next` tells people.
#[test]
fn notes_say_what_the_clocks_did() {
    let rows = [
        ("30 2 * * *", "2026-03-29T01:00Z", "the clocks skip 2026-03-29 02:30:00: due at the jump"),
        (
            "0,30 2 * * *",
            "2026-03-29T01:00Z",
            "the clocks skip 2026-03-29 02:00:00: due at the jump",
        ),
        (
            "0 2,3 * * *",
            "2026-03-29T01:00Z",
            "the clocks skip 2026-03-29 02:00:00: due at the jump",
        ),
        ("0 3 * * *", "2026-03-29T01:00Z", ""),
        ("0 * * * *", "2026-03-29T01:00Z", ""),
        (
            "30 2 * * *",
            "2026-10-25T00:30Z",
            "the clocks show this time twice: due the first time only",
        ),
        ("30 * * * *", "2026-10-25T00:30Z", "the clocks show this time twice: the first of two"),
        ("30 * * * *", "2026-10-25T01:30Z", "the clocks show this time twice: the second of two"),
        ("0 3 * * *", "2026-10-25T02:00Z", ""),
        ("30 1 * * *", "2026-10-24T23:30Z", ""),
    ];
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    for (text, instant, note) in rows {
        let instant: Timestamp = instant.parse().unwrap();
        for dialect in [Dialect::Perl, Dialect::Vixie] {
            let schedule = Schedule::parse(text, dialect).unwrap();
            let due = schedule.previous(instant, &zone).unwrap();
            assert_eq!(due.instant, instant, "{text}");
            assert_eq!(due.note.map(|note| note.to_string()).unwrap_or_default(), note, "{text}");
            let before = instant - jiff::SignedDuration::from_nanos(1);
            assert_eq!(schedule.next(before, &zone), Some(due), "{text}");
        }
    }
}

/// A whole day without clocks: larger than crond would mend.
#[test]
fn samoa_had_no_30_december_2011() {
    let zone = TimeZone::get("Pacific/Apia").unwrap();
    let schedule = Schedule::parse("0 12 30 12 *", Dialect::Vixie).unwrap();
    let after = "2011-12-01T00:00:00Z".parse().unwrap();
    let due = schedule.next(after, &zone).unwrap();
    assert_eq!(due.instant.to_zoned(zone).datetime().to_string(), "2011-12-31T00:00:00");
}
