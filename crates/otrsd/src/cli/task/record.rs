//! The JSON of tasks and executions.

use serde_json::{Value, json};
use task_store::{Entry, Execution, LockKey};

/// The JSON of a task.
pub(crate) fn entry_json(entry: &Entry) -> Value {
    json!({
        "id": entry.id.to_string(),
        "type": entry.task_type,
        "name": entry.name,
        "state": entry.state.as_str(),
        "attempts": entry.attempts,
        "added": entry.created,
        "due": entry.due,
        "reason": Some(&entry.reason).filter(|reason| !reason.is_empty()),
        "lock": lock_json(entry.lock),
    })
}

/// The JSON of an execution.
pub(crate) fn execution_json(execution: &Execution) -> Value {
    json!({
        "id": execution.id.to_string(),
        "type": execution.task_type,
        "name": execution.name,
        "state": "done",
        "outcome": execution.outcome.as_str(),
        "node": Some(execution.node).filter(|node| *node > 0),
        "started": execution.started,
        "ended": execution.ended,
        "cpu_seconds": execution.cpu.map(|cpu| cpu.as_secs_f64()),
        "peak_memory_kb": execution.peak_memory,
        "error": execution.error,
        "output": execution.output,
    })
}

fn lock_json(lock: LockKey) -> Value {
    match lock {
        LockKey::Free => Value::Null,
        LockKey::Inserting => json!({ "inserting": true }),
        LockKey::Perl { node, pid } => json!({ "node": node, "pid": pid }),
        LockKey::Ours(owner) => json!({ "node": owner.node(), "instance": owner.instance() }),
        LockKey::Other(key) => json!({ "key": key }),
    }
}
