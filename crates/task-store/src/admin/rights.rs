//! What the user of a database may do there, and what time it is there: asked without changing anything.

use jiff::Timestamp;

use crate::admin::schema::{ORIGINAL, OURS};
use crate::database::error::{Error, Result};
use crate::database::{Dialect, arguments};
use crate::model::timestamp::from_micros;
use crate::store::Store;

/// A table in which the user may not do what the scheduler does.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Forbidden {
    /// Its name.
    pub table: String,
    /// The rights that are missing, as GRANT calls them.
    pub rights: Vec<&'static str>,
    /// What the database said of the first of them.
    pub reason: String,
}

/// A right, and a statement that needs it. It is explained, never run, which needs the same rights.
const STATEMENTS: [(&str, &str); 4] = [
    ("SELECT", "EXPLAIN SELECT * FROM {table} WHERE 1 = 0"),
    ("INSERT", "EXPLAIN INSERT INTO {table} SELECT * FROM {table} WHERE 1 = 0"),
    ("UPDATE", "EXPLAIN UPDATE {table} SET {column} = {column} WHERE 1 = 0"),
    ("DELETE", "EXPLAIN DELETE FROM {table} WHERE 1 = 0"),
];

impl Store {
    /// The tables of the scheduler that are there, and in which the user may not do everything.
    pub async fn forbidden(&self) -> Result<Vec<Forbidden>> {
        let there = self.tables().await?;
        let mut forbidden = Vec::new();
        for table in ORIGINAL.iter().chain(&OURS).filter(|name| there.iter().any(|it| it == *name))
        {
            let mut missing = self.refused(table).await?;
            if ORIGINAL.contains(table) && !self.may_count(table).await? {
                missing.push(("USAGE", format!("permission denied for the sequence of {table}")));
            }
            if let Some((_, reason)) = missing.first() {
                let reason = reason.clone();
                let rights = missing.into_iter().map(|(right, _)| right).collect();
                forbidden.push(Forbidden { table: (*table).to_owned(), rights, reason });
            }
        }
        Ok(forbidden)
    }

