//! Searching the ledger from its newest row back, however long it is.
//!
//! The ledger has no index for searches, since each index would cost time for every task. Its rows are nearly in the order
//! of their ends. So it is read in windows of rows, each larger than the one before, until enough is found or the time is
//! over; the next search continues from there.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::database::error::Result;
use crate::database::{Row, arguments};
use crate::ledger::{Execution, execution_columns, numbered};
use crate::model::timestamp::from_micros;
use crate::store::Store;

/// Rows of the first window, and of the largest.
const MIN_WINDOW: i64 = 2000;
const MAX_WINDOW: i64 = 64_000;
/// Rows by which the order of ends may be wrong.
const ORDER_TOLERANCE: i64 = 2000;

/// Which executions are searched; what is empty does not restrict.
#[derive(Clone, Copy, Debug, Default)]
pub struct Search<'a> {
    /// Of this type.
    pub task_type: &'a str,
    /// Of this name.
    pub name: &'a str,
    /// Whose name or error holds this text, in whatever case.
    pub text: &'a str,
    /// The text is not searched for in errors.
    pub in_names_alone: bool,
    /// With this outcome's word; `unsuccessful` is any but success and postponed.
    pub outcome: &'a str,
    /// On this node; 0 for all.
    pub node: u16,
    /// Ended at this time or later.
    pub from: Option<Timestamp>,
    /// Ended before this time.
    pub to: Option<Timestamp>,
    /// Before this row of the ledger.
    pub before: Option<i64>,
    /// How many at most.
    pub limit: u32,
    /// After this time, what is found is enough.
    pub budget: Duration,
}

/// What a search found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// Newest first, each with its row; without their output, and with the beginning of their errors.
    pub executions: Vec<(i64, Execution)>,
    /// Where the search ended before the ledger did: the row to go on before.
    pub searched_to: Option<i64>,
}

impl Store {
    /// Searches from the newest row back.
    pub async fn search(&self, search: &Search<'_>) -> Result<Found> {
        let begin = Instant::now();
        let Some((oldest, newest)) = self.ledger_rows().await? else { return Ok(Found::default()) };
        let mut top = search.before.map_or(newest, |before| before.saturating_sub(1)).min(newest);
        if let Some(to) = search.to {
            top = top.min(self.row_at(to).await?.saturating_add(ORDER_TOLERANCE));
        }
        let mut bottom = oldest.saturating_sub(1);
        if let Some(from) = search.from {
            bottom = bottom.max(self.row_at(from).await?.saturating_sub(ORDER_TOLERANCE));
        }
        let (mut found, mut size) = (Found::default(), MIN_WINDOW);
        while top > bottom {
            let low = bottom.max(top - size);
            let missing =
                search.limit - u32::try_from(found.executions.len()).unwrap_or(search.limit);
            found.executions.extend(self.window(search, low, top, missing).await?);
            if found.executions.len() >= search.limit as usize {
                found.searched_to =
                    found.executions.last().map(|(row, _)| *row).filter(|row| *row > bottom + 1);
                return Ok(found);
            }
            (top, size) = (low, (size * 2).min(MAX_WINDOW));
            if begin.elapsed() >= search.budget {
                found.searched_to = Some(top + 1).filter(|_| top > bottom);
                return Ok(found);
            }
        }
        Ok(found)
    }

    async fn window(
        &self,
        search: &Search<'_>,
        low: i64,
        top: i64,
        limit: u32,
    ) -> Result<Vec<(i64, Execution)>> {
        let sql = concat!(
            "SELECT ",
            execution_columns!(", SUBSTR(error, 1, 1000), NULL"),
            " FROM otrsd_execution WHERE id > ? AND id <= ? \
                   AND (? = '' OR task_type = ?) AND (? = '' OR name = ?) AND (? = 0 OR node = ?) \
                   AND (? = '' OR outcome = ? OR (? = 'unsuccessful' AND outcome NOT IN ('success', 'postponed'))) \
                   AND ended >= ? AND ended < ? \
                   AND (? = '' OR LOWER(name) LIKE ? ESCAPE '!' OR (? = 0 AND LOWER(error) LIKE ? ESCAPE '!')) \
                   ORDER BY id DESC LIMIT ?"
        );
        let Search { task_type, name, text, outcome, .. } = *search;
        let pattern = containing(text);
        let node = i64::from(search.node);
        let from = search.from.map_or(i64::MIN, Timestamp::as_microsecond);
        let to = search.to.map_or(i64::MAX, Timestamp::as_microsecond);
        let arguments = arguments![
            low,
            top,
            task_type,
            task_type,
            name,
            name,
            node,
            node,
            outcome,
            outcome,
            outcome,
            from,
            to,
            text,
            &pattern,
            i64::from(search.in_names_alone),
            &pattern,
            i64::from(limit)
        ];
        let rows = self.rows(sql, arguments).await?;
        Ok(self.readable(&rows, numbered))
    }

    /// The oldest and the newest row of the ledger; `None` while it is empty.
    pub async fn ledger_rows(&self) -> Result<Option<(i64, i64)>> {
        let sql =
            "SELECT (SELECT MIN(id) FROM otrsd_execution), (SELECT MAX(id) FROM otrsd_execution)";
        let Some(row) = self.row(sql, arguments![]).await? else { return Ok(None) };
        Ok(row.maybe_int(0)?.zip(row.maybe_int(1)?))
    }

    /// The first row that ended at a time or later, by the order of ends; one after the newest if none did.
    pub async fn row_at(&self, time: Timestamp) -> Result<i64> {
        let Some((mut low, newest)) = self.ledger_rows().await? else { return Ok(0) };
        let mut high = newest.saturating_add(1);
        let sql = "SELECT id, ended FROM otrsd_execution WHERE id >= ? ORDER BY id LIMIT 1";
        while low < high {
            let middle = low + (high - low) / 2;
            match self.row(sql, arguments![middle]).await? {
                Some(row) if ended(&row).is_none_or(|ended| ended < time) => {
                    low = row.int(0)?.saturating_add(1);
                }
                _ => high = middle,
            }
        }
        Ok(low)
    }
}

fn ended(row: &Row) -> Option<Timestamp> {
    row.maybe_int(1).ok().flatten().and_then(from_micros)
}

/// The pattern for LIKE, with `!` before what means something there.
pub(crate) fn containing(text: &str) -> String {
    let mut pattern = String::from("%");
    for character in text.to_lowercase().chars() {
        if matches!(character, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_to_like_is_a_character() {
        assert_eq!(containing("50%_A!"), "%50!%!_a!!%");
    }
}
