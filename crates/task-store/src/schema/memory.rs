//! What the database remembers of its installation, so that a copy of it is noticed: a test copy must never
//! send the mail that the original queued.

use std::fmt;

use serde_json::json;

use crate::database::{Connection, arguments};
use crate::error::{Error, Result};
use crate::store::{Store, Work};

/// Who uses a database.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Identity {
    /// The installation: a home's `SystemID` and the like; empty where there is none.
    pub system: String,
    /// The hosts that have used it.
    pub hosts: Vec<String>,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.hosts.join(", "))?;
        if self.system.is_empty() { Ok(()) } else { write!(f, " (SystemID {})", self.system) }
    }
}

impl Identity {
    /// Whether one of the present hosts is known, and the installation is the same.
    pub(super) fn knows(&self, present: &Self) -> bool {
        self.system == present.system && present.hosts.iter().any(|host| self.hosts.contains(host))
    }
}

impl Store {
    /// Makes `present` the database's memory: what it holds is this installation's. Hosts that join an
    /// installation are added with the others kept.
    pub async fn adopt(&self, present: &Identity) -> Result<()> {
        self.transact(&Adopt { present, alone: true }).await
    }

    /// Adds hosts to the memory: a new node of the same installation.
    pub async fn join(&self, present: &Identity) -> Result<()> {
        self.transact(&Adopt { present, alone: false }).await
    }

    /// Whom the database remembers; `None` before the first adoption.
    pub async fn identity(&self) -> Result<Option<Identity>> {
        let text = self.remembered("identity").await?;
        text.map(|text| parse(&text)).transpose()
    }

    pub(crate) async fn remembered(&self, name: &str) -> Result<Option<String>> {
        let sql = "SELECT value FROM otrsd_schema WHERE name = ?";
        self.row(sql, arguments![name]).await?.map(|row| row.text(0)).transpose()
    }
}

struct Adopt<'a> {
    present: &'a Identity,
    alone: bool,
}

impl Work for Adopt<'_> {
    type Done = ();

    async fn run(&self, connection: &mut Connection<'_>) -> Result<()> {
        let mut identity = self.present.clone();
        let sql = "SELECT value FROM otrsd_schema WHERE name = 'identity'";
        if let Some(row) = connection.row(sql, arguments![]).await?.filter(|_| !self.alone) {
            let before = parse(&row.text(0)?)?;
            identity.hosts.extend(before.hosts);
            identity.hosts.sort();
            identity.hosts.dedup();
        }
        let text = json!({"system": identity.system, "hosts": identity.hosts}).to_string();
        remember(connection, "identity", &text).await
    }
}

/// Writes one thing into the memory.
pub(super) async fn remember(
    connection: &mut Connection<'_>,
    name: &str,
    value: &str,
) -> Result<()> {
    let sql = connection.dialect().pick(
        "INSERT INTO otrsd_schema (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        "INSERT INTO otrsd_schema (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        "INSERT INTO otrsd_schema (name, value) VALUES (?, ?) ON DUPLICATE KEY UPDATE value = VALUES(value)",
    );
    connection.execute(sql, arguments![name, value]).await.map(drop)
}

fn parse(text: &str) -> Result<Identity> {
    let bad = || Error::BadData {
        table: "otrsd_schema".into(),
        column: "value".into(),
        row: "identity".into(),
        expected: "JSON with system and hosts",
    };
    let value: serde_json::Value = serde_json::from_str(text).map_err(|_| bad())?;
    let system = value["system"].as_str().ok_or_else(bad)?.to_owned();
    let hosts = value["hosts"].as_array().ok_or_else(bad)?;
    let hosts = hosts.iter().filter_map(|host| host.as_str().map(str::to_owned)).collect();
    Ok(Identity { system, hosts })
}
