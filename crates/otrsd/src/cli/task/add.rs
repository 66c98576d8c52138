//! `task add`: one task, now or later, with or without a limit.

use task_store::{Added, NewTask, Payload, TaskId};

use super::{arguments::Add, data, wait};
use crate::{
    cli::{
        Failure, Program, UNKNOWN,
        database::{self, Database},
        terminal::print,
    },
    clock,
    ops::task::{EnqueueRequest, limit_reached, whole_second},
};

pub(super) fn run(program: &Program, options: &Add) -> Result<(), Failure> {
    let data = data::read(&options.data)?;
    database::ask(program, async |database| {
        let task = task(database, options, &data)?;
        let now = clock::now_utc();
        let added = if let Some(at) = options.at {
            let at = whole_second(at);
            let planned = database.store.schedule_at(std::slice::from_ref(&task), at, now).await;
            planned.map(|()| Added::Added)
        } else {
            database.store.enqueue(&task, now).await
        };
        if added.map_err(|error| not_added(error, task.id))? == Added::LimitReached {
            return Err(limit_reached(&task).into());
        }
        if options.wait {
            return wait::until_done(&database.store, task.id).await;
        }
        print(&format!("{}\n", task.id));
        Ok(())
    })
}

fn task(database: &Database, options: &Add, data: &Payload) -> Result<NewTask, Failure> {
    let request = EnqueueRequest {
        task_type: &options.task_type,
        name: &options.name,
        data,
        at: options.at,
        attempts: options.attempts,
        max_parallel: options.max_parallel,
    };
    request
        .task(&database.configuration.settings, database.store.encoding())
        .map_err(|error| Failure::usage(format!("--data: {error}")))
}

/// If the task may have been added, the message tells how to find out.
fn not_added(error: task_store::Error, id: TaskId) -> Failure {
    let mut failure = Failure::from(error);
    if failure.code == UNKNOWN {
        failure.text = format!(
            "{}; before you enqueue it again, look for it with otrsd task show {id}",
            failure.text
        );
    }
    failure
}
