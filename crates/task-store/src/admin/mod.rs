//! What an administrator is concerned with: tables, rights, the deployed configuration of a home, SQL for other programs.

pub(crate) mod deployment;
pub(crate) mod plain_sql;
pub(crate) mod rights;
pub(crate) mod schema;
