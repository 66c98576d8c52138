//! Handlers in Rust: functions that run the tasks of a type inside the worker's process.

mod context;
mod error;

use std::{collections::BTreeMap, fmt, pin::Pin, sync::Arc};

use serde_json::Value;
use task_store::{Payload, TaskId};

pub(crate) use self::{context::Surroundings, error::Verdict};
pub use self::{context::TaskContext, error::TaskError};

/// One attempt at one task, as its handler receives it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Task {
    /// The permanent id of the task.
    pub id: TaskId,
    /// The type of the task: the name that the handler is registered under.
    pub task_type: String,
    /// The name of the task.
    pub name: String,
    /// The number of this attempt: 1, plus one for each failure and each postponement.
    pub number: u32,
    /// The payload, as far as Rust's numbers can represent it.
    pub data: Value,
    /// The payload's JSON as it was given, with every digit.
    pub text: String,
}

/// A task whose payload was not parsed yet.
pub(crate) struct Delivery {
    pub(crate) id: TaskId,
    pub(crate) task_type: String,
    pub(crate) name: String,
    pub(crate) number: u32,
    pub(crate) payload: Payload,
}

impl Delivery {
    fn open(self) -> Result<Task, TaskError> {
        let Self { id, task_type, name, number, payload } = self;
        let data = payload.read().map_err(TaskError::never)?;
        Ok(Task { id, task_type, name, number, data, text: payload.into_text() })
    }
}

type Outcome = Pin<Box<dyn Future<Output = Result<(), TaskError>> + Send>>;

/// A registered handler.
#[derive(Clone)]
pub(crate) struct Function(Arc<dyn Fn(Task, TaskContext) -> Outcome + Send + Sync>);

/// The functions of this program by task type.
pub(crate) type Functions = BTreeMap<String, Function>;

impl Function {
    pub(crate) fn new<F>(handler: impl Fn(Task, TaskContext) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), TaskError>> + Send + 'static,
    {
        Self(Arc::new(move |task, context| Box::pin(handler(task, context))))
    }

    /// The function is called at the first poll, so code before its first await is also part of the handler.
    pub(crate) async fn call(self, task: Delivery, context: TaskContext) -> Result<(), TaskError> {
        (self.0)(task.open()?, context).await
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Function")
    }
}
