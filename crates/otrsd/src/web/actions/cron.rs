//! Cron tasks and the worker: now, not for a while, and again.

use task_store::{LONGEST_NAME, TaskId};

use crate::{
    cli::{
        cron::{change::add_now, find},
        worker::described,
    },
    clock,
    config::cron_tasks::TYPE,
    web::{Console, auth::Caller, problem::Problem},
    worker::wake,
};

impl Console {
    /// Adds a task as a due instant would.
    pub(in crate::web) async fn run_cron(
        &self,
        caller: &Caller,
        name: &str,
    ) -> Result<TaskId, Problem> {
        let (store, settings) = (self.store()?, self.context.settings());
        let cron = find(settings, name).map_err(|failure| Problem::not_found(failure.text))?;
        let id = add_now(store, settings, &cron, clock::wall()).await?;
        self.audit(caller, &format!("runs cron task {name} now: task {id}"));
        Ok(id)
    }

    /// Leaves out due instants on all nodes; whether it was not paused before.
    pub(in crate::web) async fn pause_cron(
        &self,
        caller: &Caller,
        name: &str,
    ) -> Result<bool, Problem> {
        find(self.context.settings(), name).map_err(|failure| Problem::not_found(failure.text))?;
        let reason = format!("paused in the console by {}", caller.name);
        let is_new = self.store()?.pause_cron(TYPE, name, &reason, clock::wall()).await?;
        self.audit(caller, &format!("paused cron task {name}"));
        Ok(is_new)
    }

    /// Ends a pause, also of one that is configured no more; whether it was paused.
    pub(in crate::web) async fn resume_cron(
        &self,
        caller: &Caller,
        name: &str,
    ) -> Result<bool, Problem> {
        let was_paused = self.store()?.resume_cron(TYPE, name).await?;
        if !was_paused {
            find(self.context.settings(), name)
                .map_err(|failure| Problem::not_found(failure.text))?;
        }
        self.audit(caller, &format!("resumed cron task {name}"));
        Ok(was_paused)
    }

    /// No task of a type (empty: of any) is taken on a node (0: on all).
    pub(in crate::web) async fn pause_tasks(
        &self,
        caller: &Caller,
        task_type: &str,
        node: u16,
    ) -> Result<(), Problem> {
        check(task_type, node)?;
        let reason = format!("paused in the console by {}", caller.name);
        self.store()?.pause(task_type, node, &reason, clock::wall()).await?;
        self.audit(caller, &format!("paused {}", described(task_type, node)));
        Ok(())
    }

    /// Ends such a pause; whether there was one.
    pub(in crate::web) async fn resume_tasks(
        &self,
        caller: &Caller,
        task_type: &str,
        node: u16,
    ) -> Result<bool, Problem> {
        check(task_type, node)?;
        let store = self.store()?;
        let was_paused = store.resume(task_type, node).await?;
        wake::work_is_there(store, self.context.settings());
        self.audit(caller, &format!("resumed {}", described(task_type, node)));
        Ok(was_paused)
    }
}

/// Whether the database can hold such a pause.
fn check(task_type: &str, node: u16) -> Result<(), Problem> {
    if node > 999 {
        return Err(Problem::bad("node must be from 1 to 999, or 0 for all"));
    }
    if task_type.chars().count() > LONGEST_NAME || task_type.contains('\0') {
        let text = format!("a type has at most {LONGEST_NAME} characters, and no NUL");
        return Err(Problem::bad(text));
    }
    Ok(())
}
