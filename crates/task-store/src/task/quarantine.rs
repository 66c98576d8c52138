//! Rows that cannot be tasks are quarantined: held as what is not to be run.

use jiff::Timestamp;

use crate::database::error::Result;
use crate::database::{Connection, arguments};
use crate::model::bounds::bounded;
use crate::model::locked::Locked;
use crate::store::{Store, Transaction};
use crate::task::held::{HeldState, Hold, Move, hold};

impl Store {
    /// Why tasks are quarantined whose rows hold invalid values, or whose ends cannot be written. Tasks that killed their
    /// process are not among them.
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

    /// Moves a free row to the held ones as quarantined; if the database refuses that too, the row is left out. Returns
    /// whether one of both was done.
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
        Ok(self.left_out_rows().insert(from.table(), row, reason))
    }
}

/// Held as quarantined.
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

impl Transaction for Quarantine<'_> {
    type Output = bool;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<bool> {
        let Self { from, row, how, afresh, .. } = *self;
        hold(connection, self.store, &Move { from, row, key: 0, how, afresh }, self.now).await
    }
}
