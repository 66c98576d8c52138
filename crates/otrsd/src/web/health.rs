//! The health checks. `/livez`: this process responds. `/readyz`: tasks were scheduled recently, and no module is
//! degraded.

use std::{collections::HashMap, sync::Arc, time::Duration};

use axum::{Json, extract::State, http::StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use task_store::{Instance, Recurrent};
use tokio::time::timeout;

use super::Console;
use crate::{
    clock::{self, MonotonicTime},
    config::cron_tasks::{self, CronTask, TYPE},
    module::degraded,
    supervisor::status::Status,
};

/// Longer than any healthy worker leaves between two heartbeats.
const FRESH: SignedDuration = SignedDuration::from_secs(30);
/// The maximum delay of the decision about a scheduled time.
const LATEST: SignedDuration = SignedDuration::from_secs(60);
/// The timeout of the database; clients of health checks do not wait longer.
const ANSWER: Duration = Duration::from_secs(3);
/// More frequent requests get the cached response.
const KEPT: Duration = Duration::from_secs(1);

/// The result of the checks; it contains no secret, since it is public.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Health {
    ready: bool,
    /// Each check with `ok` or what is wrong.
    checks: Vec<Check>,
}

#[derive(Clone, Debug, Serialize)]
struct Check {
    name: &'static str,
    result: &'static str,
}

/// The last result and its time.
pub(super) type LastHealth = tokio::sync::Mutex<Option<(MonotonicTime, Health)>>;

pub(super) async fn live() -> &'static str {
    "ok\n"
}

pub(super) async fn ready(State(console): State<Arc<Console>>) -> (StatusCode, Json<Health>) {
    let mut last = console.health.lock().await;
    let now = clock::now();
    let health = match &*last {
        Some((at, health)) if now.since(*at) < KEPT => health.clone(),
        _ => {
            let health = look(&console).await;
            // The checks themselves may have taken a while.
            *last = Some((clock::now(), health.clone()));
            health
        }
    };
    let status = if health.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(health))
}

async fn look(console: &Console) -> Health {
    let now = clock::now_utc();
    let snapshot = console.snapshot().await;
    let status = snapshot.status.as_ref();
    let (database, worker, cron) = match timeout(ANSWER, scheduling(console, now)).await {
        Ok(Ok((worker, cron))) => ("ok", worker, cron),
        Ok(Err(why)) => (why, "unknown", "unknown"),
        Err(_) => ("it does not answer", "unknown", "unknown"),
    };
    let modules = status.and_then(|it| it.as_ref().ok()).map_or("unknown", modules);
    let checks = [
        ("supervisor", supervisor(status)),
        ("modules", modules),
        ("database", database),
        ("worker", worker),
        ("cron", cron),
    ];
    let checks: Vec<Check> =
        checks.map(|(name, result)| Check { name, result }).into_iter().collect();
    Health { ready: checks.iter().all(|it| it.result == "ok"), checks }
}

/// The state of the worker and of the cron manager according to the database, or the error of the database.
async fn scheduling(
    console: &Console,
    now: Timestamp,
) -> Result<(&'static str, &'static str), &'static str> {
    if !console.has_database() {
        return Err("there is none yet");
    }
    let store = console.store.as_ref().map_err(|_| "the setting DatabaseURL is wrong")?;
    let silent = |_| "it does not answer, or its tables are not made";
    let instances = store.instances().await.map_err(silent)?;
    let seen = store.recurrents(TYPE).await.map_err(silent)?;
    let tasks = cron_tasks::read(console.context.settings()).tasks;
    Ok((worker(&instances, console.place.node_id, now), cron(&tasks, &seen, now)))
}

fn supervisor(status: Option<&Result<Status, String>>) -> &'static str {
    match status {
        Some(Ok(status)) if status.stopping => "it stops",
        Some(Ok(status)) if status.degraded.is_some() => "its directories cannot be made anew",
        Some(Ok(_)) => "ok",
        Some(Err(_)) => "it does not answer",
        None => "not asked yet",
    }
}

/// Checks that every module serves; the result does not quote a module's messages.
fn modules(status: &Status) -> &'static str {
    let note = status.degraded().next().map(|it| it.note.as_deref().unwrap_or_default());
    note.map_or("ok", degraded::public)
}

/// The heartbeat passes through the worker's loop and the database.
fn worker(instances: &[Instance], node: u16, now: Timestamp) -> &'static str {
    let mut own = instances.iter().filter(|it| it.owner.node() == node).peekable();
    if own.peek().is_none() {
        return "none is registered for this node";
    }
    let is_fresh = |it: &Instance| it.beat.is_some_and(|beat| now.duration_since(beat) <= FRESH);
    if own.any(is_fresh) { "ok" } else { "it sends no heartbeat" }
}

/// Checks that each cron task was seen, and that some node has decided about its newest scheduled time.
fn cron(tasks: &[CronTask], seen: &[Recurrent], now: Timestamp) -> &'static str {
    let seen: HashMap<&str, &Recurrent> = seen.iter().map(|it| (it.name.as_str(), it)).collect();
    let last = |task: &CronTask| seen.get(task.name.as_str()).and_then(|it| it.last_due);
    let is_overdue = |task: &CronTask| {
        let next = last(task).and_then(|last| task.schedule.next(last, &task.zone));
        next.is_some_and(|next| now.duration_since(next.instant) > LATEST)
    };
    if tasks.iter().any(|task| last(task).is_none()) {
        "no manager has seen a cron task that is configured"
    } else if tasks.iter().any(is_overdue) {
        "a due instant was not decided about within a minute"
    } else {
        "ok"
    }
}

#[cfg(test)]
mod tests {
    use task_store::Owner;

    use super::*;
    use crate::config::cron_tasks::MissedRuns;
    use crate::scheduler::task_of;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_worker_of_this_node_beats() {
        let instance = |node, beat| Instance {
            owner: Owner::new(node, 10_000_001).unwrap(),
            host: "alpha".into(),
            pid: 1,
            started: None,
            beats: 1,
            beat: Some(at(beat)),
            slots: 5,
        };
        for (instances, expected) in [
            (vec![], "none is registered for this node"),
            (vec![instance(2, 100)], "none is registered for this node"),
            (vec![instance(1, 50), instance(2, 100)], "it sends no heartbeat"),
            (vec![instance(1, 50), instance(1, 80)], "ok"),
        ] {
            assert_eq!(worker(&instances, 1, at(100)), expected);
        }
    }

    #[test]
    fn due_instants_are_decided_about() {
        let task = task_of("* * * * *", MissedRuns::Latest);
        let seen = |due: Option<i64>| Recurrent {
            task_type: TYPE.into(),
            name: task.name.clone(),
            last_due: due.map(at),
            last_task: None,
            last_success: None,
            last_seconds: None,
        };
        let tasks = [task.clone()];
        assert_eq!(cron(&[], &[], at(1000)), "ok");
        assert!(cron(&tasks, &[], at(1000)).contains("no manager"));
        assert!(cron(&tasks, &[seen(None)], at(1000)).contains("no manager"));
        assert_eq!(cron(&tasks, &[seen(Some(60))], at(180)), "ok");
        assert!(cron(&tasks, &[seen(Some(60))], at(181)).contains("not decided"));
    }
}
