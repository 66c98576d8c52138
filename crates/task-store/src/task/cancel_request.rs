//! Requests to cancel running tasks: only the owner of a task can end it, and it may be on any node.

use jiff::Timestamp;

use crate::database::error::Result;
use crate::database::{Connection, arguments};
use crate::ledger::{Execution, Outcome};
use crate::model::bounds::named;
use crate::model::task_id::TaskId;
use crate::store::Store;

impl Store {
    /// Requests the end of a running task; `by` is recorded in the ledger. The request stays until it is withdrawn, even
    /// if the task changes its owner.
    pub async fn request_cancel(&self, id: TaskId, by: &str, now: Timestamp) -> Result<()> {
        let sql = self.dialect().pick(
            "INSERT INTO otrsd_cancel (ident, asked, by_whom) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            "INSERT INTO otrsd_cancel (ident, asked, by_whom) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            "INSERT INTO otrsd_cancel (ident, asked, by_whom) VALUES (?, ?, ?) \
             ON DUPLICATE KEY UPDATE ident = VALUES(ident)",
        );
        self.change(sql, arguments![id.ident(), now.as_microsecond(), by]).await.map(drop)
    }

    /// All requests, each with the text that was given as `by`.
    pub async fn cancel_requests(&self) -> Result<Vec<(TaskId, String)>> {
        let sql =
            concat!("SELECT ident, ", named!(prose "by_whom"), " FROM otrsd_cancel ORDER BY ident");
        let rows = self.rows(sql, arguments![]).await?;
        Ok(self.readable(&rows, |row| Ok((TaskId::from_ident(row.int(0)?), row.lenient(1)))))
    }

    /// Withdraws a request: the task ended, or need not end.
    pub async fn withdraw_cancel(&self, id: TaskId) -> Result<()> {
        self.change("DELETE FROM otrsd_cancel WHERE ident = ?", arguments![id.ident()])
            .await
            .map(drop)
    }
}

/// Deletes the requests that these executions fulfil.
pub(crate) async fn granted(
    connection: &mut Connection<'_>,
    executions: &[&Execution],
) -> Result<()> {
    let cancelled = executions.iter().filter(|it| it.outcome == Outcome::Cancelled);
    let idents: Vec<i64> = cancelled.map(|it| it.id.ident()).collect();
    if idents.is_empty() {
        return Ok(());
    }
    let sql = "DELETE FROM otrsd_cancel WHERE ident IN (?*)";
    connection.execute(sql, arguments![&idents]).await.map(drop)
}
