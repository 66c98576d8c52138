//! `cron pause`, `cron resume`, `cron run`.

use crate::{
    cli::{
        Failure,
        database::Database,
        task::{self, user},
        terminal::print,
    },
    ops,
};

pub(super) async fn pause(database: &Database, name: &str) -> Result<(), Failure> {
    let Database { configuration, store, .. } = database;
    let reason = format!("paused by {}", user());
    let is_new = ops::cron::pause(store, &configuration.settings, name, &reason).await?;
    let word = if is_new { "paused" } else { "was paused already" };
    print(&format!("{word}: {name}\n"));
    Ok(())
}

pub(super) async fn resume(database: &Database, name: &str) -> Result<(), Failure> {
    let Database { configuration, store, .. } = database;
    let was_paused = ops::cron::resume(store, &configuration.settings, name).await?;
    let word = if was_paused { "resumed" } else { "was not paused" };
    print(&format!("{word}: {name}\n"));
    Ok(())
}

pub(super) async fn run(database: &Database, name: &str, wait: bool) -> Result<(), Failure> {
    let Database { configuration, store, .. } = database;
    let id = ops::cron::run(store, &configuration.settings, name).await?;
    if wait {
        return task::until_done(store, id).await;
    }
    print(&format!("{id}\n"));
    Ok(())
}
