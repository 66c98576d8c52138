//! The use cases of cron tasks: find, run now, pause, resume.

use sysconfig::SysConfig;
use task_store::{Added, NewTask, Payload, Store, TaskId, encode};

use super::{Error, Result, task::limit_reached};
use crate::{
    clock,
    config::cron_tasks::{self, CronTask, TYPE},
};

/// The cron task with a name.
///
/// # Errors
///
/// There is none, or its settings are refused.
pub(crate) fn find(settings: &SysConfig, name: &str) -> Result<CronTask> {
    let read = cron_tasks::read(settings);
    if read.names.contains(name) && !read.tasks.iter().any(|task| task.name == name) {
        return Err(Error::NotFound(format!("cron task '{name}' cannot run; see otrsd check")));
    }
    read.tasks.into_iter().find(|task| task.name == name).ok_or_else(|| {
        Error::NotFound(format!("no cron task is called '{name}'; otrsd cron list shows all"))
    })
}

/// Enqueues a cron task's task now, as its schedule would.
///
/// # Errors
///
/// There is no such cron task, its limit is reached, or the database failed.
pub(crate) async fn run(store: &Store, settings: &SysConfig, name: &str) -> Result<TaskId> {
    let cron = find(settings, name)?;
    let now = clock::now_utc();
    let (task_type, data) = cron.payload(now);
    let data = Payload::of(&data)
        .and_then(|data| encode(&data, store.encoding()))
        .map_err(anyhow::Error::from)?;
    let new = NewTask::new(task_type, &cron.name, data);
    let new = NewTask { max_parallel: cron.max_parallel, ..new };
    if store.enqueue(&new, now).await? == Added::LimitReached {
        return Err(limit_reached(&new));
    }
    Ok(new.id)
}

/// Skips a cron task's runs on all nodes until it is resumed; returns whether it was not paused before.
///
/// # Errors
///
/// There is no such cron task, or the database failed.
pub(crate) async fn pause(
    store: &Store,
    settings: &SysConfig,
    name: &str,
    reason: &str,
) -> Result<bool> {
    find(settings, name)?;
    Ok(store.pause_cron(TYPE, name, reason, clock::now_utc()).await?)
}

/// Ends a pause, also that of a cron task that is no longer configured; returns whether there was one.
///
/// # Errors
///
/// There is neither a pause nor a cron task of the name, or the database failed.
pub(crate) async fn resume(store: &Store, settings: &SysConfig, name: &str) -> Result<bool> {
    let was_paused = store.resume_cron(TYPE, name).await?;
    if !was_paused {
        find(settings, name)?;
    }
    Ok(was_paused)
}
