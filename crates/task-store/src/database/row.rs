//! One row of an answer: integers and texts by position, each refusal naming table, column and row.

use sqlx::mysql::MySqlRow;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{Column as _, Row as _, TypeInfo as _};

use crate::database::error::{Error, Result};

pub(crate) struct Row {
    pub(super) raw: RawRow,
    /// The statement, for messages.
    pub(super) sql: &'static str,
}

pub(super) enum RawRow {
    Sqlite(SqliteRow),
    Postgres(PgRow),
    MariaDb(MySqlRow),
}

impl Row {
    /// An integer that is never null.
    pub(crate) fn int(&self, position: usize) -> Result<i64> {
        self.maybe_int(position)?.ok_or_else(|| self.bad(position, "a number"))
    }

    /// An integer of any width.
    pub(crate) fn maybe_int(&self, position: usize) -> Result<Option<i64>> {
        let read = match &self.raw {
            RawRow::Sqlite(row) => row.try_get(position),
            RawRow::MariaDb(row) => row.try_get(position),
            RawRow::Postgres(row) => match row.column(position).type_info().name() {
                "INT2" => row.try_get::<Option<i16>, _>(position).map(|read| read.map(i64::from)),
                "INT4" => row.try_get::<Option<i32>, _>(position).map(|read| read.map(i64::from)),
                _ => row.try_get(position),
            },
        };
        read.map_err(|_| self.bad(position, "a whole number"))
    }

    /// A text that is never null.
    pub(crate) fn text(&self, position: usize) -> Result<String> {
        self.maybe_text(position)?.ok_or_else(|| self.bad(position, "a text"))
    }

    /// A text; MariaDB keeps some as bytes.
    pub(crate) fn maybe_text(&self, position: usize) -> Result<Option<String>> {
        match &self.raw {
            RawRow::Sqlite(row) => row.try_get(position).ok(),
            RawRow::Postgres(row) => row.try_get(position).ok(),
            RawRow::MariaDb(row) => row.try_get(position).ok().or_else(|| {
                let bytes: Option<Vec<u8>> = row.try_get(position).ok()?;
                bytes.map(String::from_utf8).transpose().ok()
            }),
        }
        .ok_or_else(|| self.bad(position, "text in UTF-8"))
    }

    /// A text that may be damaged, so that one bad row does not stop its neighbours: null is empty, and what
    /// is no UTF-8 is replaced.
    pub(crate) fn lenient(&self, position: usize) -> String {
        if let Ok(text) = self.maybe_text(position) {
            return text.unwrap_or_default();
        }
        let bytes: Vec<u8> = match &self.raw {
            RawRow::Sqlite(row) => row.try_get_unchecked(position),
            RawRow::Postgres(row) => row.try_get_unchecked(position),
            RawRow::MariaDb(row) => row.try_get_unchecked(position),
        }
        .unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// As [`lenient`](Self::lenient), where null means something.
    pub(crate) fn maybe_lenient(&self, position: usize) -> Option<String> {
        self.maybe_text(position).unwrap_or_else(|_| Some(self.lenient(position)))
    }

    /// An error about a column of this row; `id` is taken from the first column.
    pub(crate) fn bad(&self, position: usize, expected: &'static str) -> Error {
        let (column, row) = match &self.raw {
            RawRow::Sqlite(row) => (row.column(position).name(), first(row.try_get::<i64, _>(0))),
            RawRow::Postgres(row) => (row.column(position).name(), first(row.try_get::<i64, _>(0))),
            RawRow::MariaDb(row) => (row.column(position).name(), first(row.try_get::<i64, _>(0))),
        };
        Error::BadData { table: table(self.sql).into(), column: column.into(), row, expected }
    }
}

fn first(id: sqlx::Result<i64>) -> String {
    id.map_or_else(|_| "?".into(), |id| id.to_string())
}

/// The table that a statement is about: the word after its first FROM, INTO or UPDATE.
pub(crate) fn table(sql: &str) -> &str {
    let mut words = sql.split_whitespace();
    while let Some(word) = words.next() {
        if matches!(word, "FROM" | "INTO" | "UPDATE") {
            return words.next().unwrap_or_default();
        }
    }
    ""
}
