//! The bare statements of each database, in the loop that is the yardstick: a batch is claimed, deleted and
//! written into the ledger by as few statements as there can be, in one transaction. Nothing is looked at.

mod mariadb;
mod postgres;
mod sqlite;

use std::time::{Duration, Instant};

use jiff::Timestamp;
use task_store::TaskId;
use tokio::{sync::Barrier, task::JoinSet, time::sleep};

use crate::Size;

/// What a claimed row gives.
#[derive(Debug)]
pub(crate) struct Claimed {
    id: i64,
    ident: i64,
    task_type: String,
    name: String,
}

/// What each of these rows is, but for its ident.
const TYPE: &str = "Noop";
const NAME: &str = "nothing";

/// A lock as those of the worker are.
fn key(client: u32) -> i64 {
    100_110_000_000 + i64::from(client)
}

fn micros() -> i64 {
    Timestamp::now().as_microsecond()
}

/// The text of a time, as the columns of the original have it.
fn wall() -> String {
    Timestamp::now().strftime("%F %T").to_string()
}

fn idents(number: u32) -> Vec<i64> {
    (0..number).map(|_| TaskId::draw().ident()).collect()
}

/// Runs as many loops as there are clients; what all did, and how long it took without connecting.
macro_rules! clients {
    ($size:expr, $connect:expr, $work:expr) => {{
        let barrier = std::sync::Arc::new(Barrier::new($size.clients as usize + 1));
        let mut clients = JoinSet::new();
        for client in 0..$size.clients {
            let (barrier, mut connection) = (barrier.clone(), $connect.await?);
            clients.spawn(async move {
                barrier.wait().await;
                $work(&mut connection, client).await
            });
        }
        barrier.wait().await;
        let begin = Instant::now();
        let mut tasks = 0;
        for done in clients.join_all().await {
            tasks += done?;
        }
        Ok((tasks, begin.elapsed().as_secs_f64()))
    }};
}

pub(crate) async fn drain(url: &str, size: Size) -> anyhow::Result<(u32, f64)> {
    let batch = size.batch;
    match url.split(':').next() {
        Some("sqlite") => {
            clients!(size, sqlite::connect(url), async |connection: &mut _, client| {
                sqlite::drain(connection, key(client), batch).await
            })
        }
        Some("postgres") => {
            clients!(size, postgres::connect(url), async |connection: &mut _, client| {
                postgres::drain(connection, key(client), batch).await
            })
        }
        _ => clients!(size, mariadb::connect(url), async |connection: &mut _, client| {
            mariadb::drain(connection, key(client), batch).await
        }),
    }
}

pub(crate) async fn add(url: &str, size: Size) -> anyhow::Result<(u32, f64)> {
    let (share, batch) = (size.tasks / size.clients, size.batch);
    match url.split(':').next() {
        Some("sqlite") => clients!(size, sqlite::connect(url), async |connection: &mut _, _| {
            sqlite::add(connection, share, batch).await
        }),
        Some("postgres") => {
            clients!(size, postgres::connect(url), async |connection: &mut _, _| {
                postgres::add(connection, share, batch).await
            })
        }
        _ => clients!(size, mariadb::connect(url), async |connection: &mut _, _| {
            mariadb::add(connection, share, batch).await
        }),
    }
}

/// One connection adds, another one claims: no wake-up between them, and nobody runs anything.
macro_rules! starts {
    ($connect:expr, $add:expr, $claim:expr, $tasks:expr) => {{
        let (mut adder, mut worker, mut took) = ($connect.await?, $connect.await?, Vec::new());
        for number in 0..$tasks {
            sleep(pause(number)).await;
            let begin = Instant::now();
            $add(&mut adder, 1, 1).await?;
            anyhow::ensure!(
                $claim(&mut worker, key(0), 1).await?.len() == 1,
                "nothing was claimed"
            );
            took.push(begin.elapsed().as_secs_f64() * 1000.0);
        }
        Ok(took)
    }};
}

/// Between two tasks; never at the same place of a second.
pub(crate) fn pause(number: u32) -> Duration {
    Duration::from_millis(20 + u64::from(number * 7 % 13))
}

/// How long it takes to add a task and to claim it, in milliseconds.
pub(crate) async fn latency(url: &str, tasks: u32) -> anyhow::Result<Vec<f64>> {
    match url.split(':').next() {
        Some("sqlite") => starts!(sqlite::connect(url), sqlite::add, sqlite::claim, tasks),
        Some("postgres") => starts!(postgres::connect(url), postgres::add, postgres::claim, tasks),
        _ => starts!(mariadb::connect(url), mariadb::add, mariadb::claim, tasks),
    }
}
