//! From the moment before a task is added to the start of its execution, as the ledger has it.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use task_store::{Execution, NewTask, Store};
use tokio::time::sleep;

use crate::{bare, open};

/// Percentiles in milliseconds; of additions and claims alone, if `bare`.
pub(crate) async fn measure(url: &str, tasks: u32, bare: bool) -> anyhow::Result<Value> {
    let mut waited =
        if bare { bare::latency(url, tasks).await? } else { starts(url, tasks).await? };
    waited.sort_by(f64::total_cmp);
    let at = |share: usize| waited.get(waited.len() * share / 100).copied();
    Ok(json!({ "tasks": tasks, "p50": at(50), "p99": at(99), "max": waited.last() }))
}

async fn starts(url: &str, tasks: u32) -> anyhow::Result<Vec<f64>> {
    let store = open(url)?;
    let mut waited = Vec::new();
    for number in 0..tasks {
        sleep(bare::pause(number)).await;
        let task = NewTask::new("Noop", "nothing", "{}");
        let before = Timestamp::now();
        store.enqueue(&task, before).await?;
        let execution = done(&store, &task).await?;
        waited.push(execution.started.duration_since(before).as_secs_f64() * 1000.0);
    }
    store.close().await;
    Ok(waited)
}

async fn done(store: &Store, task: &NewTask) -> anyhow::Result<Execution> {
    for _ in 0..1000 {
        sleep(Duration::from_millis(10)).await;
        if let Some(execution) = store.executions(task.id).await?.pop() {
            return Ok(execution);
        }
    }
    anyhow::bail!("a task was not done within 10 s")
}