    /// What of the four is refused, each with the reason.
    async fn refused(&self, table: &str) -> Result<Vec<(&'static str, String)>> {
        let column = self.first_column(table).await?;
        let mut missing = Vec::new();
        for (right, text) in STATEMENTS {
            let text = text.replace("{table}", table).replace("{column}", &column);
            let mut session = self.pools().read().await?;
            let answer = session.connection().plain(&text).await;
            match session.release(answer) {
                Ok(()) => {}
                // MariaDB says of a server that takes no writes that it does not.
                Err(Error::Refused(reason) | Error::NotWritable(reason)) => {
                    missing.push((right, reason));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(missing)
    }

    async fn first_column(&self, table: &str) -> Result<String> {
        let sql = self.dialect().pick(
            "SELECT name FROM pragma_table_info(?) ORDER BY cid",
            "SELECT CAST(column_name AS text) FROM information_schema.columns \
             WHERE table_schema = ANY(current_schemas(false)) AND table_name = ? ORDER BY ordinal_position",
            "SELECT column_name FROM information_schema.columns \
             WHERE table_schema = database() AND table_name = ? ORDER BY ordinal_position",
        );
        let row = self.row(sql, arguments![table]).await?;
        row.map_or_else(|| Ok("id".to_owned()), |row| row.text(0))
    }

    /// Whether new rows of a home's table get their numbers: on PostgreSQL that is a right of its own.
    async fn may_count(&self, table: &str) -> Result<bool> {
        if self.dialect() != Dialect::Postgres {
            return Ok(true);
        }
        let sql = "SELECT CAST(CASE WHEN has_sequence_privilege(pg_get_serial_sequence(?, 'id'), 'USAGE') = false \
                   THEN 0 ELSE 1 END AS bigint)";
        Ok(self.row(sql, arguments![table]).await?.map_or(Ok(1), |row| row.int(0))? == 1)
    }

    /// Whether the user may create tables.
    pub async fn may_create(&self) -> Result<bool> {
        match self.dialect() {
            Dialect::Sqlite => Ok(true),
            Dialect::Postgres => {
                let sql = "SELECT CAST(CASE WHEN has_schema_privilege(current_schema(), 'CREATE') THEN 1 ELSE 0 END AS bigint)";
                Ok(self.row(sql, arguments![]).await?.map_or(Ok(0), |row| row.int(0))? == 1)
            }
            Dialect::MariaDb => {
                let database = self.row("SELECT database()", arguments![]).await?;
                let database = database.map(|row| row.text(0)).transpose()?.unwrap_or_default();
                let grants = self.rows("SHOW GRANTS", arguments![]).await?;
                let grants: Result<Vec<String>> = grants.iter().map(|row| row.text(0)).collect();
                Ok(grants?.iter().any(|grant| grants_create(grant, &database)))
            }
        }
    }

    /// Whether the server takes no writes at all: a standby, or one that was told so.
    pub async fn is_read_only(&self) -> Result<bool> {
        // MariaDB refuses the statements of `forbidden` instead, but not those of an administrator.
        if self.dialect() != Dialect::Postgres {
            return Ok(false);
        }
        let sql = "SELECT current_setting('transaction_read_only')";
        Ok(self.row(sql, arguments![]).await?.is_some_and(|row| row.lenient(0) == "on"))
    }

    /// The database's clock.
    pub async fn clock(&self) -> Result<Timestamp> {
        let sql = self.dialect().pick(
            "SELECT CAST(strftime('%s', 'now') AS INTEGER) * 1000000",
            "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)",
            "SELECT CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS SIGNED)",
        );
        let micros = self.row(sql, arguments![]).await?.map(|row| row.int(0)).transpose()?;
        micros
            .and_then(from_micros)
            .ok_or_else(|| Error::Invalid("the database has no clock that can be read".into()))
    }
}

/// Whether a line of MariaDB's SHOW GRANTS allows to create tables in a database.
fn grants_create(grant: &str, database: &str) -> bool {
    let Some((rights, rest)) = grant.strip_prefix("GRANT ").and_then(|it| it.split_once(" ON "))
    else {
        return false;
    };
    let may = rights.split(',').any(|right| matches!(right.trim(), "ALL PRIVILEGES" | "CREATE"));
    let place = rest.split(" TO ").next().unwrap_or_default();
    let pattern = place.strip_suffix(".*").unwrap_or_default().trim_matches('`');
    may && (pattern == "*" || is_like(pattern.as_bytes(), database.as_bytes()))
}

/// As LIKE compares.
fn is_like(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern, text) {
        ([], []) => true,
        ([b'%', rest @ ..], _) => {
            is_like(rest, text) || !text.is_empty() && is_like(pattern, &text[1..])
        }
        ([b'_', rest @ ..], [_, text @ ..]) => is_like(rest, text),
        ([b'\\', byte, rest @ ..] | [byte, rest @ ..], [first, text @ ..]) => {
            byte == first && is_like(rest, text)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_create_tables() {
        for (grant, expected) in [
            ("GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` WITH GRANT OPTION", true),
            ("GRANT ALL PRIVILEGES ON `otrs`.* TO `otrs`@`%`", true),
            ("GRANT SELECT, INSERT, CREATE, ALTER ON `otrs`.* TO `otrs`@`%`", true),
            ("GRANT SELECT, CREATE ON `ot%`.* TO `otrs`@`%`", true),
            ("GRANT CREATE ON `o_r\\s`.* TO `otrs`@`%`", true),
            ("GRANT SELECT, INSERT ON `otrs`.* TO `otrs`@`%`", false),
            ("GRANT CREATE ROUTINE ON `otrs`.* TO `otrs`@`%`", false),
            ("GRANT CREATE ON `otrs`.`scheduler_task` TO `otrs`@`%`", false),
            ("GRANT CREATE ON `other`.* TO `otrs`@`%`", false),
            ("GRANT CREATE ON `otr\\_`.* TO `otrs`@`%`", false),
            ("GRANT USAGE ON *.* TO `otrs`@`%` IDENTIFIED BY PASSWORD '*1'", false),
            ("GRANT `role` TO `otrs`@`%`", false),
        ] {
            assert_eq!(grants_create(grant, "otrs"), expected, "{grant}");
        }
    }
}
