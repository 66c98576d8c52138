//! One way to talk to three databases: SQL in a common notation, arguments and rows of two types.
//!
//! Logic above this module is written once. Where the dialects differ, a statement has a text for each;
//! where they agree, one text serves all, and `notation` puts in the placeholders.

mod argument;
mod bulk;
pub(crate) mod codes;
mod connection;
mod connection_cache;
pub(crate) mod error;
mod heartbeat;
mod notation;
mod pools;
mod row;
mod server;
mod session;
mod sqlite_file;
mod tls;
mod url;

pub(crate) use argument::Argument;
pub(crate) use bulk::{Column, Insert, ONCE};
pub use connection::Connection;
pub(crate) use pools::Pools;
pub(crate) use row::{Row, table};
pub(crate) use session::RetryBudget;
pub use url::DatabaseUrl;

/// Which SQL is spoken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Dialect {
    /// SQLite 3.
    Sqlite,
    /// PostgreSQL.
    Postgres,
    /// MariaDB and MySQL.
    MariaDb,
}

impl Dialect {
    /// The text for this dialect, of three.
    pub(crate) fn pick(
        self,
        sqlite: &'static str,
        postgres: &'static str,
        mariadb: &'static str,
    ) -> &'static str {
        match self {
            Self::Sqlite => sqlite,
            Self::Postgres => postgres,
            Self::MariaDb => mariadb,
        }
    }
}

/// The arguments of a statement, in the order of its placeholders.
macro_rules! arguments {
    ($($argument:expr),* $(,)?) => { &[$($crate::database::Argument::from($argument)),*] };
}
pub(crate) use arguments;
