//! The daemon with functions that do nothing, or nothing for a while.

use std::{process::ExitCode, time::Duration};

use otrsd::{Daemon, Task, TaskContext, TaskError};

async fn noop(_task: Task, _context: TaskContext) -> Result<(), TaskError> {
    Ok(())
}

/// Takes as many milliseconds as its name says.
async fn sleep(task: Task, _context: TaskContext) -> Result<(), TaskError> {
    let milliseconds = task.name.parse().map_err(|_| TaskError::never("no number"))?;
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    Ok(())
}

pub(crate) fn run() -> ExitCode {
    Daemon::new().handler("Noop", noop).handler("Sleep", sleep).run()
}
