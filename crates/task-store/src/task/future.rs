//! Future tasks: scheduled for a time, and moved into the queue when it comes. Row and payload stay as they are.

use std::sync::atomic::Ordering;

use jiff::Timestamp;

use crate::database::error::Result;
use crate::database::{Dialect, arguments};
use crate::model::locked::Locked;
use crate::store::Store;

impl Store {
    /// The next scheduled time, and whether a row's time is invalid.
    pub async fn planned(&self) -> Result<Planned> {
        let except = self.left_out_rows().ids(TABLE);
        let seen = self.plans_seen().load(Ordering::Relaxed);
        let row = match (self.dialect(), except.as_slice()) {
            (Dialect::Sqlite, []) => self.row(planned!(sqlite ""), arguments![seen]).await?,
            (Dialect::Postgres, []) => self.row(planned!(postgres ""), arguments![]).await?,
            (Dialect::MariaDb, []) => self.row(planned!(mariadb ""), arguments![]).await?,
            (Dialect::Sqlite, except) => {
                let sql = planned!(sqlite " AND id NOT IN (?*)");
                self.row(sql, arguments![except, seen, except]).await?
            }
            (Dialect::Postgres, except) => {
                let sql = planned!(postgres " AND id NOT IN (?*)");
                self.row(sql, arguments![except, except]).await?
            }
            (Dialect::MariaDb, except) => {
                self.row(planned!(mariadb " AND id NOT IN (?*)"), arguments![except]).await?
            }
        };
        let Some(row) = row else { return Ok(Planned::default()) };
        let next = row.maybe_lenient(0);
        let time = next.as_deref().and_then(|text| self.time_of(text));
        let is_damaged = row.maybe_int(1)?.is_some() || next.is_some() && time.is_none();
        if !is_damaged && let Some(highest) = row.maybe_int(2)? {
            self.plans_seen().fetch_max(highest, Ordering::Relaxed);
        }
        Ok(Planned { next: time, is_damaged })
    }

    /// Quarantines future tasks whose time is invalid; returns how many.
    pub async fn quarantine_planned(&self, now: Timestamp) -> Result<u64> {
        let sql = self.dialect().pick(
            "SELECT id, CAST(execution_time AS CHAR(25)) FROM scheduler_future_task WHERE lock_key = 0 \
             AND datetime(execution_time) IS NOT execution_time LIMIT 500",
            "SELECT id, CAST(execution_time AS CHAR(25)) FROM scheduler_future_task WHERE lock_key = 0 \
             AND (execution_time > '9999-12-31 23:59:59' OR execution_time < '0001-01-01') LIMIT 500",
            "SELECT id, CAST(execution_time AS CHAR(25)) FROM scheduler_future_task WHERE lock_key = 0 \
             AND (MONTH(execution_time) = 0 OR DAYOFMONTH(execution_time) = 0) LIMIT 500",
        );
        let mut gone = 0;
        for row in self.rows(sql, arguments![]).await? {
            let reason = invalid_time(row.int(0)?, &row.lenient(1));
            gone += u64::from(self.quarantine(Locked::Future, row.int(0)?, reason, now).await?);
        }
        Ok(gone)
    }
}

/// The state of the future tasks.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Planned {
    /// The next scheduled time.
    pub next: Option<Timestamp>,
    /// Whether the time of one is invalid: see [`Store::quarantine_planned`].
    pub is_damaged: bool,
}

pub(crate) const TABLE: &str = "scheduler_future_task";

/// The earliest time, whether a row has an invalid one, and on SQLite the newest row: there a column takes any text, so
/// each new row is checked once. On servers only the ends of the order can be invalid.
macro_rules! planned {
    (sqlite $except:literal) => {
        concat!(
            "SELECT (SELECT CAST(MIN(execution_time) AS CHAR(25)) FROM scheduler_future_task WHERE lock_key = 0",
            $except,
            "), (SELECT 1 FROM scheduler_future_task WHERE id > ? AND lock_key = 0 \
             AND datetime(execution_time) IS NOT execution_time",
            $except,
            " LIMIT 1), (SELECT MAX(id) FROM scheduler_future_task)"
        )
    };
    (postgres $except:literal) => {
        concat!(
            "SELECT (SELECT CAST(MIN(execution_time) AS CHAR(25)) FROM scheduler_future_task WHERE lock_key = 0",
            $except,
            "), CAST(CASE WHEN (SELECT MAX(execution_time) FROM scheduler_future_task WHERE lock_key = 0",
            $except,
            ") > '9999-12-31 23:59:59' THEN 1 END AS bigint), CAST(NULL AS bigint)"
        )
    };
    (mariadb $except:literal) => {
        concat!(
            "SELECT CAST(MIN(execution_time) AS CHAR(25)), NULL, NULL FROM scheduler_future_task \
             WHERE lock_key = 0",
            $except
        )
    };
}
use planned;

pub(crate) fn invalid_time(row: i64, text: &str) -> String {
    let text: String = text.trim_end().chars().filter(|it| *it != '\0').take(40).collect();
    format!(
        "table {TABLE}, row {row}, column execution_time: expected a time as 2026-07-01 12:00:00, \
         found '{text}'"
    )
}
