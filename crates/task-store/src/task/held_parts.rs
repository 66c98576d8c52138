//! Held tasks that cannot go on: their retry is never due, or the queue does not take them.

use jiff::Timestamp;

use crate::database::error::Result;
use crate::database::{Connection, arguments};
use crate::store::{Store, Transaction};
use crate::task::held::{Release, TABLE, Which};

/// The last time that our clocks can represent, in microseconds.
const MAX_RETRY_TIME: i64 = 253_402_207_200_000_000;

impl Store {
    /// Puts tasks back part by part: the database refuses one, and only that one is quarantined. Returns how many went
    /// back.
    pub(crate) async fn release_in_parts(&self, which: &Which<'_>, now: Timestamp) -> Result<u64> {
        let home = self.is_home();
        let mut ids = self.transact(&ReadIds(Release { home, which: *which })).await?;
        let except = self.left_out_rows().ids(TABLE);
        ids.retain(|id| !except.contains(id));
        let part = |ids| Release { home, which: Which::Rows(ids) };
        let mut released = 0;
        for (part, outcome) in self.in_halves(&ids, part).await {
            match (outcome, part) {
                (Err(error), [row]) if error.is_refusal() => {
                    let reason = format!("it cannot be put back into the queue: {error}");
                    self.quarantine_held(*row, &reason, now).await?;
                }
                (outcome, _) => released += outcome?,
            }
        }
        Ok(released)
    }

    /// Quarantines retries that would never be due; returns how many.
    pub async fn quarantine_endless_retries(&self, now: Timestamp) -> Result<u64> {
        let sql = self.dialect().pick(
            "SELECT id FROM otrsd_held WHERE state = 'retry' \
             AND (due IS NULL OR due > ? OR typeof(due) <> 'integer') LIMIT 500",
            "SELECT id FROM otrsd_held WHERE state = 'retry' AND (due IS NULL OR due > ?) LIMIT 500",
            "SELECT id FROM otrsd_held WHERE state = 'retry' AND (due IS NULL OR due > ?) LIMIT 500",
        );
        let rows = self.rows(sql, arguments![MAX_RETRY_TIME]).await?;
        for row in &rows {
            let reason = "column due: expected microseconds since 1970";
            self.quarantine_held(row.int(0)?, reason, now).await?;
        }
        Ok(rows.len() as u64)
    }

    async fn quarantine_held(&self, row: i64, reason: &str, now: Timestamp) -> Result<()> {
        let sql = "UPDATE otrsd_held SET state = 'quarantined', reason = ?, held = ? WHERE id = ?";
        let text = format!("table {TABLE}, row {row}: {reason}");
        match self.change(sql, arguments![&text, now.as_microsecond(), row]).await {
            Err(error) if error.is_refusal() => {
                self.left_out_rows().insert(
                    TABLE,
                    row,
                    format!("{reason}; it cannot be quarantined: {error}"),
                );
                Ok(())
            }
            changed => changed.map(drop),
        }
    }
}

/// Only reads which rows would be released.
struct ReadIds<'a>(Release<'a>);

impl Transaction for ReadIds<'_> {
    type Output = Vec<i64>;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Vec<i64>> {
        self.0.ids(connection).await
    }
}
