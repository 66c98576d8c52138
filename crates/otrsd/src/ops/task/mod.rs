//! The use cases of tasks: enqueue, find, explain, retry, cancel, delete; and the wording for tasks.

mod change;
mod enqueue;
pub(crate) mod explain;
pub(crate) mod find;

use task_store::LockKey;

pub(crate) use self::{
    change::{Cancelling, cancel, delete, end, is_over, purge, request_cancel, retry, retry_all},
    enqueue::{EnqueueRequest, limit_reached, whole_second},
};
use crate::text::escape::one_line;

/// The holder of a task's lock, in a word or two.
pub(crate) fn holder(lock: LockKey) -> String {
    match lock {
        LockKey::Free => "no worker".to_owned(),
        LockKey::Inserting => "its inserter".to_owned(),
        LockKey::Perl { node, pid } => format!("node {node}, Perl process {pid}"),
        LockKey::Ours(owner) => format!("node {}, instance {}", owner.node(), owner.instance()),
        LockKey::Other(key) => format!("an unknown lock {key}"),
    }
}

/// A task's type and name in sentences.
pub(crate) fn title(task_type: &str, name: &str) -> String {
    one_line(&format!("{task_type} {name}"), 100)
}
