//! The lookup of tasks: from the user's input, a whole id or an unambiguous prefix, to an id; and from an id to the
//! task.

use std::collections::BTreeSet;

use task_store::{Entry, Filter, State, Store, TaskId};

use crate::ops::{Error, Result};

/// Shorter prefixes would soon match many tasks.
const MIN_PREFIX: usize = 4;
/// The characters of a whole id.
const ID_LENGTH: usize = 12;
const PAGE_SIZE: u32 = 1000;
/// How many of the latest executions are searched: the ledger may be long.
const MAX_EXECUTIONS: usize = 10_000;

/// The id that `text` denotes. A whole id may be unknown; the code that looks up the task reports that.
///
/// # Errors
///
/// No id, no task or more than one begins with it, or the database failed.
pub(crate) async fn id(store: &Store, text: &str) -> Result<TaskId> {
    let is_prefix = (MIN_PREFIX..ID_LENGTH).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !is_prefix {
        return text.parse().map_err(|error: task_store::NotATaskId| {
            let hint = format!("the first {MIN_PREFIX} characters or more of an id will do");
            Error::Invalid(format!("{error}; {hint}"))
        });
    }
    let found = beginning(store, &text.to_ascii_lowercase()).await?;
    match (found.len(), found.first()) {
        (1, Some(id)) => Ok(*id),
        // The number of another program in the column ident.
        (0, _) => text.parse().map_err(|_| {
            Error::NotFound(format!(
                "no task whose id begins with {text}, nor one of the latest {MAX_EXECUTIONS} executions"
            ))
        }),
        (count, _) => {
            let some: Vec<_> = found.iter().take(5).map(ToString::to_string).collect();
            let more = if count > some.len() { ", …" } else { "" };
            let some = some.join(", ");
            Err(Error::Conflict(format!("{count} tasks' ids begin with {text}: {some}{more}")))
        }
    }
}

/// A task that is not done.
///
/// # Errors
///
/// It is done, there is no such task, or the database failed.
pub(crate) async fn live(store: &Store, id: TaskId) -> Result<Entry> {
    if let Some(entry) = store.get(id).await? {
        return Ok(entry);
    }
    Err(match store.executions(id).await?.last() {
        Some(last) => Error::Conflict(format!("{id} is done: {}", last.outcome.as_str())),
        None => unknown(id),
    })
}

/// There is no task with that id.
pub(crate) fn unknown(id: TaskId) -> Error {
    Error::NotFound(format!("no task {id}: it never was, or the ledger has forgotten it"))
}

async fn beginning(store: &Store, prefix: &str) -> Result<BTreeSet<TaskId>> {
    let mut found = BTreeSet::new();
    let mut look = |id: TaskId| {
        if id.to_string().starts_with(prefix) {
            found.insert(id);
        }
    };
    for state in State::ALL {
        let mut filter =
            Filter { state, task_type: "", name: "", text: "", after: 0, limit: PAGE_SIZE };
        loop {
            let page = store.list(&filter).await?;
            for entry in &page {
                look(entry.id);
            }
            match page.last() {
                Some(last) if page.len() == PAGE_SIZE as usize => filter.after = last.row,
                _ => break,
            }
        }
    }
    let mut before = None;
    let mut seen = 0;
    while seen < MAX_EXECUTIONS {
        let page = store.done("", "", before, PAGE_SIZE).await?;
        for (_, execution) in &page {
            look(execution.id);
        }
        let Some((row, _)) = page.last() else { break };
        before = Some(*row);
        seen += page.len();
    }
    Ok(found)
}
