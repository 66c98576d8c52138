//! What can go wrong with a database, grouped by what the caller does about it.

use std::borrow::Cow;

use sqlx::error::{DatabaseError, ErrorKind};

use crate::database::table;

/// The one error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The database is away, read-only, full, or too slow. Nothing was changed; try again later.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// Others were in the way (deadlock, serialization, lock wait, certification), again and again.
    #[error("other transactions were in the way: {0}")]
    Conflict(String),
    /// The connection ended during a commit, and the database could not be asked what became of it.
    #[error("the connection ended during a commit, whose outcome is not known: {0}")]
    UnknownOutcome(String),
    /// A row holds what it must not. `row` is its `id` or key.
    #[error("table {table}, row {row}, column {column}: expected {expected}")]
    BadData {
        /// Its table.
        table: String,
        /// Its column.
        column: String,
        /// Its `id`, or else its key.
        row: String,
        /// What a good row has there.
        expected: &'static str,
    },
    /// A table or column is missing, or the schema is of another version.
    #[error(
        "the tables are not as they should be: {0}; `otrsd db migrate` makes missing ones, \
         `otrsd db schema` prints all for an administrator"
    )]
    Schema(String),
    /// The database said no: no right, wrong password, damaged file. Waiting does not help.
    #[error("the database refuses: {0}")]
    Refused(String),
    /// A row of that key is there already.
    #[error("there already: {0}")]
    Duplicate(String),
    /// The caller asked for what cannot be.
    #[error("{0}")]
    Invalid(String),
}

impl Error {
    /// Whether the same call may succeed later without anybody changing anything.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Conflict(_) | Self::UnknownOutcome(_))
    }

    /// Whether the database refuses what is asked for: of many rows, it may be for the sake of one.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::Duplicate(_) | Self::BadData { .. })
    }

    /// Whether the connection is of no more use.
    pub(crate) fn ends_connection(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::UnknownOutcome(_))
    }

    /// Databases name a missing column without its table: the statement knows it.
    pub(crate) fn met_by(self, sql: &str) -> Self {
        match (self, table(sql)) {
            (Self::Schema(text), table) if !table.is_empty() && !text.contains(table) => {
                Self::Schema(format!("{text}, in table {table}"))
            }
            (error, _) => error,
        }
    }

    /// The same trouble, met while committing.
    pub(crate) fn in_commit(self) -> Self {
        match self {
            Self::Unavailable(reason) => Self::UnknownOutcome(reason),
            other => other,
        }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(error) => of_database(error.as_ref()),
            sqlx::Error::Configuration(error) => Self::Invalid(error.to_string()),
            sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::Decode(_)
            | sqlx::Error::Encode(_)
            | sqlx::Error::ColumnNotFound(_)
            | sqlx::Error::TypeNotFound { .. } => Self::Schema(error.to_string()),
            error => Self::Unavailable(error.to_string()),
        }
    }
}

fn of_database(error: &dyn DatabaseError) -> Error {
    let text = error.message().to_owned();
    if error.kind() == ErrorKind::UniqueViolation {
        return Error::Duplicate(text);
    }
    let code = error.code().unwrap_or(Cow::Borrowed(""));
    if let Some(error) = error.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>() {
        return of_mariadb(error.number(), text);
    }
    if error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().is_some() {
        return of_postgres(&code, text);
    }
    of_sqlite(&code, text)
}

/// By SQLSTATE.
fn of_postgres(code: &str, text: String) -> Error {
    match code {
        "40001" | "40P01" | "55P03" => Error::Conflict(text),
        "42P07" => Error::Duplicate(text),
        "42P01" | "42703" | "42704" | "3F000" => Error::Schema(text),
        // Read-only after a failover, no memory, no disk, shutting down, timeouts.
        "25006" | "57014" => Error::Unavailable(text),
        _ => match code.get(..2) {
            Some("08" | "53" | "57" | "58") => Error::Unavailable(text),
            _ => Error::Refused(text),
        },
    }
}

/// By error number, the same in MariaDB and MySQL. Galera's certification failure is 1213 too.
fn of_mariadb(number: u16, text: String) -> Error {
    match number {
        1020 | 1205 | 1213 | 3572 => Error::Conflict(text),
        1054 | 1146 => Error::Schema(text),
        // Too many connections, shutting down, disk full, read-only, interrupted, Galera not ready.
        1021
        | 1028
        | 1030
        | 1040
        | 1041
        | 1047
        | 1053
        | 1114
        | 1158..=1161
        | 1203
        | 1290
        | 1317
        | 1792
        | 1836
        | 1927
        | 1969
        | 2006
        | 2013
        | 3024
        | 4031 => Error::Unavailable(text),
        _ => Error::Refused(text),
    }
}

/// By primary result code; sqlx gives the extended one.
fn of_sqlite(code: &str, text: String) -> Error {
    match code.parse::<i32>().unwrap_or(1) & 0xff {
        1 if text.starts_with("no such table") || text.contains("no such column") => {
            Error::Schema(text)
        }
        1 if text.contains("has no column named") => Error::Schema(text),
        5 | 6 => Error::Conflict(text),
        7 | 9 | 10 | 13 | 14 | 17 => Error::Unavailable(text),
        _ => Error::Refused(text),
    }
}

/// The result of everything that asks a database.
pub type Result<T, E = Error> = std::result::Result<T, E>;
