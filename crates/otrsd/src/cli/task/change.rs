//! task retry, cancel, delete, purge: each task by itself, and what could not be done does not keep
//! the others from it.

use std::time::Duration;

use jiff::Timestamp;
use nix::unistd::{User, getuid};
use task_store::{Cancelled, Entry, HeldState, LockKey, Outcome, State, Store, TaskId};
use tokio::time::sleep;

use super::{
    arguments::{Held, Retry},
    find, owner, title, word,
};
use crate::{
    cli::{
        Failure, database::Database, progress::Progress, table::one_line, terminal::print,
        time::local,
    },
    clock,
    worker::wake,
};

/// How many tasks one transaction purges or puts back.
const BATCH: u32 = 500;
const LOOK: Duration = Duration::from_millis(200);
/// A worker looks each second, and a handler that is asked to end has five.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) async fn retry(database: &Database, options: &Retry) -> Result<(), Failure> {
    let store = &database.store;
    let outcome = if options.ids.is_empty() {
        retry_all(store, options).await
    } else {
        each(&options.ids, "retried", async |text| {
            let entry = find(store, text).await?;
            if store.retry(entry.id).await? { Ok(entry) } else { Err(not_held(&entry)) }
        })
        .await
    };
    // Some may be free even if not all are.
    wake::work_is_there(store, &database.configuration.settings);
    outcome
}

async fn retry_all(store: &Store, options: &Retry) -> Result<(), Failure> {
    let state = options.state.map_or(HeldState::Failed, Held::state);
    let task_type = options.task_type.as_deref().unwrap_or_default();
    let mut progress = Progress::new();
    let mut retried = 0;
    // What fails again meanwhile is not retried without end.
    let begin = clock::wall();
    loop {
        let batch = store.retry_all(state, task_type, begin, BATCH).await?;
        retried += batch;
        if batch == 0 {
            break;
        }
        progress.show(&format!("{retried} retried"));
    }
    progress.clear();
    let of_type = match task_type {
        "" => String::new(),
        task_type => format!(" of type {}", one_line(task_type, 60)),
    };
    print(&format!("{retried} {} tasks{of_type} retried\n", state.word()));
    Ok(())
}

pub(super) async fn cancel(database: &Database, ids: &[String]) -> Result<(), Failure> {
    let store = &database.store;
    each(ids, "cancelled", async |text| {
        let entry = find(store, text).await?;
        if is_over(entry.state) {
            return Err(Failure::failed(format!(
                "{} does not run any more, it is held as {}; task delete takes it away",
                entry.id,
                word(entry.state)
            )));
        }
        end(store, entry, "cancelled").await
    })
    .await
}

pub(super) async fn delete(database: &Database, ids: &[String]) -> Result<(), Failure> {
    let store = &database.store;
    each(ids, "deleted", async |text| {
        let entry = find(store, text).await?;
        if !is_over(entry.state) {
            return Err(Failure::failed(format!(
                "{} is still to run ({}); task cancel ends it",
                entry.id,
                word(entry.state)
            )));
        }
        end(store, entry, "deleted").await
    })
    .await
}

pub(super) async fn purge(
    database: &Database,
    task_type: &str,
    before: Timestamp,
) -> Result<(), Failure> {
    let mut progress = Progress::new();
    let by = by("purged");
    let mut purged = 0;
    loop {
        let now = clock::wall();
        let gone = database.store.purge(task_type, before, BATCH, &by, now).await?;
        purged += gone;
        if gone == 0 {
            break;
        }
        progress.show(&format!("{purged} purged"));
    }
    progress.clear();
    let (task_type, before) = (one_line(task_type, 60), local(before));
    print(&format!("{purged} waiting tasks of type {task_type} from before {before} purged\n"));
    Ok(())
}

/// Does something with each task; a database that is away ends it all.
async fn each(
    ids: &[String],
    done: &str,
    change: impl AsyncFn(&str) -> Result<Entry, Failure>,
) -> Result<(), Failure> {
    let mut progress = Progress::new();
    let mut failures: Vec<Failure> = Vec::new();
    for (number, text) in ids.iter().enumerate() {
        if ids.len() > 1 {
            progress.show(&format!("{number} of {}", ids.len()));
        }
        match change(text).await {
            Ok(Entry { id, task_type, name, .. }) => {
                progress.clear();
                print(&format!("{done} {id} ({})\n", title(&task_type, &name)));
            }
            Err(failure) if failure.code == 4 => return Err(failure),
            Err(failure) => failures.push(failure),
        }
    }
    let Some(code) = failures.iter().map(|failure| failure.code).min() else { return Ok(()) };
    let texts: Vec<String> = failures.into_iter().map(|failure| failure.text).collect();
    Err(Failure { code, text: texts.join("\n") })
}

