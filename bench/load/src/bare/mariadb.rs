//! Rows of placeholders, and a look before the lock.

use std::str::FromStr as _;

use sqlx::{
    ConnectOptions as _, Connection as _, Executor as _, MySql, MySqlConnection, QueryBuilder,
    mysql::MySqlConnectOptions,
};

use super::{Claimed, NAME, TYPE, idents, micros, wall};

pub(super) async fn connect(url: &str) -> sqlx::Result<MySqlConnection> {
    let options = MySqlConnectOptions::from_str(url)?.disable_statement_logging();
    let mut connection = options.connect().await?;
    connection.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED").await?;
    Ok(connection)
}

/// Rows a statement.
const ROWS: usize = 500;

pub(super) async fn drain(
    connection: &mut MySqlConnection,
    key: i64,
    batch: u32,
) -> sqlx::Result<u32> {
    let mut tasks = 0;
    let mut claimed: Vec<Claimed> = Vec::new();
    loop {
        let mut transaction = connection.begin().await?;
        if !claimed.is_empty() {
            complete(&mut transaction, key, &claimed).await?;
        }
        tasks += u32::try_from(claimed.len()).unwrap_or(u32::MAX);
        claimed = look_and_lock(&mut transaction, key, batch).await?;
        transaction.commit().await?;
        if claimed.is_empty() {
            return Ok(tasks);
        }
    }
}

pub(super) async fn claim(
    connection: &mut MySqlConnection,
    key: i64,
    batch: u32,
) -> sqlx::Result<Vec<Claimed>> {
    let mut transaction = connection.begin().await?;
    let claimed = look_and_lock(&mut transaction, key, batch).await?;
    transaction.commit().await?;
    Ok(claimed)
}

async fn look_and_lock(
    connection: &mut MySqlConnection,
    key: i64,
    batch: u32,
) -> sqlx::Result<Vec<Claimed>> {
    let rows: Vec<(i64, i64, String, String, Vec<u8>)> = sqlx::query_as(
        "SELECT id, ident, task_type, name, task_data FROM scheduler_task WHERE lock_key = 0 \
         ORDER BY priority, id LIMIT ? FOR UPDATE SKIP LOCKED",
    )
    .bind(batch)
    .fetch_all(&mut *connection)
    .await?;
    if !rows.is_empty() {
        lock(connection, key, rows.iter().map(|row| row.0)).await?;
    }
    let row = |(id, ident, task_type, name, _)| Claimed { id, ident, task_type, name };
    Ok(rows.into_iter().map(row).collect())
}

async fn complete(
    connection: &mut MySqlConnection,
    key: i64,
    claimed: &[Claimed],
) -> sqlx::Result<()> {
    let mut delete = QueryBuilder::<MySql>::new("DELETE FROM scheduler_task WHERE id IN (");
    let mut ids = delete.separated(",");
    for it in claimed {
        ids.push_bind(it.id);
    }
    delete.push(") AND lock_key + 0 = ").push_bind(key);
    delete.build().execute(&mut *connection).await?;
    let now = micros();
    for claimed in claimed.chunks(ROWS) {
        let mut insert = QueryBuilder::<MySql>::new(
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
    connection: &mut MySqlConnection,
    tasks: u32,
    batch: u32,
) -> sqlx::Result<u32> {
    let mut left = tasks;
    while left > 0 {
        let now = left.min(batch);
        let mut transaction = connection.begin().await?;
        for idents in idents(now).chunks(ROWS) {
            let mut insert = QueryBuilder::<MySql>::new(
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

async fn lock(
    connection: &mut MySqlConnection,
    key: i64,
    ids: impl Iterator<Item = i64>,
) -> sqlx::Result<()> {
    let mut update = QueryBuilder::<MySql>::new("UPDATE scheduler_task SET lock_key = ");
    update.push_bind(key).push(", lock_time = ").push_bind(wall());
    update.push(", lock_update_time = ").push_bind(wall()).push(" WHERE id IN (");
    let mut list = update.separated(",");
    for id in ids {
        list.push_bind(id);
    }
    update.push(")");
    update.build().execute(connection).await?;
    Ok(())
}
