//! Rows that are left out, each alone: it holds what it must not, or the database refuses what is written about it.
//!
//! What is left out is remembered for a minute. Then it is tried again, so that a mended row counts by itself.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::bounds::bounded;
use crate::database::{Connection, Row, arguments};
use crate::error::{Error, Result};
use crate::held::{HeldState, Hold, Move, hold};
use crate::lock::Locked;
use crate::store::{Store, Work};

/// How long a row is left out before it is tried again.
const AGAIN: Duration = Duration::from_mins(1);
/// The most rows that are remembered. Where more are refused, it is the table, and waiting helps.
const MOST: usize = 100;

/// A row that is left out.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct LeftOut {
    /// Its table.
    pub table: String,
    /// Its `id`, or else its key.
    pub row: String,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "table {}, row {}: {}", self.table, self.row, self.reason)
    }
}

type Place = (String, String);

/// What one process leaves out.
#[derive(Debug, Default)]
pub(crate) struct Aside {
    rows: Mutex<BTreeMap<Place, (String, Instant)>>,
}

impl Aside {
    /// Only a memory: a panic while it was held did it no harm.
    fn rows(&self) -> MutexGuard<'_, BTreeMap<Place, (String, Instant)>> {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        rows.retain(|_, (_, since)| now.duration_since(*since) < AGAIN);
        rows
    }

    /// Leaves a row out; false if there are too many.
    pub(crate) fn put(&self, table: &str, row: impl fmt::Display, reason: String) -> bool {
        let place = (table.to_owned(), row.to_string());
        let mut rows = self.rows();
        if rows.len() >= MOST && !rows.contains_key(&place) {
            return false;
        }
        rows.insert(place, (reason, Instant::now()));
        true
    }

    /// The numbers of the rows of a table.
    pub(crate) fn of(&self, table: &str) -> Vec<i64> {
        let rows = self.rows();
        rows.keys().filter(|place| place.0 == table).filter_map(|it| it.1.parse().ok()).collect()
    }
}

impl Store {
    /// The rows that this process leaves out at present. All others are read and written as usual.
    pub fn left_out(&self) -> Vec<LeftOut> {
        let rows = self.aside().rows();
        let all = rows.iter().map(|((table, row), (reason, _))| LeftOut {
            table: table.clone(),
            row: row.clone(),
            reason: reason.clone(),
        });
        all.collect()
    }

    /// Why tasks are quarantined whose rows hold what they must not, or whose ends cannot be written; those that
    /// killed what ran them are not among them.
    pub async fn quarantined_rows(&self, limit: u32) -> Result<Vec<String>> {
        let sql = concat!(
            "SELECT ",
            bounded!(prose "reason"),
            " FROM otrsd_held WHERE state = 'quarantined' AND reason LIKE 'table %' \
                   ORDER BY id LIMIT ?"
        );
        let rows = self.rows(sql, arguments![i64::from(limit)]).await?;
        Ok(rows.iter().map(|row| row.lenient(0)).collect())
    }

    /// What the rows say, but for those that hold what they must not.
    pub(crate) fn readable<T, C: FromIterator<T>>(
        &self,
        rows: &[Row],
        read: impl Fn(&Row) -> Result<T>,
    ) -> C {
        let read = |row| match read(row) {
            Ok(it) => Some(it),
            Err(error) => {
                self.leave_out(error);
                None
            }
        };
        rows.iter().filter_map(read).collect()
    }

    /// Moves a free row to the held ones as quarantined; if the database refuses that too, it is left out. Whether
    /// one of both was done.
    pub(crate) async fn quarantine(
        &self,
        from: Locked,
        row: i64,
        reason: String,
        now: Timestamp,
    ) -> Result<bool> {
        let how = quarantined(reason);
        let mut refusal = String::new();
        for afresh in [false, true] {
            let quarantine = Quarantine { store: self, from, row, how: &how, now, afresh };
            match self.transact(&quarantine).await {
                Err(error) if error.is_refusal() => refusal = error.to_string(),
                outcome => return outcome,
            }
        }
        let reason = format!("{}; it cannot be quarantined: {refusal}", how.reason);
        Ok(self.aside().put(from.table(), row, reason))
    }

    /// Does something about many: if the database refuses it, about the halves, until those that it is about are
    /// alone. Each part with what came of it; further parts are not tried while the database is away.
    pub(crate) async fn in_halves<'r, T: Sync, W: Work>(
        &self,
        all: &'r [T],
        work: impl Fn(&'r [T]) -> W + Sync,
    ) -> Vec<(&'r [T], Result<W::Done>)> {
        let (mut left, mut done) = (vec![all], Vec::new());
        while let Some(part) = left.pop() {
            let outcome = self.transact(&work(part)).await;
            if part.len() > 1 && outcome.as_ref().is_err_and(Error::is_refusal) {
                let (first, second) = part.split_at(part.len() / 2);
                left.extend([second, first]);
                continue;
            }
            let is_away = outcome.as_ref().is_err_and(|error| !error.is_refusal());
            done.push((part, outcome));
            if is_away {
                let why = "the database went away meanwhile";
                let others = left.drain(..).rev();
                done.extend(others.map(|part| (part, Err(Error::Unavailable(why.into())))));
            }
        }
        done
    }

    fn leave_out(&self, error: Error) {
        if let Error::BadData { table, column, row, expected } = error {
            self.aside().put(&table, row, format!("column {column}: expected {expected}"));
        }
    }
}

/// Held as what is not to be run.
pub(crate) fn quarantined(reason: String) -> Hold {
    Hold { state: HeldState::Quarantined, due: None, reason }
}

struct Quarantine<'a> {
    store: &'a Store,
    from: Locked,
    row: i64,
    how: &'a Hold,
    now: Timestamp,
    afresh: bool,
}

impl Work for Quarantine<'_> {
    type Done = bool;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<bool> {
        let Self { from, row, how, afresh, .. } = *self;
        hold(connection, self.store, &Move { from, row, key: 0, how, afresh }, self.now).await
    }
}
