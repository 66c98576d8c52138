//! Failed executions, for the mail about them, and a small memory of what was reported already.

use crate::database::arguments;
use crate::database::error::{Error, Result};
use crate::ledger::{Execution, execution, execution_columns, numbered};
use crate::store::Store;

impl Store {
    /// Executions that failed, took too long or crashed, after row `after` of the ledger; oldest first, each with
    /// its row.
    pub async fn failures(&self, after: i64, limit: u32) -> Result<Vec<(i64, Execution)>> {
        let sql = concat!(
            "SELECT ",
            execution_columns!(),
            " FROM otrsd_execution WHERE id > ? AND outcome IN ('failed', 'timed-out', 'crashed', 'crashed-together') ORDER BY id LIMIT ?"
        );
        let rows = self.rows(sql, arguments![after, i64::from(limit)]).await?;
        Ok(self.readable(&rows, numbered))
    }

    /// The execution in a row of the ledger, unless it was not kept.
    pub async fn execution(&self, row: i64) -> Result<Option<Execution>> {
        let sql = concat!("SELECT ", execution_columns!(), " FROM otrsd_execution WHERE id = ?");
        self.row(sql, arguments![row]).await?.map(|row| execution(&row)).transpose()
    }

    /// The newest row of the ledger; 0 if there is none.
    pub async fn newest_execution(&self) -> Result<i64> {
        let sql = "SELECT id FROM otrsd_execution ORDER BY id DESC LIMIT 1";
        self.row(sql, arguments![]).await?.map_or(Ok(0), |row| row.int(0))
    }

    /// What is remembered under a name.
    pub async fn memory(&self, name: &str) -> Result<Option<String>> {
        self.remembered(name).await
    }

    /// Remembers a text under a name if what is there is still `before`; whether it was.
    pub async fn remember(&self, name: &str, before: Option<&str>, text: &str) -> Result<bool> {
        let Some(before) = before else {
            let sql = "INSERT INTO otrsd_schema (name, value) VALUES (?, ?)";
            return match self.change(sql, arguments![name, text]).await {
                Err(Error::Duplicate(_)) => Ok(false),
                answer => answer.map(|_| true),
            };
        };
        let sql = "UPDATE otrsd_schema SET value = ? WHERE name = ? AND value = ?";
        Ok(self.change(sql, arguments![text, name, before]).await? > 0)
    }
}
