//! The perl dialect against the real `Schedule::Cron::Events`: a table it filled once, and a fresh
//! random one each time. The host needs the Debian package libschedule-cron-events-perl.

use cron_events::{Dialect, Schedule};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

#[test]
fn the_checked_in_table_holds() {
    let table = fs::read_to_string(oracle("perl.txt")).unwrap();
    let counts = check(&table);
    assert!(counts.compared > 5_000 && counts.refused > 500 && counts.repeated > 500, "{counts:?}");
}

#[test]
fn a_fresh_random_table_holds() {
    #[expect(clippy::disallowed_methods, reason = "a fresh seed each run; it is printed")]
    let seed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos();
    println!("seed {seed}");
    let perl = Command::new("perl")
        .arg(oracle("generate.pl"))
        .args(["3000", &seed.to_string()])
        .output()
        .unwrap();
    assert!(perl.status.success(), "{}", String::from_utf8_lossy(&perl.stderr));
    let counts = check(&String::from_utf8(perl.stdout).unwrap());
    assert!(counts.compared > 1_000 && counts.refused > 100, "{counts:?}");
}

#[derive(Debug, Default)]
struct Counts {
    compared: usize,
    repeated: usize,
    refused: usize,
}

fn oracle(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/oracle").join(name)
}

/// `generate.pl` describes the columns.
fn check(table: &str) -> Counts {
    let mut counts = Counts::default();
    for row in table.lines() {
        let columns: Vec<&str> = row.split('\t').collect();
        let text = columns[0].replace("\\t", "\t");
        let parsed = Schedule::parse(&text, Dialect::Perl);
        if columns[1] == "-" {
            assert!(parsed.is_err(), "Perl refuses {text:?}, we read {parsed:?}");
            counts.refused += 1;
            continue;
        }
        let schedule = parsed.unwrap_or_else(|error| panic!("Perl reads {text:?}: {error}"));
        let start = columns[1].parse().unwrap();
        if columns[2] == "~" {
            counts.repeated += 1;
        } else {
            assert_eq!(following(&schedule, start), columns[2], "following, {row}");
            counts.compared += 1;
        }
        let expected = columns[3].split(' ').count();
        assert_eq!(preceding(&schedule, start, expected), columns[3], "preceding, {row}");
    }
    counts
}

fn following(schedule: &Schedule, start: i64) -> String {
    let mut from = start - start.rem_euclid(60);
    let utc = TimeZone::UTC;
    let due = schedule.following(Timestamp::from_second(start).unwrap(), &utc).take(3);
    let steps = due.map(|due| {
        let step = due.instant.as_second() - from;
        from = due.instant.as_second();
        minutes(step)
    });
    steps.collect::<Vec<_>>().join(" ")
}

fn preceding(schedule: &Schedule, start: i64, count: usize) -> String {
    let mut from = start - start.rem_euclid(60);
    let utc = TimeZone::UTC;
    let due = schedule.preceding(Timestamp::from_second(start).unwrap(), &utc);
    let steps = due.take(count).map(|due| {
        let step = from - due.instant.as_second();
        from = due.instant.as_second();
        minutes(step)
    });
    steps.collect::<Vec<_>>().join(" ")
}

fn minutes(seconds: i64) -> String {
    assert_eq!(seconds % 60, 0);
    (seconds / 60).to_string()
}
