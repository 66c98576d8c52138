//! Rows with random values, as long as time is: `OTRSD_TEST_SECONDS` says how many seconds, `OTRSD_TEST_SEED` repeats a run.

use std::fmt::Write as _;
use std::io::{Write as _, stdout};
use std::time::Duration;

use fastrand::Rng;
use tokio::time::Instant;

use crate::odd_rows::{TABLES, Table, flows, good_tasks, nothing_waits, odd};
use crate::place::{Kind, Place};

/// Rows a table and round. What is refused by the database is no case.
const ROWS: i64 = 30;

/// What means something somewhere: to SQL, LIKE, JSON, HTML, the console, or those who read.
const SIGNS: [char; 20] = [
    '\'', '"', '\\', '%', '_', '!', '?', '$', '{', '}', '[', ']', '<', '>', '&', ';', '\u{200b}',
    '\u{202e}', '\u{301}', '\u{fffd}',
];
const CONTROLS: [char; 8] = ['\n', '\r', '\t', '\u{1}', '\u{1b}', '\u{7f}', '\u{9b}', '\0'];

pub async fn any_value_in_any_column(kind: Kind) {
    let (seed, time) = (setting("OTRSD_TEST_SEED"), setting("OTRSD_TEST_SECONDS"));
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    let _ = writeln!(stdout(), "OTRSD_TEST_SEED={seed}");
    let until = Instant::now() + Duration::from_secs(time.unwrap_or(0));
    let mut random = Random { rng: Rng::with_seed(seed), kind };
    let place = Place::new(kind).await;
    let (mut number, mut taken) = (200_220_000_000_i64, 0);
    loop {
        for table in TABLES {
            let good = good_tasks(&place.store).await;
            let rows = number..number + ROWS;
            number += ROWS;
            let statements: Vec<String> =
                rows.clone().flat_map(|row| odd(table, row, &random.changes(table))).collect();
            taken += place.try_all(&statements).await;
            // A pause of all types is one, also for a database to which spaces at the end are nothing.
            place.sql("DELETE FROM otrsd_pause WHERE task_type IN ('', 'Echo')").await;
            let names: Vec<String> = rows.map(|row| row.to_string()).collect();
            flows(&place.store, &good, &names, table.name).await;
        }
        if Instant::now() >= until {
            break;
        }
    }
    nothing_waits(&place.store).await;
    let _ = writeln!(stdout(), "{taken} statements were taken");
    assert!(taken > 30 * TABLES.len());
}

#[expect(clippy::disallowed_methods, reason = "how a person asks for a longer run")]
fn setting(name: &str) -> Option<u64> {
    Some(std::env::var(name).ok()?.parse().expect("a number"))
}

struct Random {
    rng: Rng,
    kind: Kind,
}

impl Random {
    /// New values for one to three columns.
    fn changes(&mut self, table: &Table) -> Vec<(&'static str, String)> {
        let count = self.rng.usize(1..=3);
        let columns = self.rng.choose_multiple(table.row.iter(), count);
        columns.into_iter().map(|(column, _)| (*column, self.value())).collect()
    }

    /// A value in SQL.
    fn value(&mut self) -> String {
        match self.rng.u8(..16) {
            0 => "NULL".into(),
            1..=3 => self.integer().to_string(),
            4 => format!("{:e}", f64::from_bits(self.rng.u64(..))),
            5..=7 => self.time(),
            8 if self.kind != Kind::Postgres => {
                let length = self.rng.usize(..200);
                hex(&std::iter::repeat_with(|| self.rng.u8(..)).take(length).collect::<Vec<_>>())
            }
            9 => self.large(),
            10 => format!("'{}'", self.integer()),
            _ => {
                let text = self.text();
                self.literal(&text)
            }
        }
    }

    /// As many small ones as large ones, and the limits of the columns with their neighbours.
    fn integer(&mut self) -> i64 {
        let limits =
            [0, 1, i64::from(i16::MAX), i64::from(i32::MAX), i64::MAX, 253_402_207_200_000_000];
        let limit = self.rng.choice(limits).unwrap_or_default();
        match self.rng.u8(..4) {
            0 => limit,
            1 => limit.wrapping_neg().wrapping_sub(1),
            2 => limit.wrapping_add(self.rng.i64(-2..=2)),
            _ => self.rng.i64(..) >> self.rng.u32(..64),
        }
    }

    /// A time, or what looks like one.
    fn time(&mut self) -> String {
        let year = match self.rng.u8(..4) {
            0 => self.rng.u32(..=9999),
            1 => self.rng.u32(..=300_000),
            _ => self.rng.u32(2020..2030),
        };
        let (month, day, hour) = (self.rng.u8(..14), self.rng.u8(..33), self.rng.u8(..26));
        let separator = self.rng.choice([" ", "T", "  ", ""]).unwrap_or_default();
        let end = self.rng.choice(["", "", "Z", "+14:00", ".999999", " BC"]).unwrap_or_default();
        let (minute, second) = (self.rng.u8(..61), self.rng.u8(..62));
        format!("'{year:04}-{month:02}-{day:02}{separator}{hour:02}:{minute:02}:{second:02}{end}'")
    }

    /// Up to some megabytes, made by the database.
    fn large(&mut self) -> String {
        let length = 1_usize << self.rng.u32(8..21);
        let of = self.rng.choice(["x", "\n", "\u{fc}", "\u{1f600}", " "]).unwrap_or_default();
        let of = self.literal(of);
        match self.kind {
            Kind::Sqlite => format!("replace(hex(zeroblob({length})), '00', {of})"),
            Kind::Postgres | Kind::MariaDb => format!("repeat({of}, {length})"),
        }
    }

    /// Mostly short, sometimes about as long as a column is wide.
    fn text(&mut self) -> String {
        let length = match self.rng.u8(..8) {
            0 => self.rng.usize(145..155),
            1 => self.rng.usize(..3000),
            _ => self.rng.usize(..30),
        };
        let rng = &mut self.rng;
        let mut one = || match rng.u8(..8) {
            0 => rng.choice(SIGNS),
            1 => rng.choice(CONTROLS),
            2 => Some(rng.char(..)),
            _ => Some(rng.alphanumeric()),
        };
        std::iter::repeat_with(|| one().unwrap_or(' ')).take(length).collect()
    }

    fn literal(&self, text: &str) -> String {
        let bytes = hex(text.as_bytes());
        match self.kind {
            Kind::Sqlite => format!("CAST({bytes} AS TEXT)"),
            Kind::Postgres => format!("convert_from('\\{}', 'UTF8')", bytes.replace('\'', "")),
            Kind::MariaDb => format!("CONVERT({bytes} USING utf8mb4)"),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::from("x'");
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text + "'"
}
