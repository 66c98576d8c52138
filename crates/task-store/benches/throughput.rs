//! What the store gives, beside the bare statements of the same database in the same run.
//!
//!     eval "$(OTRSD_DURABLE=1 scripts/databases start DIR)"
//!     cargo bench -p task-store
//!
//! One row a database: tasks a second enqueued by thousands and one by one, and drained by 100 (finished with
//! its ledger row and claimed in one transaction) by one and by four workers.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark")]
#![expect(
    clippy::cast_precision_loss,
    clippy::disallowed_methods,
    reason = "a benchmark measures time"
)]

use std::time::Instant;

use jiff::Timestamp;
use sqlx::{AssertSqlSafe, Connection, Executor};
use task_store::{
    Claim, Execution, Finished, Identity, LockKey, NewTask, Options, Outcome, Owner, Store, Then,
};

const TASKS: usize = 20_000;
const SINGLE: usize = 1_600;
const BATCH: u32 = 100;

fn now() -> Timestamp {
    Timestamp::UNIX_EPOCH
}

#[tokio::main]
async fn main() {
    let directory = tempfile::Builder::new().tempdir_in(".").unwrap();
    let file = format!("sqlite:{}", directory.path().join("tasks.db").display());
    println!(
        "{:<10} {:>12} {:>12} {:>12} {:>12} {:>12} {:>12}",
        "", "add 1000", "add 1", "add 1 x 16", "drain x 1", "drain x 4", "bare x 1"
    );
    let postgres = std::env::var("OTRSD_TEST_POSTGRES").unwrap_or_default();
    let mariadb = std::env::var("OTRSD_TEST_MARIADB").unwrap_or_default();
    for (name, url) in
        [("SQLite", file), ("PostgreSQL", fresh(postgres).await), ("MariaDB", fresh(mariadb).await)]
    {
        if !url.is_empty() {
            row(name, &url).await;
        }
    }
}

/// A new database on a server; nothing if there is none.
async fn fresh(url: String) -> String {
    let name = format!("otrsd_bench_{}", fastrand::u32(..));
    let create = sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name}")));
    if url.starts_with("postgres") {
        sqlx::PgConnection::connect(&url).await.unwrap().execute(create).await.unwrap();
    } else if url.starts_with("mysql") {
        sqlx::MySqlConnection::connect(&url).await.unwrap().execute(create).await.unwrap();
    } else {
        return String::new();
    }
    format!("{}/{name}", url.rsplit_once('/').unwrap().0)
}

async fn row(name: &str, url: &str) {
    let store = Store::connect(url, Options { connections: 16, ..Options::default() }).unwrap();
    store.migrate(&Identity::default(), false).await.unwrap();
    let batch = add_batches(&store, TASKS).await;
    let one = drain(&store, 1, TASKS).await;
    add_batches(&store, TASKS).await;
    let four = drain(&store, 4, TASKS).await;
    let single = add_singles(&store, 1).await;
    let sixteen = add_singles(&store, 16).await;
    drain(&store, 1, SINGLE * 2).await;
    add_batches(&store, TASKS).await;
    let bare = bare(url).await;
    println!(
        "{name:<10} {batch:>12.0} {single:>12.0} {sixteen:>12.0} {one:>12.0} {four:>12.0} {bare:>12.0}"
    );
    store.close().await;
}

async fn add_batches(store: &Store, tasks: usize) -> f64 {
    let tasks: Vec<NewTask> =
        (0..tasks).map(|number| NewTask::new("Echo", number.to_string(), "{}")).collect();
    let start = Instant::now();
    for batch in tasks.chunks(1000) {
        store.add_many(batch, now()).await.unwrap();
    }
    tasks.len() as f64 / start.elapsed().as_secs_f64()
}

async fn add_singles(store: &Store, clients: usize) -> f64 {
    let start = Instant::now();
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..clients {
        let store = store.clone();
        all.spawn(async move {
            for _ in 0..SINGLE / clients {
                store.add(&NewTask::new("Echo", "one", "{}"), now()).await.unwrap();
            }
        });
    }
    all.join_all().await;
    (SINGLE / clients * clients) as f64 / start.elapsed().as_secs_f64()
}

