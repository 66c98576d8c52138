//! Jobs: changes of many tasks, one after the other in the background, with their progress.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};
use task_store::TaskId;

use super::Ended;
use crate::web::{Console, auth::Caller, problem::Problem};

/// The number of jobs that are remembered.
const MOST: usize = 50;
/// The number of problems of a job that are listed.
const MOST_TOLD: usize = 20;

/// The change of each task.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::web) enum Action {
    Retry,
    Cancel,
    Delete,
}

impl Action {
    pub(in crate::web) const fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Cancel => "cancel",
            Self::Delete => "delete",
        }
    }

    /// The wording for titles and buttons.
    pub(in crate::web) const fn title(self) -> &'static str {
        match self {
            Self::Retry => "Try again",
            Self::Cancel => "Cancel",
            Self::Delete => "Delete",
        }
    }

    async fn apply(
        self,
        console: &Arc<Console>,
        caller: &Caller,
        id: TaskId,
    ) -> Result<(), Problem> {
        match self {
            Self::Retry => console.retry(caller, id).await,
            Self::Cancel => console.cancel(caller, id).await.map(|_: Ended| ()),
            Self::Delete => console.delete(caller, id).await,
        }
    }
}

/// A change of many tasks, and its progress.
#[derive(Clone, Debug)]
pub(in crate::web) struct Job {
    pub(in crate::web) number: u64,
    pub(in crate::web) action: Action,
    pub(in crate::web) total: usize,
    pub(in crate::web) done: usize,
    pub(in crate::web) failed: usize,
    /// Why tasks could not be changed, for the first of them.
    pub(in crate::web) problems: Vec<String>,
}

impl Job {
    fn note(&mut self, changed: Result<(), Problem>) {
        match changed {
            Ok(()) => self.done += 1,
            Err(problem) => {
                self.failed += 1;
                self.problems.extend(Some(problem.detail).filter(|_| self.failed <= MOST_TOLD));
            }
        }
    }

    pub(in crate::web) fn is_over(&self) -> bool {
        self.done + self.failed == self.total
    }
}

/// The jobs of this console process.
#[derive(Default)]
pub(in crate::web) struct Jobs {
    jobs: Mutex<VecDeque<Job>>,
}

impl Jobs {
    pub(in crate::web) fn get(&self, number: u64) -> Option<Job> {
        self.with(number, |job| job.clone())
    }

    fn add(&self, action: Action, total: usize) -> u64 {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let number = jobs.back().map_or(1, |last| last.number + 1);
        jobs.push_back(Job { number, action, total, done: 0, failed: 0, problems: Vec::new() });
        if jobs.len() > MOST {
            jobs.pop_front();
        }
        number
    }

    fn with<T>(&self, number: u64, change: impl FnOnce(&mut Job) -> T) -> Option<T> {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        jobs.iter_mut().find(|job| job.number == number).map(change)
    }
}

impl Console {
    /// Starts to change these tasks and returns the number of the job.
    pub(in crate::web) fn change_all(
        self: &Arc<Self>,
        caller: Caller,
        action: Action,
        ids: Vec<TaskId>,
    ) -> u64 {
        let number = self.jobs.add(action, ids.len());
        self.audit(
            &caller,
            &format!("begins to {} {} tasks (job {number})", action.as_str(), ids.len()),
        );
        let console = Arc::clone(self);
        tokio::spawn(async move {
            for id in ids {
                let changed = action.apply(&console, &caller, id).await;
                console.jobs.with(number, |job| job.note(changed));
            }
        });
        number
    }
}
