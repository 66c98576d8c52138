//! Arrays in and out.

use std::str::FromStr as _;

use sqlx::{ConnectOptions as _, Connection as _, PgConnection, postgres::PgConnectOptions};

use super::{Claimed, NAME, TYPE, idents, micros, wall};

/// With what keeps the planner from sorting a table that has no statistics yet.
pub(super) async fn connect(url: &str) -> sqlx::Result<PgConnection> {
    let options = PgConnectOptions::from_str(url)?.options([
        ("enable_sort", "off"),
        ("enable_bitmapscan", "off"),
        ("jit", "off"),
    ]);
    options.disable_statement_logging().connect().await
}

pub(super) async fn drain(
    connection: &mut PgConnection,
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
        claimed = claim(&mut transaction, key, batch).await?;
        transaction.commit().await?;
        if claimed.is_empty() {
            return Ok(tasks);
        }
    }
}

pub(super) async fn claim(
    connection: &mut PgConnection,
    key: i64,
    batch: u32,
) -> sqlx::Result<Vec<Claimed>> {
    let rows: Vec<(i64, i64, String, String, String)> = sqlx::query_as(
        "UPDATE scheduler_task SET lock_key = $1, lock_time = $2::text::timestamp, \
         lock_update_time = $2::text::timestamp WHERE id = ANY(ARRAY(SELECT id FROM scheduler_task \
         WHERE lock_key = 0 ORDER BY priority, id LIMIT $3 FOR UPDATE SKIP LOCKED)) AND lock_key + 0 = 0 \
         RETURNING id, ident, task_type, name, task_data",
    )
    .bind(key)
    .bind(wall())
    .bind(i64::from(batch))
    .fetch_all(connection)
    .await?;
    let row = |(id, ident, task_type, name, _)| Claimed { id, ident, task_type, name };
    Ok(rows.into_iter().map(row).collect())
}

async fn complete(
    connection: &mut PgConnection,
    key: i64,
    claimed: &[Claimed],
) -> sqlx::Result<()> {
    let ids: Vec<i64> = claimed.iter().map(|it| it.id).collect();
    sqlx::query("DELETE FROM scheduler_task WHERE lock_key = $1 AND id = ANY($2)")
        .bind(key)
        .bind(ids)
        .execute(&mut *connection)
        .await?;
    let now = vec![micros(); claimed.len()];
    sqlx::query(
        "INSERT INTO otrsd_execution (ident, task_type, name, node, lock_key, outcome, started, ended) \
         SELECT a, b, c, 1, $6, 'success', d, e \
         FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::bigint[]) AS rows(a, b, c, d, e)",
    )
    .bind(claimed.iter().map(|it| it.ident).collect::<Vec<_>>())
    .bind(claimed.iter().map(|it| it.task_type.as_str()).collect::<Vec<_>>())
    .bind(claimed.iter().map(|it| it.name.as_str()).collect::<Vec<_>>())
    .bind(&now)
    .bind(&now)
    .bind(key)
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn add(
    connection: &mut PgConnection,
    tasks: u32,
    batch: u32,
) -> sqlx::Result<u32> {
    let mut left = tasks;
    while left > 0 {
        let now = left.min(batch);
        sqlx::query(
            "INSERT INTO scheduler_task (ident, task_type, name, task_data, create_time) \
             SELECT ident, $2, $3, '{}', $4::text::timestamp FROM unnest($1::bigint[]) AS rows(ident)",
        )
        .bind(idents(now))
        .bind(TYPE)
        .bind(NAME)
        .bind(wall())
        .execute(&mut *connection)
        .await?;
        left -= now;
    }
    Ok(tasks)
}
