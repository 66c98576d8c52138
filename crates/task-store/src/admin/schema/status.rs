//! What is there, what is missing, and whether this database is the one we remember.

use std::fmt;

use crate::admin::schema::text::{ORIGINAL, OURS};
use crate::admin::schema::{Difference, Identity, SCHEMA_VERSION};
use crate::database::error::{Error, Result};
use crate::database::{Dialect, arguments};
use crate::store::Store;

/// How the tables are.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SchemaStatus {
    /// The version of our tables; `None` before the first migration.
    pub version: Option<i64>,
    /// Tables that should be there and are not.
    pub missing: Vec<String>,
    /// Whether the database remembers another installation or host than the present one.
    pub moved: Option<Moved>,
}

/// A database that is not where it was: restored or copied. Its tasks may have run elsewhere.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Moved {
    /// The installation and hosts that the database remembers.
    pub remembered: Identity,
    /// The installation and host that use it now.
    pub present: Identity,
    /// What tells them apart.
    pub difference: Difference,
}

impl fmt::Display for Moved {
    /// A sentence without its end: others used it, and this is another.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { remembered, present, difference } = self;
        write!(f, "the database was used on {remembered}, and this is {present}{difference}")
    }
}

impl SchemaStatus {
    /// Whether the store can work.
    pub fn is_current(&self) -> bool {
        self.version == Some(SCHEMA_VERSION) && self.missing.is_empty()
    }
}

impl Store {
    /// Looks at the tables, and compares the database's memory with `present`.
    pub async fn schema_status(&self, present: &Identity) -> Result<SchemaStatus> {
        let missing = self.missing().await?;
        if missing.iter().any(|table| table == "otrsd_schema") {
            return Ok(SchemaStatus { version: None, missing, moved: None });
        }
        let version = self.remembered("version").await?.and_then(|text| text.parse().ok());
        // Another node may just have made them; the version comes last.
        let missing = self.missing().await?;
        let present = self.with_server(present).await?;
        let moved = self.identity().await?.and_then(|remembered| {
            let difference = remembered.difference(&present)?;
            Some(Moved { remembered, present, difference })
        });
        Ok(SchemaStatus { version, missing, moved })
    }

    /// Whether our tables were made, of whatever version: the version is written last.
    pub async fn is_made(&self) -> Result<bool> {
        match self.remembered("version").await {
            Ok(version) => Ok(version.is_some()),
            Err(Error::Schema(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// An error unless the tables are those this program works with.
    pub async fn check_schema(&self) -> Result<()> {
        match self.remembered("version").await {
            Ok(Some(version)) if version.parse() == Ok(SCHEMA_VERSION) => Ok(()),
            Ok(version) => Err(Error::Schema(format!(
                "version {} is there, version {SCHEMA_VERSION} is needed",
                version.as_deref().unwrap_or("none")
            ))),
            Err(error) => Err(error),
        }
    }

    async fn missing(&self) -> Result<Vec<String>> {
        let tables = self.tables().await?;
        let all = ORIGINAL.iter().chain(&OURS);
        let missing = all.filter(|table| !tables.iter().any(|there| there == *table));
        Ok(missing.map(|table| (*table).to_owned()).collect())
    }

    pub(crate) async fn tables(&self) -> Result<Vec<String>> {
        let sql = self.dialect().pick(
            "SELECT name FROM sqlite_master WHERE type = 'table'",
            // The standard's view leaves out those that one has no rights on.
            "SELECT CAST(tablename AS text) FROM pg_catalog.pg_tables WHERE schemaname = ANY(current_schemas(false))",
            "SELECT table_name FROM information_schema.tables WHERE table_schema = database()",
        );
        self.rows(sql, arguments![]).await?.iter().map(|row| row.text(0)).collect()
    }

    /// The engine of a home's task table, on MariaDB.
    pub(super) async fn home_engine(&self) -> Result<Option<String>> {
        if self.dialect() != Dialect::MariaDb || !self.is_home() {
            return Ok(None);
        }
        let sql = "SELECT engine FROM information_schema.tables \
                   WHERE table_schema = database() AND table_name = 'scheduler_task'";
        self.row(sql, arguments![]).await?.map(|row| row.text(0)).transpose()
    }
}
