//! The use cases of workers: pauses of the tasks that they claim.

use task_store::{MAX_NAME_LENGTH, Store};

use super::{Error, Result};
use crate::{clock, text::escape::one_line};

/// The highest `NodeID`.
const MAX_NODE: u16 = 999;

/// Pauses the tasks of a type (empty: of all types) on a node (0: on all). `reason` is shown with the pause.
///
/// # Errors
///
/// An invalid type or node, or the database failed.
pub(crate) async fn pause(store: &Store, task_type: &str, node: u16, reason: &str) -> Result<()> {
    check(task_type, node)?;
    Ok(store.pause(task_type, node, reason, clock::now_utc()).await?)
}

/// Ends such a pause; returns whether there was one.
///
/// # Errors
///
/// Those of [`pause`].
pub(crate) async fn resume(store: &Store, task_type: &str, node: u16) -> Result<bool> {
    check(task_type, node)?;
    Ok(store.resume(task_type, node).await?)
}

/// The scope of a pause in words.
pub(crate) fn described(task_type: &str, node: u16) -> String {
    let tasks = match task_type {
        "" => "all tasks".to_owned(),
        task_type => format!("tasks of type {}", one_line(task_type, 150)),
    };
    match node {
        0 => format!("{tasks} on all nodes"),
        node => format!("{tasks} on node {node}"),
    }
}

/// Whether the database can hold such a pause.
fn check(task_type: &str, node: u16) -> Result<()> {
    if node > MAX_NODE {
        return Err(Error::Invalid("node must be from 1 to 999, or 0 for all".to_owned()));
    }
    if task_type.chars().count() > MAX_NAME_LENGTH || task_type.contains('\0') {
        let text = format!("a type has at most {MAX_NAME_LENGTH} characters, and no NUL");
        return Err(Error::Invalid(text));
    }
    Ok(())
}
