//! A connection of one of the three databases, on which statements run, each with a deadline.

use std::time::Duration;

use sqlx::mysql::{MySqlArguments, MySqlConnection};
use sqlx::postgres::{PgArguments, PgConnection};
use sqlx::sqlite::{SqliteArguments, SqliteConnection};
use sqlx::{Arguments as _, AssertSqlSafe, Executor as _};

use crate::database::error::{Error, Result};
use crate::database::notation::{padded, render};
use crate::database::row::RawRow;
use crate::database::{Argument, Column, Dialect, Row};

/// A borrowed connection: of our pool, or of the caller's own transaction.
pub struct Connection<'c> {
    pub(super) raw: RawConnection<'c>,
    pub(super) deadline: Duration,
}

pub(super) enum RawConnection<'c> {
    Sqlite(&'c mut SqliteConnection),
    Postgres(&'c mut PgConnection),
    MariaDb(&'c mut MySqlConnection),
}

/// How long a statement in the caller's own transaction may take.
const BORROWED_STATEMENT_TIMEOUT: Duration = Duration::from_secs(30);

macro_rules! borrowed {
    ($($raw:ty => $variant:ident),*) => {$(
        impl<'c> From<&'c mut $raw> for Connection<'c> {
            /// Of the caller's transaction: statements run in it, and end with it.
            fn from(raw: &'c mut $raw) -> Self {
                Self { raw: RawConnection::$variant(raw), deadline: BORROWED_STATEMENT_TIMEOUT }
            }
        }
    )*};
}
borrowed!(SqliteConnection => Sqlite, PgConnection => Postgres, MySqlConnection => MariaDb);

impl Connection<'_> {
    /// Which SQL is spoken here.
    pub(crate) fn dialect(&self) -> Dialect {
        match self.raw {
            RawConnection::Sqlite(_) => Dialect::Sqlite,
            RawConnection::Postgres(_) => Dialect::Postgres,
            RawConnection::MariaDb(_) => Dialect::MariaDb,
        }
    }

    /// Runs a statement; how many rows it changed.
    pub(crate) async fn execute(
        &mut self,
        sql: &'static str,
        arguments: &[Argument<'_>],
    ) -> Result<u64> {
        let text = render(sql, self.dialect(), arguments);
        self.execute_text(text, arguments).await
    }

    /// As [`execute`](Self::execute), for a text that is made of constants of this crate.
    pub(super) async fn execute_text(
        &mut self,
        text: String,
        arguments: &[Argument<'_>],
    ) -> Result<u64> {
        let sql = AssertSqlSafe(text.as_str());
        let work = async {
            Ok::<u64, sqlx::Error>(match &mut self.raw {
                RawConnection::Sqlite(raw) => {
                    raw.execute(sqlx::query_with(sql, sqlite(arguments)?)).await?.rows_affected()
                }
                RawConnection::Postgres(raw) => {
                    raw.execute(sqlx::query_with(sql, postgres(arguments)?)).await?.rows_affected()
                }
                RawConnection::MariaDb(raw) => {
                    raw.execute(sqlx::query_with(sql, mariadb(arguments)?)).await?.rows_affected()
                }
            })
        };
        within(self.deadline, work).await.map_err(|error| error.met_by(&text))
    }

    /// Runs a statement; its rows.
    pub(crate) async fn rows(
        &mut self,
        sql: &'static str,
        arguments: &[Argument<'_>],
    ) -> Result<Vec<Row>> {
        let text = AssertSqlSafe(render(sql, self.dialect(), arguments));
        let work = async {
            Ok::<Vec<RawRow>, sqlx::Error>(match &mut self.raw {
                RawConnection::Sqlite(raw) => {
                    let rows = raw.fetch_all(sqlx::query_with(text, sqlite(arguments)?)).await?;
                    rows.into_iter().map(RawRow::Sqlite).collect()
                }
                RawConnection::Postgres(raw) => {
                    let rows = raw.fetch_all(sqlx::query_with(text, postgres(arguments)?)).await?;
                    rows.into_iter().map(RawRow::Postgres).collect()
                }
                RawConnection::MariaDb(raw) => {
                    let rows = raw.fetch_all(sqlx::query_with(text, mariadb(arguments)?)).await?;
                    rows.into_iter().map(RawRow::MariaDb).collect()
                }
            })
        };
        let rows = within(self.deadline, work).await.map_err(|error| error.met_by(sql))?;
        Ok(rows.into_iter().map(|raw| Row { raw, sql }).collect())
    }

    /// Runs a statement; its first row.
    pub(crate) async fn row(
        &mut self,
        sql: &'static str,
        arguments: &[Argument<'_>],
    ) -> Result<Option<Row>> {
        Ok(self.rows(sql, arguments).await?.into_iter().next())
    }

    /// Runs a statement that is not prepared: BEGIN, COMMIT, DDL.
    pub(crate) async fn plain(&mut self, text: &str) -> Result<()> {
        let sql = sqlx::raw_sql(AssertSqlSafe(text.to_owned()));
        let work = async {
            match &mut self.raw {
                RawConnection::Sqlite(raw) => raw.execute(sql).await.map(drop),
                RawConnection::Postgres(raw) => raw.execute(sql).await.map(drop),
                RawConnection::MariaDb(raw) => raw.execute(sql).await.map(drop),
            }
        };
        within(self.deadline, work).await
    }
}

pub(super) async fn within<T>(
    deadline: Duration,
    work: impl Future<Output = sqlx::Result<T>>,
) -> Result<T> {
    match tokio::time::timeout(deadline, work).await {
        Ok(answer) => answer.map_err(Error::from),
        Err(_) => {
            Err(Error::Disconnected(format!("no answer within {} s", deadline.as_secs_f32())))
        }
    }
}

fn sqlite(arguments: &[Argument<'_>]) -> sqlx::Result<SqliteArguments> {
    let mut bound = SqliteArguments::default();
    for argument in arguments {
        match argument {
            Argument::Int(number) => bound.add(*number),
            Argument::Text(text) => bound.add(text.map(str::to_owned)),
            Argument::Owned(text) => bound.add(text.clone()),
            Argument::Ints(list) => bound.add(serde_json::json!(list).to_string()),
            Argument::Texts(list) => bound.add(serde_json::json!(list).to_string()),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(bound)
}

fn postgres(arguments: &[Argument<'_>]) -> sqlx::Result<PgArguments> {
    let mut bound = PgArguments::default();
    for argument in arguments {
        match argument {
            Argument::Int(number) => bound.add(*number),
            Argument::Text(text) => bound.add(*text),
            Argument::Owned(text) => bound.add(text),
            Argument::Ints(list) => bound.add(*list),
            Argument::Texts(list) => bound.add(*list),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(bound)
}

fn mariadb(arguments: &[Argument<'_>]) -> sqlx::Result<MySqlArguments> {
    let mut bound = MySqlArguments::default();
    for argument in arguments {
        match argument {
            Argument::Int(number) => bound.add(*number),
            Argument::Text(text) => bound.add(*text),
            Argument::Owned(text) => bound.add(text),
            Argument::Ints(list) => {
                let filler = list.last().copied().unwrap_or(i64::MIN);
                fill(&mut bound, list.iter().copied(), list.len(), filler)
            }
            Argument::Texts(list) => {
                let filler = list.last().map_or(NO_TEXT, String::as_str);
                fill(&mut bound, list.iter().map(String::as_str), list.len(), filler)
            }
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(bound)
}

/// Longer than any column of types and names, so that no row has it.
const NO_TEXT: &str = "----------------------------------------------------------------------\
    ----------------------------------------------------------------------\
    ----------------------------------------------------------------------";

/// A list has as many values as placeholders: the rest is filled with its last, an empty one with what no row has.
fn fill<'a, T>(
    bound: &mut MySqlArguments,
    list: impl Iterator<Item = T>,
    length: usize,
    nothing: T,
) -> Result<(), sqlx::error::BoxDynError>
where
    T: Clone + sqlx::Encode<'a, sqlx::MySql> + sqlx::Type<sqlx::MySql>,
{
    let missing = padded(length) - length;
    list.chain(std::iter::repeat_n(nothing, missing)).try_for_each(|value| bound.add(value))
}

impl Connection<'_> {
    /// Runs a statement of PostgreSQL whose arguments are the columns of the rows.
    pub(super) async fn execute_arrays(
        &mut self,
        text: String,
        columns: &[Column],
        rows: &[Vec<Argument<'_>>],
    ) -> Result<()> {
        let RawConnection::Postgres(raw) = &mut self.raw else { return Ok(()) };
        let mut bound = PgArguments::default();
        for (position, column) in columns.iter().enumerate() {
            let cells = rows.iter().map(|row| &row[position]);
            match column {
                Column::Int => bound.add(cells.map(Argument::number).collect::<Vec<_>>()),
                _ => bound.add(cells.map(Argument::string).collect::<Vec<_>>()),
            }
            .map_err(|error| Error::from(sqlx::Error::Encode(error)))?;
        }
        within(self.deadline, raw.execute(sqlx::query_with(AssertSqlSafe(text), bound))).await?;
        Ok(())
    }
}
