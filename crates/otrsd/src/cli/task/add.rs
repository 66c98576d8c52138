//! task add: one task, now or for later, under a limit or not.

use task_store::{Added, NewTask, encode};

use super::{arguments::Add, data, wait};
use crate::{
    cli::{
        Failure, Program,
        database::{self, Database},
        terminal::print,
    },
    clock,
    worker::wake,
};

pub(super) fn run(program: &Program, options: &Add) -> Result<(), Failure> {
    let data = data::read(&options.data)?;
    database::ask(program, async |database| {
        let task = task(database, options, &data)?;
        let now = clock::wall();
        match options.at {
            Some(at) => {
                let second = at.round(jiff::Unit::Second).unwrap_or(at);
                database.store.plan(std::slice::from_ref(&task), second, now).await?;
            }
            None => match database.store.add(&task, now).await? {
                Added::Added => {}
                Added::LimitReached => return Err(limit_reached(&task)),
            },
        }
        wake::work_is_there(&database.store, &database.configuration.settings);
        print(&format!("{}\n", task.id));
        if options.wait { wait::until_done(&database.store, task.id).await } else { Ok(()) }
    })
}

fn task(database: &Database, options: &Add, data: &serde_json::Value) -> Result<NewTask, Failure> {
    let column = encode(data, database.store.encoding())
        .map_err(|error| Failure::usage(format!("--data: {error}")))?;
    let mut task = NewTask::new(&options.task_type, &options.name, column);
    let of_type = |key| policy(database, &options.task_type, key);
    // Planned tasks carry no limit.
    let limit = of_type("MaximumParallelInstances").filter(|_| options.at.is_none());
    let limit = limit.and_then(|limit| u32::try_from(limit).ok());
    task.max_parallel = options.max_parallel.or(limit).unwrap_or(0);
    let attempts = of_type("Attempts").filter(|attempts| *attempts > 0);
    task.attempts = options.attempts.or(attempts).unwrap_or(1);
    task.priority = of_type("Priority").unwrap_or(0);
    Ok(task)
}

/// What the settings say about a type; a bad value is the worker's to report.
fn policy(database: &Database, task_type: &str, key: &str) -> Option<i16> {
    let name = format!("Daemon::SchedulerTaskWorker::TaskType###{task_type}");
    database.configuration.settings.get(&name)?.get(key)?.as_text()?.parse().ok()
}

pub(crate) fn limit_reached(task: &NewTask) -> Failure {
    let title = super::title(&task.task_type, &task.name);
    Failure::failed(format!(
        "limit reached: at most {} of {title} may wait or run; it was not added",
        task.max_parallel
    ))
}
