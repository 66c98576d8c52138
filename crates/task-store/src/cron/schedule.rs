//! By which schedule a cron task was planned last, so that a changed one counts from its change on.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::cron::fire::UPSERT_RECURRENT;
use crate::database::error::Result;
use crate::database::{Argument, Column, Connection, Insert, arguments};
use crate::model::bounds::bounded;
use crate::store::{Store, Transaction};

/// What changed in the plan of the cron tasks of a type.
#[derive(Clone, Debug, Default)]
pub struct Replanned<'a> {
    /// Names, and the texts of the schedules that they are planned by now.
    pub schedules: Vec<(&'a str, String)>,
    /// Names, and the instants up to which everything is accounted for by the change: none of them is decided.
    pub begins: Vec<(&'a str, Timestamp)>,
    /// Names that are no longer configured.
    pub gone: Vec<&'a str>,
}

impl Store {
    /// The text of the schedule that each cron task of a type was planned by last, by its name.
    pub async fn planned_by(&self, task_type: &str) -> Result<BTreeMap<String, String>> {
        let sql =
            concat!("SELECT ", bounded!(prose "value"), " FROM otrsd_schema WHERE name LIKE ?");
        let rows = self.rows(sql, arguments![format!("schedule {task_type} %")]).await?;
        // What cannot be read is not known.
        Ok(rows.iter().filter_map(|row| serde_json::from_str(&row.lenient(0)).ok()).collect())
    }

    /// Remembers by which schedules cron tasks are planned from now on.
    pub async fn replan(
        &self,
        task_type: &str,
        replanned: &Replanned<'_>,
        now: Timestamp,
    ) -> Result<()> {
        self.transact(&Replanning { store: self, task_type, replanned, now }).await
    }
}

/// The memory's names are short.
fn key(task_type: &str, name: &str) -> String {
    // FNV-1a, which stays the same from release to release.
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("schedule {task_type} {hash:016x}")
}

struct Replanning<'a> {
    store: &'a Store,
    task_type: &'a str,
    replanned: &'a Replanned<'a>,
    now: Timestamp,
}

const SCHEDULES: Insert = Insert {
    into: "otrsd_schema (name, value)",
    columns: &[Column::Text, Column::Text],
    conflict: [
        "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        "ON DUPLICATE KEY UPDATE value = VALUES(value)",
    ],
};

impl Transaction for Replanning<'_> {
    type Output = ();

    async fn run(&self, connection: &mut Connection<'_>) -> Result<()> {
        let Replanned { schedules, begins, gone } = self.replanned;
        let rows: Vec<Vec<Argument<'_>>> = schedules
            .iter()
            .map(|(name, schedule)| {
                let value = serde_json::json!([name, schedule]).to_string();
                vec![Argument::from(key(self.task_type, name)), Argument::from(value)]
            })
            .collect();
        SCHEDULES.run(connection, &rows).await?;
        let now = self.store.wall_clock(self.now);
        let row = |(name, due): &(&'_ str, Timestamp)| {
            vec![
                Argument::from((*name).to_owned()),
                Argument::from(self.task_type),
                Argument::from(self.store.wall_clock(*due)),
                Argument::from(None::<i64>),
                Argument::from(0),
                Argument::from(now.clone()),
                Argument::from(now.clone()),
            ]
        };
        let rows: Vec<Vec<Argument<'_>>> = begins.iter().map(row).collect();
        UPSERT_RECURRENT.run(connection, &rows).await?;
        let gone: Vec<String> = gone.iter().map(|name| key(self.task_type, name)).collect();
        if !gone.is_empty() {
            let sql = "DELETE FROM otrsd_schema WHERE name IN (?*)";
            connection.execute(sql, arguments![gone.as_slice()]).await?;
        }
        Ok(())
    }
}
