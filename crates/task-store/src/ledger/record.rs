//! Writing into the ledger.

use jiff::Timestamp;

use crate::database::error::Result;
use crate::database::{Argument, Column, Connection, Insert, ONCE};
use crate::ledger::{Execution, Outcome};
use crate::model::lock_key::{LockKey, Owner};
use crate::model::task::Task;

const INTO: Insert = Insert {
    into: "otrsd_execution (ident, task_type, name, node, lock_key, outcome, started, ended, cpu, peak_memory, error, output)",
    columns: &[
        Column::Int,
        Column::Text,
        Column::Text,
        Column::Int,
        Column::Int,
        Column::Text,
        Column::Int,
        Column::Int,
        Column::Int,
        Column::Int,
        Column::Text,
        Column::Text,
    ],
    conflict: ONCE,
};

/// Writes executions down.
pub(crate) async fn record(
    connection: &mut Connection<'_>,
    executions: &[&Execution],
) -> Result<()> {
    let rows: Vec<Vec<Argument<'_>>> =
        executions.iter().map(|execution| values(execution)).collect();
    INTO.run(connection, &rows).await
}

fn values(execution: &Execution) -> Vec<Argument<'_>> {
    let cpu = execution.cpu.map(|cpu| i64::try_from(cpu.as_micros()).unwrap_or(i64::MAX));
    let memory = execution.peak_memory.map(|memory| i64::try_from(memory).unwrap_or(i64::MAX));
    vec![
        Argument::from(execution.id.ident()),
        Argument::from(&execution.task_type),
        Argument::from(&execution.name),
        Argument::from(i64::from(execution.node)),
        Argument::from(execution.lock.key()),
        Argument::from(execution.outcome.as_str()),
        Argument::from(execution.started.as_microsecond()),
        Argument::from(execution.ended.as_microsecond()),
        Argument::from(cpu),
        Argument::from(memory),
        Argument::from(execution.error.as_deref()),
        Argument::from(execution.output.as_deref()),
    ]
}

/// What the ledger says of tasks that died with their worker.
pub(crate) const WORKER_GONE: &str = "the worker that ran it is gone";

/// Records that tasks died with their worker; when they began is not known.
pub(crate) async fn lost(
    connection: &mut Connection<'_>,
    tasks: &[Task],
    worker: Owner,
    outcome: impl Fn(&Task) -> Outcome,
    now: Timestamp,
) -> Result<()> {
    let executions: Vec<Execution> = tasks
        .iter()
        .map(|task| Execution {
            id: task.id,
            task_type: task.task_type.clone(),
            name: task.name.clone(),
            lock: LockKey::Ours(worker),
            node: worker.node(),
            outcome: outcome(task),
            started: now,
            ended: now,
            cpu: None,
            peak_memory: None,
            error: Some(WORKER_GONE.into()),
            output: None,
        })
        .collect();
    record(connection, &executions.iter().collect::<Vec<_>>()).await
}
