//! Adding tasks: of types that may be added so, with the policy of their type, and each once.

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use task_store::{Added, Error, NewTask, TaskId, encode};

use crate::{
    clock,
    config::task_types,
    web::{Console, api::model, auth::Caller, problem::Problem},
    worker::wake,
};

const ADDED: &str = "added";
const LIMIT_REACHED: &str = "limit-reached";
const KNOWN: &str = "known";

impl Console {
    /// Adds tasks in one transaction, all or none. With a key, what was added by it before is not added again, as long
    /// as the tasks or the ledger's memory of them last.
    pub(in crate::web) async fn add_tasks(
        &self,
        caller: &Caller,
        tasks: &[model::NewTask],
        key: Option<&str>,
    ) -> Result<Vec<(TaskId, &'static str)>, Problem> {
        let (store, now) = (self.store()?, clock::wall());
        let new = tasks.iter().enumerate();
        let new = new.map(|(number, task)| {
            let mut new = self.new_task(task)?;
            if let Some(key) = key {
                new.id = id_of(&caller.name, key, number);
            }
            Ok((task.at, new))
        });
        let new = new.collect::<Result<Vec<(Option<Timestamp>, NewTask)>, Problem>>()?;
        let known = || new.iter().map(|(_, it)| (it.id, KNOWN)).collect();
        if let (Some(_), Some((_, first))) = (key, new.first())
            && (store.get(first.id).await?.is_some()
                || !store.executions(first.id).await?.is_empty())
        {
            return Ok(known());
        }
        let at_once: Vec<NewTask> =
            new.iter().filter(|it| it.0.is_none()).map(|it| it.1.clone()).collect();
        let planned: Vec<(Timestamp, NewTask)> = new
            .iter()
            .filter_map(|(at, it)| {
                Some(((*at)?.round(jiff::Unit::Second).unwrap_or((*at)?), it.clone()))
            })
            .collect();
        let added = match store.add_and_plan(&at_once, &planned, now).await {
            // Somebody was faster with the same key.
            Err(Error::Duplicate(_)) if key.is_some() => return Ok(known()),
            added => added?,
        };
        wake::work_is_there(store, self.context.settings());
        self.audit(
            caller,
            &format!("added {} tasks, the first of type {}", new.len(), tasks[0].task_type),
        );
        let mut results = added.into_iter();
        let result = |(at, it): &(Option<Timestamp>, NewTask)| {
            let added = if at.is_some() { Some(Added::Added) } else { results.next() };
            (it.id, if added == Some(Added::Added) { ADDED } else { LIMIT_REACHED })
        };
        Ok(new.iter().map(result).collect())
    }

    fn new_task(&self, task: &model::NewTask) -> Result<NewTask, Problem> {
        let settings = self.context.settings();
        let described = task_types::is_given(settings, &task.task_type);
        if !self.web.is_addable(&task.task_type, described) {
            return Err(Problem::forbidden(format!(
                "tasks of type '{}' are not added here; the setting WebConsole::AddableTypes lists those that are",
                task.task_type
            )));
        }
        let store = self.store()?;
        let data = encode(&task.data, store.encoding())
            .map_err(|error| Problem::bad(format!("data: {error}")))?;
        let policy = task_types::read(settings).0.remove(&task.task_type).unwrap_or_default();
        let mut new = NewTask::new(&task.task_type, &task.name, data);
        new.attempts =
            task.attempts.unwrap_or_else(|| i16::try_from(policy.attempts).unwrap_or(i16::MAX));
        new.priority = policy.priority;
        // Planned tasks carry no limit.
        let limit = task.max_parallel.unwrap_or(policy.max_parallel);
        new.max_parallel = if task.at.is_some() { 0 } else { limit };
        Ok(new)
    }
}

/// The id of a caller's key: the same each time.
fn id_of(caller: &str, key: &str, number: usize) -> TaskId {
    let hash = Sha256::digest(format!("{caller}\0{key}\0{number}").as_bytes());
    let digits = hash.iter().take(8).fold(0_u64, |all, byte| all << 8 | u64::from(*byte));
    TaskId::from_digits(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_its_callers() {
        let id = id_of("token a", "k", 0);
        assert_eq!(id, id_of("token a", "k", 0));
        for (caller, key, number) in [("token b", "k", 0), ("token a", "l", 0), ("token a", "k", 1)]
        {
            assert_ne!(id, id_of(caller, key, number));
        }
    }
}
