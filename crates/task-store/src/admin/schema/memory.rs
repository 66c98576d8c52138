//! What a database remembers of the installations and hosts that used it.
//!
//! The row `identity` has the names of the hosts, the row `hosts` the facts about them. Older programs know and write
//! only the first; facts about hosts that it does not name do not count.

use std::collections::BTreeMap;

use serde_json::json;

use crate::admin::schema::identity::{Facts, Identity};
use crate::database::error::{Error, Result};
use crate::database::{Connection, Dialect, arguments};
use crate::model::bounds::bounded;
use crate::store::{Store, Transaction};

impl Store {
    /// Makes `present` the database's memory: what it holds is this installation's.
    pub async fn adopt(&self, present: &Identity) -> Result<()> {
        let present = &self.with_server(present).await?;
        self.transact(&Adopt { present, alone: true }).await
    }

    /// Adds a host to the memory, or what is new of it: a new node of the same installation, or a known one
    /// under a new name.
    pub async fn join(&self, present: &Identity) -> Result<()> {
        let present = &self.with_server(present).await?;
        self.transact(&Adopt { present, alone: false }).await
    }

    /// Whom the database remembers; `None` before the first adoption.
    pub async fn identity(&self) -> Result<Option<Identity>> {
        let rows = self.rows(REMEMBERED, arguments![]).await?;
        let rows = rows.iter().map(|row| Ok((row.text(0)?, row.text(1)?)));
        parse(&rows.collect::<Result<_>>()?)
    }

    pub(crate) async fn remembered(&self, name: &str) -> Result<Option<String>> {
        let sql = concat!("SELECT ", bounded!(data "value"), " FROM otrsd_schema WHERE name = ?");
        self.row(sql, arguments![name]).await?.map(|row| row.text(0)).transpose()
    }

    /// The same with what the server says of itself. An identity without facts gets none.
    pub(super) async fn with_server(&self, present: &Identity) -> Result<Identity> {
        let mut present = present.clone();
        let Some(facts) = present.hosts.first().and_then(|host| present.facts.get_mut(host)) else {
            return Ok(present);
        };
        match self.dialect() {
            Dialect::Sqlite => {}
            Dialect::MariaDb => facts.server = self.said(MARIADB_TABLE).await?,
            Dialect::Postgres => {
                facts.server = self.said(POSTGRES_DATABASE).await?;
                facts.addresses.extend(self.said(POSTGRES_ADDRESS).await?);
            }
        }
        Ok(present)
    }

    /// One text; nothing where it may not be asked for.
    async fn said(&self, sql: &'static str) -> Result<Option<String>> {
        match self.row(sql, arguments![]).await {
            Ok(row) => Ok(row.and_then(|row| row.text(0).ok()).filter(|text| !text.is_empty())),
            Err(Error::Refused(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

macro_rules! remembered {
    ($locked:literal) => {
        concat!(
            "SELECT name, ",
            bounded!(data "value"),
            " AS value FROM otrsd_schema WHERE name = 'identity' OR name = 'hosts'",
            $locked
        )
    };
}
const REMEMBERED: &str = remembered!("");

/// No dump makes a table at the same second again; a server's own identifier changes with its network.
const MARIADB_TABLE: &str = "SELECT CONCAT(table_schema, '/', UNIX_TIMESTAMP(create_time)) \
     FROM information_schema.tables \
     WHERE table_schema = database() AND table_name = 'otrsd_schema'";

const POSTGRES_DATABASE: &str = "SELECT CAST(system_identifier AS text) || '/' || CAST(oid AS text) \
     FROM pg_control_system(), pg_database WHERE datname = current_database()";

/// Where the server is for others; empty for a socket and for the loopback.
const POSTGRES_ADDRESS: &str = "SELECT COALESCE(host(inet_server_addr()) || ':' || inet_server_port(), '') \
     WHERE NOT inet_server_addr() <<= inet '127.0.0.0/8' AND inet_server_addr() <> inet '::1'";

struct Adopt<'a> {
    present: &'a Identity,
    alone: bool,
}

impl Transaction for Adopt<'_> {
    type Output = ();

    async fn run(&self, connection: &mut Connection<'_>) -> Result<()> {
        let sql = connection.dialect().pick(
            REMEMBERED,
            remembered!(" FOR UPDATE"),
            remembered!(" FOR UPDATE"),
        );
        let rows = connection.rows(sql, arguments![]).await?;
        let rows = rows.iter().map(|row| Ok((row.text(0)?, row.text(1)?)));
        // An adoption also mends a memory that cannot be read.
        let before = if self.alone { BTreeMap::new() } else { rows.collect::<Result<_>>()? };
        let mut identity = parse(&before)?.unwrap_or_default();
        identity.join(self.present);
        let names = json!({"system": identity.system, "hosts": identity.hosts});
        for (name, value) in [("identity", names), ("hosts", json!(identity.facts))] {
            let value = value.to_string();
            if before.get(name) != Some(&value) {
                remember(connection, name, &value).await?;
            }
        }
        Ok(())
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

fn parse(rows: &BTreeMap<String, String>) -> Result<Option<Identity>> {
    let Some(text) = rows.get("identity") else { return Ok(None) };
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
    // They only help: what cannot be read is not known.
    let facts = rows.get("hosts").and_then(|text| serde_json::from_str(text).ok());
    let facts: BTreeMap<String, Facts> = facts.unwrap_or_default();
    Ok(Some(Identity { system, hosts, facts }))
}
