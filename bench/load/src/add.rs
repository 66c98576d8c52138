//! Adding through the store.

use std::time::Instant;

use jiff::Timestamp;
use task_store::{Added, NewTask, Store};
use tokio::task::JoinSet;

use crate::{Size, open};

/// How many were added, and how long it took.
pub(crate) async fn add(url: &str, size: Size, task_type: &str) -> anyhow::Result<(u32, f64)> {
    let store = open(url)?;
    let share = size.tasks / size.clients;
    // Connections are made before the time counts.
    let mut sessions = JoinSet::new();
    for _ in 0..size.clients {
        let store = store.clone();
        sessions.spawn(async move { store.counts().await.map(drop) });
    }
    sessions.join_all().await;
    let begin = Instant::now();
    let mut clients = JoinSet::new();
    for _ in 0..size.clients {
        clients.spawn(client(store.clone(), share, size.batch, task_type.to_owned()));
    }
    for outcome in clients.join_all().await {
        outcome?;
    }
    let seconds = begin.elapsed().as_secs_f64();
    store.close().await;
    Ok((share * size.clients, seconds))
}

async fn client(store: Store, tasks: u32, batch: u32, task_type: String) -> anyhow::Result<()> {
    let mut left = tasks;
    while left > 0 {
        let now = left.min(batch);
        let new = |_| NewTask::new(task_type.as_str(), "nothing", "{}");
        let tasks: Vec<NewTask> = (0..now).map(new).collect();
        let added = store.enqueue_many(&tasks, Timestamp::now()).await?;
        anyhow::ensure!(added.iter().all(|it| *it == Added::Added), "a task was not added");
        left -= now;
    }
    Ok(())
}
