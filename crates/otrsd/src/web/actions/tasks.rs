//! Actions on single tasks: retry, cancel, delete.

use task_store::TaskId;

use crate::{
    ops::{
        self,
        task::{Cancelling, end, request_cancel},
    },
    web::{Console, auth::Caller, problem::Problem},
};

/// The result of a cancellation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::web) enum Ended {
    /// The task is gone.
    Gone,
    /// It runs; its worker was asked to end it.
    Asked,
}

impl Console {
    /// Puts a held task into the queue now.
    pub(in crate::web) async fn retry(&self, caller: &Caller, id: TaskId) -> Result<(), Problem> {
        ops::task::retry(self.store()?, id).await?;
        self.audit(caller, &format!("retried task {id}"));
        Ok(())
    }

    /// Takes a task out of the queue, or asks its worker to end it, which continues in the background.
    pub(in crate::web) async fn cancel(
        &self,
        caller: &Caller,
        id: TaskId,
    ) -> Result<Ended, Problem> {
        let by = format!("cancelled in the console by {}", caller.name);
        let store = self.store()?;
        match request_cancel(store, id, &by).await? {
            Cancelling::Done => {
                self.audit(caller, &format!("cancelled task {id}"));
                Ok(Ended::Gone)
            }
            Cancelling::Requested(entry) => {
                self.audit(caller, &format!("asked for the end of task {id}"));
                let store = store.clone();
                tokio::spawn(async move {
                    // The ledger records the result.
                    let _ = end(&store, &entry, &by, drop).await;
                });
                Ok(Ended::Asked)
            }
        }
    }

    /// Deletes a held task.
    pub(in crate::web) async fn delete(&self, caller: &Caller, id: TaskId) -> Result<(), Problem> {
        let by = format!("deleted in the console by {}", caller.name);
        ops::task::delete(self.store()?, id, &by).await?;
        self.audit(caller, &format!("deleted task {id}"));
        Ok(())
    }
}
