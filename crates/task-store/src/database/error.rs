//! What can go wrong with a database, grouped by what the caller does about it.

use crate::database::{codes, table};

/// The one error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The database is away, full, or overloaded, and said so. Nothing was changed; try again later.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// The server takes no writes: it is a standby, was fenced, or lost its cluster. Nothing was changed, and
    /// the next connection may reach one that does; try again later.
    #[error("the database is not available: the server takes no writes: {0}")]
    NotWritable(String),
    /// The connection broke, or no answer came in time, in a call that changes nothing.
    #[error("the database is not available: {0}")]
    Disconnected(String),
    /// Others were in the way (deadlock, serialization, lock wait, certification), again and again.
    #[error("other transactions were in the way: {0}")]
    Conflict(String),
    /// No answer came to a change, and the database could not tell yet what became of it: it may have happened,
    /// or happen still. Ask for the task, by the id that it was given, before it is enqueued again.
    #[error("no answer to a change, whose outcome is not known: {0}")]
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
        self.ends_connection() || matches!(self, Self::Conflict(_))
    }

    /// Whether the database refuses what is asked for: of many rows, it may be for the sake of one.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::Duplicate(_) | Self::BadData { .. })
    }

    /// Whether the connection is of no more use.
    pub(crate) fn ends_connection(&self) -> bool {
        self.ends_all() || matches!(self, Self::Unavailable(_))
    }

    /// Whether the other connections to the same server are of no more use either.
    pub(crate) fn ends_all(&self) -> bool {
        matches!(self, Self::NotWritable(_) | Self::Disconnected(_) | Self::UnknownOutcome(_))
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

    /// The same trouble, met by what changes something: only an answer tells that nothing was changed.
    pub(crate) fn in_commit(self) -> Self {
        match self {
            Self::Disconnected(reason) => Self::UnknownOutcome(reason),
            other => other,
        }
    }

    /// As it is told in the end.
    pub(crate) fn given_up(self) -> Self {
        match self {
            Self::Disconnected(reason) => Self::Unavailable(reason),
            other => other,
        }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(error) => codes::meaning(error.as_ref()),
            sqlx::Error::Configuration(error) => Self::Invalid(error.to_string()),
            sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::Decode(_)
            | sqlx::Error::Encode(_)
            | sqlx::Error::ColumnNotFound(_)
            | sqlx::Error::TypeNotFound { .. } => Self::Schema(error.to_string()),
            error => Self::Disconnected(error.to_string()),
        }
    }
}

/// The result of everything that asks a database.
pub type Result<T, E = Error> = std::result::Result<T, E>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waiting_helps_against() {
        for (error, is_transient, ends_all) in [
            (Error::Unavailable(String::new()), true, false),
            (Error::NotWritable(String::new()), true, true),
            (Error::Disconnected(String::new()), true, true),
            (Error::UnknownOutcome(String::new()), true, true),
            (Error::Conflict(String::new()), true, false),
            (Error::Refused(String::new()), false, false),
            (Error::Duplicate(String::new()), false, false),
        ] {
            assert_eq!((error.is_transient(), error.ends_all()), (is_transient, ends_all));
        }
    }
}
