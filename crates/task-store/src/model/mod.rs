//! What rows say, as values, and the formats of their columns: tasks and their payloads, ids, locks and times.

pub(crate) mod bounds;
pub(crate) mod json;
pub(crate) mod lock_key;
pub(crate) mod locked;
pub(crate) mod payload;
pub(crate) mod task;
pub(crate) mod task_id;
pub(crate) mod timestamp;
