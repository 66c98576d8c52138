//! Rows of placeholders, one writer.

use std::{str::FromStr as _, time::Duration};

use sqlx::{
    ConnectOptions as _, Connection as _, QueryBuilder, Sqlite, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};

use super::{Claimed, NAME, TYPE, idents, micros, wall};

/// As durable as the store is.
pub(super) async fn connect(url: &str) -> sqlx::Result<SqliteConnection> {
    let options = SqliteConnectOptions::from_str(url)?
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_mins(1))
        .pragma("wal_autocheckpoint", "8000");
    options.disable_statement_logging().connect().await
}

/// Rows a statement.
const ROWS: usize = 500;

pub(super) async fn drain(
    connection: &mut SqliteConnection,
    key: i64,
    batch: u32,
) -> sqlx::Result<u32> {
    let mut tasks = 0;
    let mut claimed: Vec<Claimed> = Vec::new();
    loop {
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        if !claimed.is_empty() {
            complete(&mut transaction, key, &claimed).await?;
        }
        tasks += u32::try_from(claimed.len()).unwrap_or(u32::MAX);
        claimed = claim(&mut transaction, key, batch).await?;
        transaction.commit().await?;
        if claimed.is_empty() {
            return Ok(tasks);
        }
    }
}

pub(super) async fn claim(
    connection: &mut SqliteConnection,
    key: i64,
    batch: u32,
) -> sqlx::Result<Vec<Claimed>> {
    let rows: Vec<(i64, i64, String, String, String)> = sqlx::query_as(
        "UPDATE scheduler_task SET lock_key = ?1, lock_time = ?2, lock_update_time = ?2 \
         WHERE id IN (SELECT id FROM scheduler_task WHERE lock_key = 0 ORDER BY priority, id LIMIT ?3) \
         RETURNING id, ident, task_type, name, task_data",
    )
    .bind(key)
    .bind(wall())
    .bind(batch)
    .fetch_all(connection)
    .await?;
    let row = |(id, ident, task_type, name, _)| Claimed { id, ident, task_type, name };
    Ok(rows.into_iter().map(row).collect())
}

async fn complete(
    connection: &mut SqliteConnection,
    key: i64,
    claimed: &[Claimed],
) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM scheduler_task WHERE lock_key = ?")
        .bind(key)
        .execute(&mut *connection)
        .await?;
    let now = micros();
    for claimed in claimed.chunks(ROWS) {
        let mut insert = QueryBuilder::<Sqlite>::new(
            "INSERT INTO otrsd_execution (ident, task_type, name, node, lock_key, outcome, started, ended) ",
        );
        insert.push_values(claimed, |mut row, it| {
            row.push_bind(it.ident).push_bind(&it.task_type).push_bind(&it.name).push("1");
            row.push_bind(key).push("'success'").push_bind(now).push_bind(now);
        });
        insert.build().execute(&mut *connection).await?;
    }
    Ok(())
}

pub(super) async fn add(
    connection: &mut SqliteConnection,
    tasks: u32,
    batch: u32,
) -> sqlx::Result<u32> {
    let mut left = tasks;
    while left > 0 {
        let now = left.min(batch);
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        for idents in idents(now).chunks(ROWS) {
            let mut insert = QueryBuilder::<Sqlite>::new(
                "INSERT INTO scheduler_task (ident, task_type, name, task_data, create_time) ",
            );
            insert.push_values(idents, |mut row, ident| {
                row.push_bind(ident).push_bind(TYPE).push_bind(NAME).push("'{}'").push_bind(wall());
            });
            insert.build().execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        left -= now;
    }
    Ok(tasks)
}
