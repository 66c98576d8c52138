//! Rows that are left out, each alone: the row holds an invalid value, or the database refuses writes about it.
//!
//! A row is left out for a minute. Then it is tried again, so that a repaired row counts by itself.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::database::Row;
use crate::database::error::{Error, Result};
use crate::store::{Store, Transaction};

/// How long a row is left out before it is tried again.
const RETRY_AFTER: Duration = Duration::from_mins(1);
/// The most rows that are left out. If more are refused, the table is at fault, and waiting helps.
const MAX_ROWS: usize = 100;

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

type Key = (String, String);

/// What one process leaves out.
#[derive(Debug, Default)]
pub(crate) struct LeftOutRows {
    rows: Mutex<BTreeMap<Key, (String, Instant)>>,
}

impl LeftOutRows {
    /// A panic while it was held does no harm.
    fn rows(&self) -> MutexGuard<'_, BTreeMap<Key, (String, Instant)>> {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        rows.retain(|_, (_, since)| now.duration_since(*since) < RETRY_AFTER);
        rows
    }

    /// Leaves a row out; false if there are too many.
    pub(crate) fn insert(&self, table: &str, row: impl fmt::Display, reason: String) -> bool {
        let key = (table.to_owned(), row.to_string());
        let mut rows = self.rows();
        if rows.len() >= MAX_ROWS && !rows.contains_key(&key) {
            return false;
        }
        rows.insert(key, (reason, Instant::now()));
        true
    }

    /// The numbers of the rows of a table.
    pub(crate) fn ids(&self, table: &str) -> Vec<i64> {
        let rows = self.rows();
        rows.keys().filter(|key| key.0 == table).filter_map(|it| it.1.parse().ok()).collect()
    }
}

impl Store {
    /// The rows that this process leaves out at present. All others are read and written as usual.
    pub fn left_out(&self) -> Vec<LeftOut> {
        let rows = self.left_out_rows().rows();
        let all = rows.iter().map(|((table, row), (reason, _))| LeftOut {
            table: table.clone(),
            row: row.clone(),
            reason: reason.clone(),
        });
        all.collect()
    }

    /// Reads rows, without those that hold invalid values: these are left out.
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

    /// Runs a transaction about many rows. If the database refuses it, it is split into halves until the rows that are
    /// refused stand alone. Returns each part with its outcome; once the database is away, no further part is tried.
    pub(crate) async fn in_halves<'r, T: Sync, W: Transaction>(
        &self,
        all: &'r [T],
        transaction: impl Fn(&'r [T]) -> W + Sync,
    ) -> Vec<(&'r [T], Result<W::Output>)> {
        let (mut left, mut done) = (vec![all], Vec::new());
        while let Some(part) = left.pop() {
            let outcome = self.transact(&transaction(part)).await;
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
            self.left_out_rows().insert(
                &table,
                row,
                format!("column {column}: expected {expected}"),
            );
        }
    }
}
