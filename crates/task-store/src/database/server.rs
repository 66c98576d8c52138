//! What differs between the servers: how a session begins, and how a server says that it takes no writes.

use std::fmt::Debug;
use std::time::Duration;

use sqlx::mysql::MySqlConnection;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Database, Executor as _, MySql, Postgres, Row as _};

use super::codes::POOLED;
use super::pools::LOCK_TIMEOUT;
use crate::database::error::{Error, Result};

/// The options of a connection to a server of a kind.
pub(super) type OptionsOf<DB> = <<DB as Database>::Connection as Connection>::Options;

/// A kind of server.
pub(super) trait Server: Database<Connection: Debug> {
    /// Makes a session of a new connection; why its server takes no writes, if it takes none.
    fn begin(
        connection: &mut Self::Connection,
        deadline: Duration,
    ) -> impl Future<Output = Result<Option<String>>> + Send;

    /// Why the server takes no writes, if it takes none.
    fn refusal(
        connection: &mut Self::Connection,
    ) -> impl Future<Output = Result<Option<String>>> + Send;
}

/// A hot standby counts as read-only too. The word for people is the first column.
const POSTGRES: &str = "SELECT CASE WHEN current_setting('transaction_read_only') = 'off' THEN '' \
    WHEN pg_is_in_recovery() THEN 'it is a standby' ELSE 'transaction_read_only is on' END";

/// Not everybody is bound by `read_only`, but a server that has it is not the one to write to.
const MARIADB: &str =
    "SELECT IF(CAST(@@global.read_only AS CHAR) IN ('0', 'OFF'), '', 'read_only is on')";

impl Server for Postgres {
    /// Not by parameters of the connection's start, which poolers refuse. The mark that a session leaves is
    /// taken away with it, unless a pooler gives its server's session to others.
    async fn begin(raw: &mut PgConnection, deadline: Duration) -> Result<Option<String>> {
        let lock_wait = LOCK_TIMEOUT.min(deadline).as_millis();
        let deadline = deadline.as_millis();
        let rows = answers::<Self>(
            raw,
            format!(
                "{POSTGRES}; SELECT coalesce(current_setting('otrsd.session', true), ''); \
                 SET otrsd.session = 'begun'; \
                 SET statement_timeout = {deadline}; SET lock_timeout = {lock_wait}; \
                 SET idle_in_transaction_session_timeout = {deadline}; \
                 SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3; \
                 {PLANS}"
            ),
        )
        .await?;
        if rows.get(1).is_some_and(|mark| !mark.is_empty()) {
            return Err(Error::Refused(format!(
                "the server's session was another client's before: {POOLED}"
            )));
        }
        Ok(reason(&rows))
    }

    async fn refusal(raw: &mut PgConnection) -> Result<Option<String>> {
        Ok(reason(&answers::<Self>(raw, POSTGRES.to_owned()).await?))
    }
}

/// A queue grows from nothing faster than statistics: without these, the planner takes a full table for an empty
/// one, and sorts it at every claim.
const PLANS: &str =
    "SET enable_sort = off; SET enable_bitmapscan = off; SET enable_seqscan = off; SET jit = off";

impl Server for MySql {
    async fn begin(raw: &mut MySqlConnection, deadline: Duration) -> Result<Option<String>> {
        let lock_wait = LOCK_TIMEOUT.min(deadline).as_secs().max(1);
        let rows = answers::<Self>(
            raw,
            format!(
                "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; \
                 SET SESSION innodb_lock_wait_timeout = {lock_wait}; {MARIADB}"
            ),
        )
        .await?;
        Ok(reason(&rows))
    }

    async fn refusal(raw: &mut MySqlConnection) -> Result<Option<String>> {
        Ok(reason(&answers::<Self>(raw, MARIADB.to_owned()).await?))
    }
}

fn reason(rows: &[String]) -> Option<String> {
    rows.first().filter(|reason| !reason.is_empty()).cloned()
}

/// The first column of all rows of statements that are sent together.
async fn answers<DB: Server>(raw: &mut DB::Connection, text: String) -> Result<Vec<String>>
where
    for<'c> &'c mut DB::Connection: sqlx::Executor<'c, Database = DB>,
    usize: sqlx::ColumnIndex<DB::Row>,
    String: for<'r> sqlx::Decode<'r, DB> + sqlx::Type<DB>,
{
    let rows = raw.fetch_all(sqlx::raw_sql(AssertSqlSafe(text))).await?;
    Ok(rows.iter().map(|row| row.try_get(0)).collect::<sqlx::Result<_>>()?)
}