async fn find(store: &Store, text: &str) -> Result<Entry, Failure> {
    let id = find::id(store, text).await?;
    if let Some(entry) = store.get(id).await? {
        return Ok(entry);
    }
    Err(Failure::failed(match store.executions(id).await?.last() {
        Some(last) => format!("{id} is done: {}", last.outcome.word()),
        None => find::unknown(id),
    }))
}

/// Whether a task is held and nothing but a human brings it back.
pub(crate) fn is_over(state: State) -> bool {
    use task_store::HeldState::{Failed, NoHandler, Quarantined};
    matches!(state, State::Held(Failed | Quarantined | NoHandler))
}

/// Ends a task for good, on the command line.
async fn end(store: &Store, entry: Entry, verb: &str) -> Result<Entry, Failure> {
    let mut progress = Progress::new();
    cancel_task(store, entry, &by(verb), |text| progress.show(&text)).await
}

/// Takes a task out of the queue, or asks who runs it to end it and waits until it is over. `by` is for the ledger.
///
/// # Errors
///
/// It runs where nobody can be asked, it has ended by itself, or its end takes longer than 20 s.
pub(crate) async fn cancel_task(
    store: &Store,
    entry: Entry,
    by: &str,
    waits: impl FnMut(String),
) -> Result<Entry, Failure> {
    match store.cancel(entry.id, by, clock::wall()).await? {
        Cancelled::Gone => Ok(entry),
        Cancelled::Running(LockKey::Ours(_)) => cancel_running(store, entry, by, waits).await,
        Cancelled::Running(lock) => Err(Failure::failed(format!(
            "{} is running ({}), which cannot be asked to end it",
            entry.id,
            owner(lock)
        ))),
        Cancelled::Unknown => Err(Failure::failed(ended_meanwhile(entry.id))),
    }
}

/// Asks the task's worker, and waits until it is over.
async fn cancel_running(
    store: &Store,
    entry: Entry,
    by: &str,
    mut waits: impl FnMut(String),
) -> Result<Entry, Failure> {
    let id = entry.id;
    store.ask_to_cancel(id, by, clock::wall()).await?;
    let begin = clock::now();
    loop {
        sleep(LOOK).await;
        match store.cancel(id, by, clock::wall()).await? {
            Cancelled::Gone => break,
            Cancelled::Unknown => {
                let last = store.executions(id).await?.pop().map(|last| last.outcome);
                store.withdraw_cancel(id).await?;
                return match last {
                    Some(Outcome::Cancelled) => Ok(entry),
                    Some(other) => {
                        Err(Failure::failed(format!("{}: {}", ended_meanwhile(id), other.word())))
                    }
                    None => Err(Failure::failed(ended_meanwhile(id))),
                };
            }
            Cancelled::Running(lock) if clock::now().since(begin) >= PATIENCE => {
                return Err(Failure::failed(format!(
                    "{id} is still running ({}); it is ended as soon as its worker hears of it",
                    owner(lock)
                )));
            }
            Cancelled::Running(lock) => waits(format!("{id} ends: {}", owner(lock))),
        }
    }
    store.withdraw_cancel(id).await?;
    Ok(entry)
}

fn ended_meanwhile(id: TaskId) -> String {
    format!("{id} has ended meanwhile")
}

pub(crate) fn not_held(entry: &Entry) -> Failure {
    Failure::failed(match entry.state {
        State::Waiting => format!("{} waits already", entry.id),
        State::Running => format!("{} is running ({})", entry.id, owner(entry.lock)),
        State::Future => {
            let due = entry.due.map_or_else(String::new, local);
            format!("{} has not run yet; it is planned for {due}", entry.id)
        }
        State::Held(_) => ended_meanwhile(entry.id),
    })
}

/// What the ledger says about who did it.
fn by(verb: &str) -> String {
    let user = User::from_uid(getuid()).ok().flatten().map(|user| user.name);
    let user = user.unwrap_or_else(|| format!("user {}", getuid()));
    format!("{verb} on the command line by {user}")
}
