//! Idempotent adding: the ids of tasks are derived from a caller's key, and known tasks are not added again.

use std::collections::HashMap;

use sha2::{Digest as _, Sha256};
use task_store::{Added, Error, Store, TaskId};

use super::add::{Became, Planned};
use crate::{
    clock,
    ops::task::title,
    web::{Console, problem::Problem},
};

impl Console {
    /// Serializes callers: the second request with a key checks when the first is done, however fast its tasks are.
    pub(super) async fn insert_once(
        &self,
        store: &Store,
        new: &[Planned],
    ) -> Result<Vec<(TaskId, Became)>, Problem> {
        let _turn = self.keyed.lock().await;
        let ids: Vec<TaskId> = new.iter().map(|(_, it)| it.id).collect();
        let known = known(store, new, &ids).await?;
        match insert(store, new, &known).await {
            // The console of another node was faster with the same key.
            Err(Error::Duplicate(_)) => {
                let known = self::known(store, new, &ids).await?;
                Ok(insert(store, new, &known).await?)
            }
            added => Ok(added?),
        }
    }
}

pub(super) type Known = HashMap<TaskId, (String, String)>;

/// The tasks that were added with this key before.
async fn known(store: &Store, new: &[Planned], ids: &[TaskId]) -> Result<Known, Problem> {
    let known = store.known(ids).await?;
    for (_, task) in new {
        if let Some((task_type, name)) = known.get(&task.id)
            && (*task_type != task.task_type || *name != task.name)
        {
            let other = title(task_type, name);
            let text = format!("this key was used for another task: {} ({other})", task.id);
            return Err(Problem::conflict(text));
        }
    }
    Ok(known)
}

/// Adds what is not known.
pub(super) async fn insert(
    store: &Store,
    new: &[Planned],
    known: &Known,
) -> task_store::Result<Vec<(TaskId, Became)>> {
    let fresh = || new.iter().filter(|(_, task)| !known.contains_key(&task.id));
    let at_once = fresh().filter(|(at, _)| at.is_none()).map(|(_, task)| task.clone());
    let planned = fresh().filter_map(|(at, task)| Some(((*at)?, task.clone())));
    let (at_once, planned): (Vec<_>, Vec<_>) = (at_once.collect(), planned.collect());
    let mut added =
        store.enqueue_and_schedule(&at_once, &planned, clock::now_utc()).await?.into_iter();
    let became = |(at, task): &Planned| {
        let became = if known.contains_key(&task.id) {
            Became::Known
        } else if at.is_some() || added.next() == Some(Added::Added) {
            Became::Added
        } else {
            Became::LimitReached
        };
        (task.id, became)
    };
    Ok(new.iter().map(became).collect())
}

/// The id for a caller's key: the same each time.
pub(super) fn id_of(caller: &str, key: &str, number: usize) -> TaskId {
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
