//! `worker pause`, `worker resume`: which tasks the workers claim.

use super::{
    Failure, Program,
    arguments::{Paused, WorkerCommand},
    database,
    terminal::print,
};
use crate::ops::worker::{self, described};

/// What `task explain` shows about a pause.
const REASON: &str = "worker pause";

pub(super) fn run(program: &Program, command: WorkerCommand) -> Result<(), Failure> {
    database::ask(program, async |database| {
        let store = &database.store;
        match command {
            WorkerCommand::Pause(Paused { task_type, node }) => {
                worker::pause(store, &task_type, node, REASON).await?;
                print(&format!("paused: {}\n", described(&task_type, node)));
            }
            WorkerCommand::Resume(Paused { task_type, node }) => {
                let was_paused = worker::resume(store, &task_type, node).await?;
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