async fn drain(store: &Store, workers: u32, tasks: usize) -> f64 {
    let start = Instant::now();
    let mut all = tokio::task::JoinSet::new();
    for number in 0..workers {
        let store = store.clone();
        all.spawn(
            async move { drain_by(&store, Owner::new(1, 10_000_000 + number).unwrap()).await },
        );
    }
    let drained: usize = all.join_all().await.into_iter().sum();
    assert_eq!(drained, tasks);
    drained as f64 / start.elapsed().as_secs_f64()
}

async fn drain_by(store: &Store, owner: Owner) -> usize {
    let mut drained = 0;
    let mut tasks = Vec::new();
    loop {
        let holding: Vec<i64> = tasks.iter().map(|task: &task_store::Task| task.row).collect();
        let ends: Vec<Finished> = tasks.drain(..).map(|task| end(task, owner)).collect();
        let claim = Claim { owner, slots: BATCH, except: &[], holding: &holding };
        drained += ends.len();
        tasks = store.finish(owner, &ends, Some(&claim), now()).await.unwrap().claimed;
        if tasks.is_empty() {
            return drained;
        }
    }
}

fn end(task: task_store::Task, owner: Owner) -> Finished {
    let execution = Execution {
        id: task.id,
        task_type: task.task_type,
        name: task.name,
        lock: LockKey::Ours(owner),
        node: 1,
        outcome: Outcome::Success,
        started: now(),
        ended: now(),
        cpu: None,
        peak_memory: None,
        error: None,
        output: None,
    };
    Finished { row: task.row, execution: Some(execution), then: Then::Delete }
}

/// The same table drained by two bare statements a batch on one connection: claim, delete; no ledger.
async fn bare(url: &str) -> f64 {
    macro_rules! drain {
        ($connection:ty, $claim:expr, $delete:expr) => {{
            let mut connection = <$connection>::connect(url).await.unwrap();
            let start = Instant::now();
            let mut drained = 0;
            loop {
                let rows = connection.fetch_all(sqlx::query($claim)).await.unwrap();
                if rows.is_empty() {
                    return drained as f64 / start.elapsed().as_secs_f64();
                }
                drained += rows.len();
                connection.execute(sqlx::query($delete)).await.unwrap();
            }
        }};
    }
    match url.split(':').next().unwrap() {
        "sqlite" => drain!(
            sqlx::SqliteConnection,
            "UPDATE scheduler_task SET lock_key = 2 WHERE id IN (SELECT id FROM scheduler_task WHERE lock_key = 0 ORDER BY priority, id LIMIT 100) RETURNING *",
            "DELETE FROM scheduler_task WHERE lock_key = 2"
        ),
        "postgres" => drain!(
            sqlx::PgConnection,
            "UPDATE scheduler_task SET lock_key = 2 WHERE id = ANY(ARRAY(SELECT id FROM scheduler_task WHERE lock_key = 0 ORDER BY priority, id LIMIT 100 FOR UPDATE SKIP LOCKED)) RETURNING *",
            "DELETE FROM scheduler_task WHERE lock_key = 2"
        ),
        _ => {
            let mut connection = sqlx::MySqlConnection::connect(url).await.unwrap();
            let start = Instant::now();
            let mut drained = 0;
            loop {
                connection.execute("BEGIN").await.unwrap();
                let claim = "SELECT * FROM scheduler_task WHERE lock_key = 0 ORDER BY priority, id LIMIT 100 FOR UPDATE SKIP LOCKED";
                let rows = connection.fetch_all(sqlx::query(claim)).await.unwrap();
                let update = "UPDATE scheduler_task SET lock_key = 2 WHERE lock_key = 0 ORDER BY priority, id LIMIT 100";
                connection.execute(sqlx::query(update)).await.unwrap();
                connection.execute("COMMIT").await.unwrap();
                if rows.is_empty() {
                    return drained as f64 / start.elapsed().as_secs_f64();
                }
                drained += rows.len();
                connection
                    .execute(sqlx::query("DELETE FROM scheduler_task WHERE lock_key = 2"))
                    .await
                    .unwrap();
            }
        }
    }
}
