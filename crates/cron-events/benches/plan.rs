//! Plans a year of 1,000 random schedules, and fails if that takes longer than the 2 s promised.

#![expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark reports and may fail")]

use cron_events::{Dialect, Schedule};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::time::{Duration, Instant};

const PROMISED: Duration = Duration::from_secs(2);

fn main() {
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    let from: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let until: Timestamp = "2027-01-01T00:00:00Z".parse().unwrap();
    let texts = random_schedules(1_000);

    let started = Instant::now();
    let parsed: Vec<Schedule> =
        texts.iter().map(|text| Schedule::parse(text, Dialect::Vixie).unwrap()).collect();
    let parsing = started.elapsed();

    let started = Instant::now();
    let due: usize = parsed
        .iter()
        .map(|schedule| {
            schedule.following(from, &zone).take_while(|due| due.instant < until).count()
        })
        .sum();
    let planning = started.elapsed();

    let started = Instant::now();
    let calls = 1_000_000;
    for (step, schedule) in (0..calls).zip(parsed.iter().cycle()) {
        let at = from + jiff::SignedDuration::from_secs(step * 31);
        std::hint::black_box(schedule.previous(at, &zone));
    }
    let asking = started.elapsed() / u32::try_from(calls).unwrap();

    println!("parse 1,000 schedules           {parsing:?}");
    println!("plan a year of them             {planning:?}, {due} due instants");
    println!("one call of previous            {asking:?}");
    assert!(planning < PROMISED, "{planning:?} to plan a year, promised are {PROMISED:?}");
}

/// What operators write: some every few minutes, most hourly or daily, some monthly.
fn random_schedules(count: usize) -> Vec<String> {
    let mut state = 20_261_123_u64;
    let mut below = |limit: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) % limit
    };
    let mut one = || {
        let minute = match below(4) {
            0 => format!("*/{}", 1 + below(30)),
            1 => format!("{},{}", below(60), below(60)),
            _ => below(60).to_string(),
        };
        let hour = match below(4) {
            0 => "*".to_owned(),
            1 => format!("{}-{}", below(12), 12 + below(12)),
            _ => below(24).to_string(),
        };
        let (day, weekday) = match below(4) {
            0 => ((1 + below(31)).to_string(), "*".to_owned()),
            1 => ("*".to_owned(), "1-5".to_owned()),
            2 => ("13".to_owned(), "fri".to_owned()),
            _ => ("*".to_owned(), "*".to_owned()),
        };
        format!("{minute} {hour} {day} * {weekday}")
    };
    (0..count).map(|_| one()).collect()
}
