//! worker pause, worker resume: what the workers take.

use super::{
    Failure, Program,
    arguments::{Paused, WorkerCommand},
    database,
    table::one_line,
    terminal::print,
};
use crate::{clock, worker::wake};

/// What `task explain` shows about a pause.
const REASON: &str = "worker pause";

pub(super) fn run(program: &Program, command: WorkerCommand) -> Result<(), Failure> {
    database::ask(program, async |database| {
        let store = &database.store;
        match command {
            WorkerCommand::Pause(paused) => {
                store.pause(&paused.task_type, paused.node, REASON, clock::wall()).await?;
                print(&format!("paused: {}\n", described(&paused.task_type, paused.node)));
            }
            WorkerCommand::Resume(Paused { task_type, node }) => {
                let was_paused = store.resume(&task_type, node).await?;
                wake::work_is_there(store, &database.configuration.settings);
                let word = if was_paused { "resumed" } else { "was not paused" };
                print(&format!("{word}: {}\n", described(&task_type, node)));
                for pause in store.pauses().await? {
                    let other = described(&pause.task_type, pause.node);
                    print(&format!("still paused: {other}\n"));
                }
            }
        }
        Ok(())
    })
}

/// What a pause holds; the type empty and node 0 for all.
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
