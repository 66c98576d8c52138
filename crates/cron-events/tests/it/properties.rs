//! What holds for every schedule: next and previous are inverse, the dialects agree where their
//! grammars do, and no text makes anything panic.

use crate::reference::Reference;
use cron_events::{Dialect, Occurrence, Schedule};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof, proptest};
use proptest::{prop_assert, prop_assert_eq};

const ZONES: [&str; 6] = [
    "UTC",
    "Europe/Berlin",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "Antarctica/Troll",
    "America/St_Johns",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_text_panics(text in "\\PC{0,60}", second in any::<i64>()) {
        try_all(&text, second);
    }

    #[test]
    fn no_text_of_cron_letters_panics(
        text in "[-0-9*/,!<>~@a-z ]{0,40}( [-0-9*/,!<>]{1,8}){0,7}",
        second in any::<i64>(),
    ) {
        try_all(&text, second);
    }

    #[test]
    fn next_and_previous_are_inverse(
        text in schedule(),
        zone in 0..ZONES.len(),
        second in 0_i64..4_102_444_800,
        nanosecond in 0..1_000_000_000,
        moves in any::<bool>(),
    ) {
        let zone = TimeZone::get(ZONES[zone]).unwrap();
        let at = Timestamp::new(second, nanosecond).unwrap();
        let Ok(schedule) = Schedule::parse(&text, Dialect::Vixie) else { return Ok(()) };
        let schedule = if moves { schedule.moving_skipped() } else { schedule };
        let next = schedule.next(at, &zone).unwrap();
        let previous = schedule.previous(at, &zone).unwrap();
        prop_assert!(previous.instant <= at && at < next.instant);
        prop_assert_eq!(schedule.previous(next.instant, &zone), Some(next));
        prop_assert_eq!(schedule.previous(just_before(next), &zone), Some(previous));
        prop_assert_eq!(schedule.next(just_before(previous), &zone), Some(previous));
        prop_assert_eq!(schedule.next(previous.instant, &zone), Some(next));
    }

    #[test]
    fn every_minute_of_two_days_equals_the_reference(text in schedule(), day in 0_i64..40_000) {
        let Ok(schedule) = Schedule::parse(&text, Dialect::Vixie) else { return Ok(()) };
        let (from, to) = (day * 86_400, (day + 2) * 86_400);
        let reference = Reference::new(&text);
        let expected: Vec<i64> =
            (from + 60..=to).step_by(60).filter(|&second| reference.names(second)).collect();
        let utc = TimeZone::UTC;
        let due: Vec<i64> = schedule
            .following(Timestamp::from_second(from).unwrap(), &utc)
            .map(|due| due.instant.as_second())
            .take_while(|&due| due <= to)
            .collect();
        prop_assert_eq!(due, expected);
    }

    #[test]
    fn the_dialects_agree_on_what_both_know(
        fields in (list(0, 59), list(0, 23), list(1, 31), list(1, 12), list(0, 6)),
        open in (any::<bool>(), any::<bool>()),
    ) {
        let (minute, hour, mut day, month, mut weekday) = fields;
        if open.0 { day = "*".to_owned() }
        if open.1 { weekday = "*".to_owned() }
        let text = format!("{minute} {hour} {day} {month} {weekday}");
        let (perl, vixie) =
            (Schedule::parse(&text, Dialect::Perl), Schedule::parse(&text, Dialect::Vixie));
        prop_assert_eq!(perl.is_ok(), vixie.is_ok());
        let (Ok(perl), Ok(vixie)) = (perl, vixie) else { return Ok(()) };
        let (utc, start) = (TimeZone::UTC, Timestamp::from_second(1_700_000_000).unwrap());
        let of = |schedule: &Schedule| schedule.following(start, &utc).take(20).collect::<Vec<_>>();
        prop_assert_eq!(of(&perl), of(&vixie));
    }
}

fn try_all(text: &str, second: i64) {
    let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
    let earliest = Timestamp::MIN.as_second();
    let span = Timestamp::MAX.as_second() - earliest;
    let at = Timestamp::from_second(earliest + second.rem_euclid(span)).unwrap();
    for dialect in [Dialect::Perl, Dialect::Vixie] {
        match Schedule::parse(text, dialect) {
            Ok(schedule) => {
                assert!(schedule.next(at, &zone).is_none_or(|due| due.instant > at));
                assert!(schedule.previous(at, &zone).is_none_or(|due| due.instant <= at));
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}

fn just_before(due: Occurrence) -> Timestamp {
    due.instant - SignedDuration::from_nanos(1)
}

/// Dense, sparse and impossible ones, all in the grammar that the reference reads.
fn schedule() -> impl Strategy<Value = String> {
    let field = |low, high| prop_oneof![2 => Just("*".to_owned()), 3 => list(low, high), 1 => stepped(high)];
    (field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 7)).prop_map(
        |(minute, hour, day, month, weekday)| format!("{minute} {hour} {day} {month} {weekday}"),
    )
}

fn stepped(high: u32) -> impl Strategy<Value = String> {
    (1..=high).prop_map(|step| format!("*/{step}"))
}

fn list(low: u32, high: u32) -> impl Strategy<Value = String> {
    let number = (low..=high).prop_map(|value| value.to_string());
    let range = (low..=high, low..=high, 1_u32..9).prop_map(|(a, b, step)| match step {
        1..4 => format!("{}-{}", a.min(b), a.max(b)),
        _ => format!("{}-{}/{step}", a.min(b), a.max(b)),
    });
    proptest::collection::vec(prop_oneof![number, range], 1..4).prop_map(|all| all.join(","))
}
