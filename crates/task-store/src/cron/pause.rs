//! Paused cron tasks: their fire times are skipped on all nodes. A pause outlives restarts.

use jiff::Timestamp;

use crate::database::error::Result;
use crate::database::{Connection, Row, arguments};
use crate::model::bounds::named;
use crate::model::timestamp::from_micros;
use crate::store::Store;

/// A cron task that is paused.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CronPause {
    /// Its name.
    pub name: String,
    /// Since when.
    pub since: Option<Timestamp>,
    /// The reason that its skipped runs show.
    pub reason: String,
}

macro_rules! columns {
    () => {
        concat!("SELECT ", named!(word "name"), ", since, ", named!(prose "reason"), " FROM otrsd_cron_pause")
    };
}

impl Store {
    /// Pauses a cron task; whether it was not paused before.
    pub async fn pause_cron(
        &self,
        task_type: &str,
        name: &str,
        reason: &str,
        now: Timestamp,
    ) -> Result<bool> {
        let sql = self.dialect().pick(
            "INSERT INTO otrsd_cron_pause (task_type, name, since, reason) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            "INSERT INTO otrsd_cron_pause (task_type, name, since, reason) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            "INSERT IGNORE INTO otrsd_cron_pause (task_type, name, since, reason) VALUES (?, ?, ?, ?)",
        );
        Ok(self.change(sql, arguments![task_type, name, now.as_microsecond(), reason]).await? > 0)
    }

    /// Ends a pause; whether there was one.
    pub async fn resume_cron(&self, task_type: &str, name: &str) -> Result<bool> {
        let sql = "DELETE FROM otrsd_cron_pause WHERE task_type = ? AND name = ?";
        Ok(self.change(sql, arguments![task_type, name]).await? > 0)
    }

    /// All cron tasks of a type that are paused.
    pub async fn cron_pauses(&self, task_type: &str) -> Result<Vec<CronPause>> {
        let sql = concat!(columns!(), " WHERE task_type = ? ORDER BY name");
        Ok(self.rows(sql, arguments![task_type]).await?.iter().map(pause).collect())
    }
}

/// Those among some names.
pub(crate) async fn pauses_of(
    connection: &mut Connection<'_>,
    task_type: &str,
    names: &[String],
) -> Result<Vec<CronPause>> {
    let sql = concat!(columns!(), " WHERE task_type = ? AND name IN (?*)");
    let rows = connection.rows(sql, arguments![task_type, names]).await?;
    Ok(rows.iter().map(pause).collect())
}

fn pause(row: &Row) -> CronPause {
    CronPause {
        name: row.lenient(0),
        since: row.int(1).ok().and_then(from_micros),
        reason: row.lenient(2),
    }
}
