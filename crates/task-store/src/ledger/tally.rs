//! Counts and durations of many executions at once: what charts, metrics and statistics are made of.

use jiff::Timestamp;

use crate::database::error::Result;
use crate::database::{Row, arguments};
use crate::ledger::Outcome;
use crate::ledger::record::WORKER_GONE;
use crate::model::bounds::bounded;
use crate::store::Store;

/// The upper bounds of the durations' buckets, in milliseconds; what is longer is in a last one.
pub const BUCKETS: [i64; 16] =
    [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 300_000, 1_800_000];

/// Executions that are alike.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tally {
    /// Their type.
    pub task_type: String,
    /// Their name, where names are told apart; else empty.
    pub name: String,
    /// On which node they ran; 0 if on none, or where nodes are not told apart.
    pub node: u16,
    /// How they ended.
    pub outcome: Outcome,
    /// The position of their durations' bucket in [`BUCKETS`]; its length for longer ones.
    pub bucket: usize,
    /// How many.
    pub count: u64,
    /// Their durations' sum, in microseconds.
    pub micros: u64,
    /// The longest of their durations, in microseconds.
    pub longest: u64,
    /// Their processor time's sum, in microseconds, where measured.
    pub cpu: u64,
}

/// Each bound stands in the text as it does in [`BUCKETS`].
macro_rules! bucket {
    () => {
        "CASE WHEN ended - started <= 1000 THEN 0 WHEN ended - started <= 2000 THEN 1 \
         WHEN ended - started <= 5000 THEN 2 WHEN ended - started <= 10000 THEN 3 \
         WHEN ended - started <= 25000 THEN 4 WHEN ended - started <= 50000 THEN 5 \
         WHEN ended - started <= 100000 THEN 6 WHEN ended - started <= 250000 THEN 7 \
         WHEN ended - started <= 500000 THEN 8 WHEN ended - started <= 1000000 THEN 9 \
         WHEN ended - started <= 2500000 THEN 10 WHEN ended - started <= 5000000 THEN 11 \
         WHEN ended - started <= 10000000 THEN 12 WHEN ended - started <= 30000000 THEN 13 \
         WHEN ended - started <= 300000000 THEN 14 WHEN ended - started <= 1800000000 THEN 15 ELSE 16 END"
    };
}
macro_rules! sums {
    () => {
        "COUNT(*), CAST(SUM(ended - started) AS CHAR(30)), MAX(ended - started), \
         CAST(COALESCE(SUM(CASE WHEN cpu BETWEEN 0 AND 1000000000000000 THEN cpu END), 0) AS CHAR(30))"
    };
}
/// Of times that no clock shows there is no difference that a column could hold.
macro_rules! sane {
    () => {
        " AND started BETWEEN 0 AND 253402207200000000 AND ended BETWEEN 0 AND 253402207200000000"
    };
}

impl Store {
    /// Of the ledger's rows after `after` up to `up_to`, by type, node, outcome and bucket.
    ///
    /// Rows of transactions that commit at the same time become visible in any order. To count each row once, leave
    /// the rows of the last moments to the next call.
    pub async fn tally(&self, after: i64, up_to: i64) -> Result<Vec<Tally>> {
        let sql = concat!(
            "SELECT ",
            bounded!(word "task_type"),
            ", '', node, ",
            bounded!(word "outcome"),
            ", ",
            bucket!(),
            " AS bucket, ",
            sums!(),
            " FROM otrsd_execution WHERE id > ? AND id <= ?",
            sane!(),
            " GROUP BY task_type, node, outcome, ",
            bucket!()
        );
        Ok(self.readable(&self.rows(sql, arguments![after, up_to]).await?, tally))
    }

    /// As [`tally`](Self::tally), of one type by its `most` frequent names; nodes are not told apart.
    pub async fn tally_names(
        &self,
        task_type: &str,
        after: i64,
        up_to: i64,
        most: u32,
    ) -> Result<Vec<Tally>> {
        let sql = concat!(
            "SELECT ",
            bounded!(word "e.task_type"),
            ", ",
            bounded!(word "e.name"),
            ", 0, ",
            bounded!(word "e.outcome"),
            ", ",
            bucket!(),
            " AS bucket, ",
            sums!(),
            " FROM otrsd_execution e JOIN (SELECT name AS frequent, COUNT(*) AS times FROM otrsd_execution \
              WHERE id > ? AND id <= ? AND task_type = ? GROUP BY name ORDER BY times DESC, frequent LIMIT ?) f \
              ON e.name = f.frequent \
             WHERE e.id > ? AND e.id <= ? AND e.task_type = ?",
            sane!(),
            " GROUP BY e.task_type, e.name, e.outcome, ",
            bucket!()
        );
        let most = i64::from(most);
        let arguments = arguments![after, up_to, task_type, most, after, up_to, task_type];
        Ok(self.readable(&self.rows(sql, arguments).await?, tally))
    }

    /// How many of these rows are of tasks of a node whose worker had died.
    pub async fn reclaimed(&self, after: i64, up_to: i64, node: u16) -> Result<u64> {
        let sql = "SELECT COUNT(*) FROM otrsd_execution WHERE id > ? AND id <= ? AND node = ? AND error = ?";
        let row = self.row(sql, arguments![after, up_to, i64::from(node), WORKER_GONE]).await?;
        row.map_or(Ok(0), |row| row.int(0).map(i64::unsigned_abs))
    }

    /// When the oldest free task was added; `None` if none is free.
    pub async fn oldest_waiting(&self) -> Result<Option<Timestamp>> {
        let sql = "SELECT CAST(create_time AS CHAR(19)) FROM scheduler_task WHERE lock_key = 0 ORDER BY id LIMIT 1";
        let row = self.row(sql, arguments![]).await?;
        Ok(row.and_then(|row| self.time_of(&row.lenient(0))))
    }
}

fn tally(row: &Row) -> Result<Tally> {
    let micros = |position| {
        let text = row.lenient(position);
        text.trim().parse::<u64>().map_err(|_| row.bad(position, "microseconds"))
    };
    Ok(Tally {
        task_type: row.lenient(0),
        name: row.lenient(1),
        node: row.int(2).ok().and_then(|node| u16::try_from(node).ok()).unwrap_or(0),
        outcome: Outcome::from_name(&row.text(3)?).ok_or_else(|| row.bad(3, "an outcome"))?,
        bucket: usize::try_from(row.int(4)?).unwrap_or(BUCKETS.len()),
        count: row.int(5)?.unsigned_abs(),
        micros: micros(6).unwrap_or(0),
        longest: row.int(7)?.unsigned_abs(),
        cpu: micros(8)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_statement_has_the_bounds() {
        for (position, bound) in BUCKETS.iter().enumerate() {
            let text = format!("<= {} THEN {position} ", bound * 1000).replace("  ", " ");
            let sql = bucket!().replace("THEN 15 ELSE", "THEN 15  ELSE");
            assert!(sql.contains(text.trim_end()), "{text}");
        }
        assert_eq!(bucket!().matches("WHEN").count(), BUCKETS.len());
        assert!(bucket!().ends_with(&format!("ELSE {} END", BUCKETS.len())));
    }
}
