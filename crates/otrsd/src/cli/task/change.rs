//! `task retry`, `cancel`, `delete`, `purge`: each task on its own; a refused one does not affect the others.

use jiff::Timestamp;
use nix::unistd::{User, getuid};
use task_store::{Entry, HeldState, Store, TaskId};

use super::arguments::{Held, Retry};
use crate::{
    cli::{Failure, database::Database, progress::Progress, terminal::print},
    ops::{
        self,
        task::{find, title},
    },
    text::{escape::one_line, time::local},
};

pub(super) async fn retry(database: &Database, options: &Retry) -> Result<(), Failure> {
    let store = &database.store;
    if options.ids.is_empty() {
        return retry_all(store, options).await;
    }
    each(store, &options.ids, "retried", async |id, _| ops::task::retry(store, id).await).await
}

async fn retry_all(store: &Store, options: &Retry) -> Result<(), Failure> {
    let state = options.state.map_or(HeldState::Failed, Held::state);
    let task_type = options.task_type.as_deref().unwrap_or_default();
    let mut progress = Progress::new();
    let show = |retried| progress.show(&format!("{retried} retried"));
    let retried = ops::task::retry_all(store, state, task_type, show).await?;
    progress.clear();
    let of_type = match task_type {
        "" => String::new(),
        task_type => format!(" of type {}", one_line(task_type, 60)),
    };
    print(&format!("{retried} {} tasks{of_type} retried\n", state.as_str()));
    Ok(())
}

pub(super) async fn cancel(database: &Database, ids: &[String]) -> Result<(), Failure> {
    let (store, by) = (&database.store, by("cancelled"));
    each(store, ids, "cancelled", async |id, progress: &mut Progress| {
        ops::task::cancel(store, id, &by, |text| progress.show(&text)).await
    })
    .await
}

pub(super) async fn delete(database: &Database, ids: &[String]) -> Result<(), Failure> {
    let (store, by) = (&database.store, by("deleted"));
    each(store, ids, "deleted", async |id, _| ops::task::delete(store, id, &by).await).await
}

pub(super) async fn purge(
    database: &Database,
    task_type: &str,
    before: Timestamp,
) -> Result<(), Failure> {
    let mut progress = Progress::new();
    let show = |purged| progress.show(&format!("{purged} purged"));
    let purged = ops::task::purge(&database.store, task_type, before, &by("purged"), show).await?;
    progress.clear();
    let (task_type, before) = (one_line(task_type, 60), local(before));
    print(&format!("{purged} waiting tasks of type {task_type} enqueued before {before} purged\n"));
    Ok(())
}

/// Changes each task; an unavailable database ends the command.
async fn each(
    store: &Store,
    ids: &[String],
    done: &str,
    change: impl AsyncFn(TaskId, &mut Progress) -> ops::Result<()>,
) -> Result<(), Failure> {
    let mut progress = Progress::new();
    let mut failures: Vec<Failure> = Vec::new();
    for (number, text) in ids.iter().enumerate() {
        if ids.len() > 1 {
            progress.show(&format!("{number} of {}", ids.len()));
        }
        match one(store, text, &mut progress, &change).await {
            Ok(Entry { id, task_type, name, .. }) => {
                progress.clear();
                print(&format!("{done} {id} ({})\n", title(&task_type, &name)));
            }
            Err(error @ ops::Error::Store(_)) => return Err(error.into()),
            Err(error) => failures.push(error.into()),
        }
    }
    let Some(code) = failures.iter().map(|failure| failure.code).min() else { return Ok(()) };
    let texts: Vec<String> = failures.into_iter().map(|failure| failure.text).collect();
    Err(Failure { code, text: texts.join("\n") })
}

async fn one(
    store: &Store,
    text: &str,
    progress: &mut Progress,
    change: impl AsyncFn(TaskId, &mut Progress) -> ops::Result<()>,
) -> ops::Result<Entry> {
    let entry = find::live(store, find::id(store, text).await?).await?;
    change(entry.id, progress).await?;
    Ok(entry)
}

/// The actor that the ledger records.
fn by(verb: &str) -> String {
    format!("{verb} on the command line by {}", user())
}

/// The name of the user of this command.
pub(in crate::cli) fn user() -> String {
    let user = User::from_uid(getuid()).ok().flatten().map(|user| user.name);
    user.unwrap_or_else(|| format!("user {}", getuid()))
}
