//! Actions on cron tasks and workers: run now, pause, resume.

use task_store::TaskId;

use crate::{
    ops::{cron, worker},
    web::{Console, auth::Caller, problem::Problem},
};

impl Console {
    /// Enqueues a cron task's task, as its schedule would.
    pub(in crate::web) async fn run_cron(
        &self,
        caller: &Caller,
        name: &str,
    ) -> Result<TaskId, Problem> {
        let id = cron::run(self.store()?, self.context.settings(), name).await?;
        self.audit(caller, &format!("runs cron task {name} now: task {id}"));
        Ok(id)
    }

    /// Skips a cron task's runs on all nodes; returns whether it was not paused before.
    pub(in crate::web) async fn pause_cron(
        &self,
        caller: &Caller,
        name: &str,
    ) -> Result<bool, Problem> {
        let reason = format!("paused in the console by {}", caller.name);
        let is_new = cron::pause(self.store()?, self.context.settings(), name, &reason).await?;
        self.audit(caller, &format!("paused cron task {name}"));
        Ok(is_new)
    }

    /// Ends a pause, also that of a cron task that is no longer configured; returns whether there was one.
    pub(in crate::web) async fn resume_cron(
        &self,
        caller: &Caller,
        name: &str,
    ) -> Result<bool, Problem> {
        let was_paused = cron::resume(self.store()?, self.context.settings(), name).await?;
        self.audit(caller, &format!("resumed cron task {name}"));
        Ok(was_paused)
    }

    /// Pauses the tasks of a type (empty: of all types) on a node (0: on all).
    pub(in crate::web) async fn pause_tasks(
        &self,
        caller: &Caller,
        task_type: &str,
        node: u16,
    ) -> Result<(), Problem> {
        let reason = format!("paused in the console by {}", caller.name);
        worker::pause(self.store()?, task_type, node, &reason).await?;
        self.audit(caller, &format!("paused {}", worker::described(task_type, node)));
        Ok(())
    }

    /// Ends such a pause; returns whether there was one.
    pub(in crate::web) async fn resume_tasks(
        &self,
        caller: &Caller,
        task_type: &str,
        node: u16,
    ) -> Result<bool, Problem> {
        let was_paused = worker::resume(self.store()?, task_type, node).await?;
        self.audit(caller, &format!("resumed {}", worker::described(task_type, node)));
        Ok(was_paused)
    }
}
