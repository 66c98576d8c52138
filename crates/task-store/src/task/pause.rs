//! Holding the claims of a type, of a node, or of all; kept over restarts.

use jiff::Timestamp;

use crate::database::arguments;
use crate::database::error::Result;
use crate::model::bounds::named;
use crate::model::timestamp::from_micros;
use crate::store::Store;

/// A pause that is in force.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pause {
    /// The type that is not claimed; empty for all.
    pub task_type: String,
    /// The node that does not claim; 0 for all.
    pub node: u16,
    /// Since when.
    pub since: Option<Timestamp>,
    /// What people read about it.
    pub reason: String,
}

impl Store {
    /// Pauses a type (empty for all) on a node (0 for all). What runs, runs on.
    pub async fn pause(
        &self,
        task_type: &str,
        node: u16,
        reason: &str,
        now: Timestamp,
    ) -> Result<()> {
        let sql = self.dialect().pick(
            "INSERT INTO otrsd_pause (task_type, node, since, reason) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            "INSERT INTO otrsd_pause (task_type, node, since, reason) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            "INSERT INTO otrsd_pause (task_type, node, since, reason) VALUES (?, ?, ?, ?) \
             ON DUPLICATE KEY UPDATE node = VALUES(node)",
        );
        self.change(sql, arguments![task_type, i64::from(node), now.as_microsecond(), reason])
            .await
            .map(drop)
    }

    /// Ends exactly that pause; whether there was one.
    pub async fn resume(&self, task_type: &str, node: u16) -> Result<bool> {
        let sql = "DELETE FROM otrsd_pause WHERE task_type = ? AND node = ?";
        let was_paused = self.change(sql, arguments![task_type, i64::from(node)]).await? > 0;
        self.notify_committed();
        self.notify().await;
        Ok(was_paused)
    }

    /// All pauses in force.
    pub async fn pauses(&self) -> Result<Vec<Pause>> {
        let sql = concat!(
            "SELECT node, ",
            named!(word "task_type"),
            ", since, ",
            named!(prose "reason"),
            " FROM otrsd_pause ORDER BY task_type, node"
        );
        let rows = self.rows(sql, arguments![]).await?;
        let pause = |row: &crate::database::Row| {
            Ok(Pause {
                node: u16::try_from(row.int(0)?).unwrap_or(0),
                task_type: row.lenient(1),
                since: row.int(2).ok().and_then(from_micros),
                reason: row.lenient(3),
            })
        };
        Ok(self.readable(&rows, pause))
    }
}
