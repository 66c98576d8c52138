//! The changes of tasks: retry, cancel, delete, purge.

use std::time::Duration;

use jiff::Timestamp;
use task_store::{Cancelled, Entry, HeldState, LockKey, Outcome, State, Store, TaskId};
use tokio::time::sleep;

use super::{find, holder};
use crate::{
    clock,
    ops::{Error, Result},
    text::time::local,
};

/// How many tasks one transaction purges or requeues.
const BATCH_SIZE: u32 = 500;
const CANCEL_POLL_INTERVAL: Duration = Duration::from_millis(200);
/// A worker polls every second, and a handler that is asked to end has five.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(20);

/// The result of a request to cancel.
#[derive(Debug)]
pub(crate) enum Cancelling {
    /// The task is gone.
    Done,
    /// Its worker was asked to end it; [`end`] waits for that.
    Requested(Entry),
}

/// Puts a held task into the queue now.
///
/// # Errors
///
/// It is not held, there is no such task, or the database failed.
pub(crate) async fn retry(store: &Store, id: TaskId) -> Result<()> {
    if store.retry(id).await? { Ok(()) } else { Err(not_held(&find::live(store, id).await?)) }
}

/// Puts all tasks of a held state (and a type, if it is not empty) into the queue; returns their number. `progress`
/// gets the number so far.
///
/// # Errors
///
/// The database failed; then some may be in the queue.
pub(crate) async fn retry_all(
    store: &Store,
    state: HeldState,
    task_type: &str,
    mut progress: impl FnMut(u64),
) -> Result<u64> {
    let mut retried = 0;
    // A task that fails again meanwhile is not retried endlessly.
    let begin = clock::now_utc();
    loop {
        match store.retry_all(state, task_type, begin, BATCH_SIZE).await? {
            0 => return Ok(retried),
            batch => retried += batch,
        }
        progress(retried);
    }
}

/// Takes a task that is not over out of the queue, or asks its worker to end it. `by` is for the ledger.
///
/// # Errors
///
/// It is over, runs where it cannot be ended, or the database failed.
pub(crate) async fn request_cancel(store: &Store, id: TaskId, by: &str) -> Result<Cancelling> {
    let entry = find::live(store, id).await?;
    if is_over(entry.state) {
        return Err(Error::Conflict(format!(
            "{id} does not run any more, it is held as {}: delete it",
            entry.state.as_str()
        )));
    }
    match store.cancel(id, by, clock::now_utc()).await? {
        Cancelled::Gone => Ok(Cancelling::Done),
        Cancelled::Running(LockKey::Ours(_)) => {
            store.request_cancel(id, by, clock::now_utc()).await?;
            Ok(Cancelling::Requested(entry))
        }
        Cancelled::Running(lock) => Err(Error::Conflict(format!(
            "{id} is running ({}), which cannot be asked to end it",
            holder(lock)
        ))),
        Cancelled::Unknown => Err(Error::Conflict(ended_meanwhile(id))),
    }
}

/// As [`request_cancel`], and waits until the task is over; `waits` gets the reason for waiting.
///
/// # Errors
///
/// Those of [`request_cancel`] and [`end`].
pub(crate) async fn cancel(
    store: &Store,
    id: TaskId,
    by: &str,
    waits: impl FnMut(String),
) -> Result<()> {
    match request_cancel(store, id, by).await? {
        Cancelling::Done => Ok(()),
        Cancelling::Requested(entry) => end(store, &entry, by, waits).await,
    }
}

/// Deletes a held task that does not return to the queue by itself.
///
/// # Errors
///
/// It is still to run, there is no such task, or the database failed.
pub(crate) async fn delete(store: &Store, id: TaskId, by: &str) -> Result<()> {
    let entry = find::live(store, id).await?;
    if !is_over(entry.state) {
        return Err(Error::Conflict(format!(
            "{id} is still to run ({}): cancel it",
            entry.state.as_str()
        )));
    }
    match store.cancel(id, by, clock::now_utc()).await? {
        Cancelled::Gone => Ok(()),
        // Retried by another caller meanwhile.
        Cancelled::Running(lock) => Err(running(id, lock)),
        Cancelled::Unknown => Err(Error::Conflict(ended_meanwhile(id))),
    }
}

/// Deletes the free tasks of a type that were added before a time; returns their number. `progress` gets the number so
/// far.
///
/// # Errors
///
/// The database failed; then some may be gone.
pub(crate) async fn purge(
    store: &Store,
    task_type: &str,
    before: Timestamp,
    by: &str,
    mut progress: impl FnMut(u64),
) -> Result<u64> {
    let mut purged = 0;
    loop {
        match store.purge(task_type, before, BATCH_SIZE, by, clock::now_utc()).await? {
            0 => return Ok(purged),
            batch => purged += batch,
        }
        progress(purged);
    }
}

/// Whether a task is held and does not return to the queue by itself.
pub(crate) fn is_over(state: State) -> bool {
    use task_store::HeldState::{Failed, NoHandler, Quarantined};
    matches!(state, State::Held(Failed | Quarantined | NoHandler))
}

/// Waits until a task is over whose worker was asked to end it. If it is requeued instead, it is taken out of the
/// queue.
///
/// # Errors
///
/// It ended by itself, its end takes longer than 20 s, or the database failed.
pub(crate) async fn end(
    store: &Store,
    entry: &Entry,
    by: &str,
    mut waits: impl FnMut(String),
) -> Result<()> {
    let id = entry.id;
    let begin = clock::now();
    loop {
        sleep(CANCEL_POLL_INTERVAL).await;
        match store.cancel(id, by, clock::now_utc()).await? {
            Cancelled::Gone => break,
            Cancelled::Unknown => {
                let last = store.executions(id).await?.pop().map(|last| last.outcome);
                store.withdraw_cancel(id).await?;
                return match last {
                    Some(Outcome::Cancelled) => Ok(()),
                    Some(other) => {
                        Err(Error::Conflict(format!("{}: {}", ended_meanwhile(id), other.as_str())))
                    }
                    None => Err(Error::Conflict(ended_meanwhile(id))),
                };
            }
            Cancelled::Running(lock) if clock::now().since(begin) >= CANCEL_TIMEOUT => {
                return Err(Error::Conflict(format!(
                    "{id} is still running ({}); it is ended as soon as its worker reads the request",
                    holder(lock)
                )));
            }
            Cancelled::Running(lock) => waits(format!("{id} ends: {}", holder(lock))),
        }
    }
    Ok(store.withdraw_cancel(id).await?)
}

fn running(id: TaskId, lock: LockKey) -> Error {
    Error::Conflict(format!("{id} is running ({})", holder(lock)))
}

fn ended_meanwhile(id: TaskId) -> String {
    format!("{id} has ended meanwhile")
}

fn not_held(entry: &Entry) -> Error {
    Error::Conflict(match entry.state {
        State::Waiting => format!("{} waits already", entry.id),
        State::Running => return running(entry.id, entry.lock),
        State::Future => {
            let due = entry.due.map_or_else(String::new, local);
            format!("{} has not run yet; it is planned for {due}", entry.id)
        }
        State::Held(_) => ended_meanwhile(entry.id),
    })
}
