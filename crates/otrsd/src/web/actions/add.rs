//! Adding tasks: only of types that may be added by the console, with the policy of their type, and each once.

use axum::http::StatusCode;
use jiff::Timestamp;
use task_store::{NewTask, TaskId};

use super::once::{Known, id_of, insert};

use crate::{
    config::{console::runs_its_data, task_types},
    ops::task::{EnqueueRequest, limit_reached, title, whole_second},
    web::{Console, api::model, auth::Caller, problem::Problem},
};

/// From here on the year of a wall clock may have more than four digits.
const LATEST: i64 = 253_370_764_800;

/// The result for a task that was to be added.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::web) enum Became {
    /// It waits, or is scheduled.
    Added,
    /// The limit of waiting and running tasks of its type and name is reached.
    LimitReached,
    /// The same request was made before.
    Known,
}

impl Became {
    pub(in crate::web) const fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::LimitReached => "limit-reached",
            Self::Known => "known",
        }
    }
}

/// A task with its scheduled time.
pub(super) type Planned = (Option<Timestamp>, NewTask);

impl Console {
    /// Adds tasks in one transaction, all or none. With a key, a task that was added with the same key before is not
    /// added again, as long as the task or its row in the ledger exists. A limit that is reached is a problem for a
    /// single task; among several tasks, only the tasks at their limit are left out.
    pub(in crate::web) async fn add_tasks(
        &self,
        caller: &Caller,
        tasks: &[model::NewTask],
        key: Option<&str>,
    ) -> Result<Vec<(TaskId, Became)>, Problem> {
        let store = self.store()?;
        let mut new = Vec::with_capacity(tasks.len());
        for (number, task) in tasks.iter().enumerate() {
            let mut one = self.new_task(task).map_err(|problem| placed(problem, tasks, number))?;
            if let Some(key) = key {
                one.1.id = id_of(&caller.name, key, number);
            }
            new.push(one);
        }
        let added = match key {
            None => insert(store, &new, &Known::new()).await.map_err(Problem::from),
            Some(_) => self.insert_once(store, &new).await,
        };
        let added = added.map_err(|problem| unknown(problem, &new, key))?;
        if let ([(_, task)], [(_, Became::LimitReached)]) = (&new[..], &added[..]) {
            return Err(limit_reached(task).into());
        }
        self.tell(caller, &new, &added);
        Ok(added)
    }

    fn new_task(&self, task: &model::NewTask) -> Result<Planned, Problem> {
        let settings = self.context.settings();
        let described = task_types::is_given(settings, &task.task_type);
        if !self.web.is_addable(&task.task_type, described) {
            return Err(not_addable(&task.task_type));
        }
        if task.at.is_some_and(|at| !(0..LATEST).contains(&at.as_second())) {
            return Err(Problem::bad("at: a time from 1970 to 9998"));
        }
        let request = EnqueueRequest {
            task_type: &task.task_type,
            name: &task.name,
            data: &task.data,
            at: task.at,
            attempts: task.attempts,
            max_parallel: task.max_parallel.filter(|_| task.at.is_none()),
        };
        let new = request
            .task(settings, self.store()?.encoding())
            .map_err(|error| Problem::bad(format!("data: {error}")))?;
        new.check()?;
        Ok((task.at.map(whole_second), new))
    }

    fn tell(&self, caller: &Caller, new: &[Planned], added: &[(TaskId, Became)]) {
        let both = new.iter().zip(added).filter(|(_, (_, became))| *became == Became::Added);
        let added: Vec<&NewTask> = both.map(|((_, task), _)| task).collect();
        let Some(first) = added.first() else { return };
        let title = title(&first.task_type, &first.name);
        let text = match added.len() {
            1 => format!("added task {} ({title})", first.id),
            count => format!("added {count} tasks, the first is {} ({title})", first.id),
        };
        self.audit(caller, &text);
    }
}

fn not_addable(task_type: &str) -> Problem {
    let title = title(task_type, "");
    let title = title.trim_end();
    Problem::forbidden(if runs_its_data(task_type) {
        format!(
            "tasks of type {title} run what their data says, and are never added here, whatever WebConsole::AddableTypes lists"
        )
    } else {
        format!(
            "tasks of type '{title}' are not added here; the setting WebConsole::AddableTypes lists those that are"
        )
    })
}

/// A problem that tells how to find out which tasks may have been added.
fn unknown(problem: Problem, new: &[Planned], key: Option<&str>) -> Problem {
    let (StatusCode::GATEWAY_TIMEOUT, Some((_, first))) = (problem.status, new.first()) else {
        return problem;
    };
    let id = first.id;
    let advice = match key {
        Some(_) => "asking again with the same Idempotency-Key adds nothing twice".to_owned(),
        None if new.len() == 1 => format!("GET /api/v1/tasks/{id} tells whether it was added"),
        None => format!("GET /api/v1/tasks/{id} tells whether all were added, or none"),
    };
    Problem { detail: format!("{}; {advice}", problem.detail), ..problem }
}

/// Adds the index of the task to the problem, if there are several.
fn placed(problem: Problem, tasks: &[model::NewTask], number: usize) -> Problem {
    match tasks {
        [_] => problem,
        _ => Problem { detail: format!("[{number}]: {}", problem.detail), ..problem },
    }
}
