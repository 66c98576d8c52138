//! What became of many fire times, and how late they were fired: the source of metrics.

use jiff::Timestamp;

use crate::cron::cron_run::RunStatus;
use crate::database::error::Result;
use crate::database::{Row, arguments};
use crate::model::bounds::bounded;
use crate::store::Store;

/// The upper bounds of the lags' buckets, in milliseconds; what is longer is in a last one.
pub const LAG_BUCKETS: [i64; 10] = [5, 10, 25, 50, 100, 500, 1000, 5000, 30_000, 300_000];

/// Fire times of a cron task that are alike.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CronTally {
    /// The name of the cron task.
    pub name: String,
    /// What became of them.
    pub status: RunStatus,
    /// Why.
    pub reason: String,
    /// Of those that ran: the position of their lags' bucket in [`LAG_BUCKETS`]; its length for longer ones.
    pub bucket: Option<usize>,
    /// How many.
    pub instants: u64,
    /// The sum of their lags, from the fire time until the task was enqueued, in microseconds.
    pub lag: u64,
}

/// Each bound stands in the text as it does in [`LAG_BUCKETS`].
macro_rules! bucket {
    () => {
        "CASE WHEN outcome <> 'ran' THEN -1 WHEN decided - last_due <= 5000 THEN 0 \
         WHEN decided - last_due <= 10000 THEN 1 WHEN decided - last_due <= 25000 THEN 2 \
         WHEN decided - last_due <= 50000 THEN 3 WHEN decided - last_due <= 100000 THEN 4 \
         WHEN decided - last_due <= 500000 THEN 5 WHEN decided - last_due <= 1000000 THEN 6 \
         WHEN decided - last_due <= 5000000 THEN 7 WHEN decided - last_due <= 30000000 THEN 8 \
         WHEN decided - last_due <= 300000000 THEN 9 ELSE 10 END"
    };
}

impl Store {
    /// Of the cron tasks of these names, what became of the instants that were due at `from` or later. However many
    /// they are, the database counts them, by the primary key.
    pub async fn cron_tally(
        &self,
        task_type: &str,
        names: &[String],
        from: Timestamp,
    ) -> Result<Vec<CronTally>> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let sql = concat!(
            "SELECT name, ",
            bounded!(word "outcome"),
            ", ",
            bounded!(prose "reason"),
            ", ",
            bucket!(),
            " AS bucket, CAST(SUM(instants) AS CHAR(30)), \
             CAST(SUM(CASE WHEN outcome = 'ran' AND decided > last_due THEN decided - last_due ELSE 0 END) AS CHAR(30)) \
             FROM otrsd_occurrence WHERE task_type = ? AND name IN (?*) AND due >= ? \
             AND last_due BETWEEN 0 AND 253402207200000000 AND decided BETWEEN 0 AND 253402207200000000 \
             GROUP BY name, outcome, reason, ",
            bucket!()
        );
        let rows = self.rows(sql, arguments![task_type, names, from.as_microsecond()]).await?;
        Ok(self.readable(&rows, tally))
    }
}

fn tally(row: &Row) -> Result<CronTally> {
    let sum = |position| {
        let text = row.lenient(position);
        text.trim().parse::<u64>().map_err(|_| row.bad(position, "a sum"))
    };
    Ok(CronTally {
        name: row.lenient(0),
        status: RunStatus::from_name(&row.text(1)?).ok_or_else(|| row.bad(1, "a status"))?,
        reason: row.lenient(2),
        bucket: usize::try_from(row.int(3)?).ok(),
        instants: sum(4)?,
        lag: sum(5)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_statement_has_the_bounds() {
        for (position, bound) in LAG_BUCKETS.iter().enumerate() {
            let text = format!("<= {} THEN {position} ", bound * 1000);
            assert!(bucket!().contains(&text), "{text}");
        }
        assert_eq!(bucket!().matches("<=").count(), LAG_BUCKETS.len());
        assert!(bucket!().ends_with(&format!("ELSE {} END", LAG_BUCKETS.len())));
    }
}
