//! cron pause, cron resume, cron run.

use jiff::Timestamp;
use nix::unistd::{User, getuid};
use sysconfig::SysConfig;
use task_store::{Added, NewTask, Payload, Store, TaskId, encode};

use super::find;
use crate::{
    cli::{Failure, database::Database, task, terminal::print},
    clock,
    config::cron_tasks::{CronTask, TYPE},
    worker::wake,
};

pub(super) async fn pause(database: &Database, name: &str) -> Result<(), Failure> {
    find(&database.configuration.settings, name)?;
    let user = User::from_uid(getuid()).ok().flatten().map(|user| user.name);
    let user = user.unwrap_or_else(|| format!("user {}", getuid()));
    let reason = format!("paused by {user}");
    let is_new = database.store.pause_cron(TYPE, name, &reason, clock::wall()).await?;
    let word = if is_new { "paused" } else { "was paused already" };
    print(&format!("{word}: {name}\n"));
    Ok(())
}

/// Also of one that is configured no more.
pub(super) async fn resume(database: &Database, name: &str) -> Result<(), Failure> {
    if database.store.resume_cron(TYPE, name).await? {
        print(&format!("resumed: {name}\n"));
        return Ok(());
    }
    find(&database.configuration.settings, name)?;
    print(&format!("was not paused: {name}\n"));
    Ok(())
}

pub(super) async fn run(database: &Database, name: &str, wait: bool) -> Result<(), Failure> {
    let Database { configuration, store, .. } = database;
    let settings = &configuration.settings;
    let cron = find(settings, name)?;
    let id = add_now(store, settings, &cron, clock::wall()).await?;
    if wait {
        return task::until_done(store, id).await;
    }
    print(&format!("{id}\n"));
    Ok(())
}

/// Adds a task as a due instant would.
///
/// # Errors
///
/// Its limit is reached, or the database's.
pub(crate) async fn add_now(
    store: &Store,
    settings: &SysConfig,
    cron: &CronTask,
    now: Timestamp,
) -> Result<TaskId, Failure> {
    let (task_type, data) = cron.payload(now);
    let data = Payload::of(&data)
        .and_then(|data| encode(&data, store.encoding()))
        .map_err(anyhow::Error::from)?;
    let new = NewTask::new(task_type, &cron.name, data);
    let new = NewTask { max_parallel: cron.max_parallel, ..new };
    if store.add(&new, now).await? == Added::LimitReached {
        return Err(task::limit_reached(&new));
    }
    wake::work_is_there(store, settings);
    Ok(new.id)
}
