//! Single tasks: again, or not at all.

use task_store::{Cancelled, Entry, LockKey, TaskId};

use crate::{
    cli::task::{
        change::{cancel_task, is_over, not_held},
        find, word,
    },
    clock,
    web::{Console, auth::Caller, problem::Problem},
    worker::wake,
};

/// How a task that was to end did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::web) enum Ended {
    /// It is gone.
    Gone,
    /// It runs; its worker was asked to end it.
    Asked,
}

impl Console {
    /// Puts a held task into the queue now.
    pub(in crate::web) async fn retry(&self, caller: &Caller, id: TaskId) -> Result<(), Problem> {
        let store = self.store()?;
        if !store.retry(id).await? {
            return Err(not_held(&self.entry(id).await?).into());
        }
        wake::work_is_there(store, self.context.settings());
        self.audit(caller, &format!("retried task {id}"));
        Ok(())
    }

    /// Takes a task out of the queue, or asks who runs it to end it.
    pub(in crate::web) async fn cancel(
        &self,
        caller: &Caller,
        id: TaskId,
    ) -> Result<Ended, Problem> {
        let entry = self.entry(id).await?;
        if is_over(entry.state) {
            return Err(Problem::conflict(format!(
                "{id} does not run any more, it is held as {}: delete it",
                word(entry.state)
            )));
        }
        let by = format!("cancelled in the console by {}", caller.name);
        match self.store()?.cancel(id, &by, clock::wall()).await? {
            Cancelled::Gone => {}
            Cancelled::Running(LockKey::Ours(_)) => {
                self.ask_for_the_end(entry, by).await?;
                self.audit(caller, &format!("asked for the end of task {id}"));
                return Ok(Ended::Asked);
            }
            // This says why it cannot be.
            Cancelled::Running(_) | Cancelled::Unknown => {
                cancel_task(self.store()?, entry, &by, drop).await?;
            }
        }
        self.audit(caller, &format!("cancelled task {id}"));
        Ok(Ended::Gone)
    }

    /// Asks its worker, and goes on in the background: a task that is put back instead is taken out of the queue.
    async fn ask_for_the_end(&self, entry: Entry, by: String) -> Result<(), Problem> {
        let store = self.store()?.clone();
        store.ask_to_cancel(entry.id, &by, clock::wall()).await?;
        tokio::spawn(async move {
            // What comes of it stands in the ledger.
            let _ = cancel_task(&store, entry, &by, drop).await;
        });
        Ok(())
    }

    /// Takes a held task away for good.
    pub(in crate::web) async fn delete(&self, caller: &Caller, id: TaskId) -> Result<(), Problem> {
        let entry = self.entry(id).await?;
        if !is_over(entry.state) {
            return Err(Problem::conflict(format!(
                "{id} is still to run ({}): cancel it",
                word(entry.state)
            )));
        }
        let by = format!("deleted in the console by {}", caller.name);
        cancel_task(self.store()?, entry, &by, drop).await?;
        self.audit(caller, &format!("deleted task {id}"));
        Ok(())
    }

    /// A task that is not done.
    async fn entry(&self, id: TaskId) -> Result<Entry, Problem> {
        let store = self.store()?;
        if let Some(entry) = store.get(id).await? {
            return Ok(entry);
        }
        Err(match store.executions(id).await?.last() {
            Some(last) => Problem::conflict(format!("{id} is done: {}", last.outcome.word())),
            None => Problem::not_found(find::unknown(id)),
        })
    }
}
