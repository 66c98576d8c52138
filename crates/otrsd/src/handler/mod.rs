//! Handlers in Rust: functions that run the tasks of a type inside the worker's process.

mod context;
mod error;

use std::{collections::BTreeMap, fmt, pin::Pin, sync::Arc};

use serde_json::Value;
use task_store::{Payload, TaskId};

pub(crate) use self::{context::Surroundings, error::Verdict};
pub use self::{context::TaskContext, error::TaskError};

/// One try of one task, as its handler gets it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Task {
    /// Its id for life.
    pub id: TaskId,
    /// What kind of task it is: the name that the handler is registered under.
    pub task_type: String,
    /// What it is called.
    pub name: String,
    /// Which try this is: 1, and one more after each failure and each postponement.
    pub number: u32,
    /// The payload, as far as Rust's numbers hold it.
    pub data: Value,
    /// The payload's JSON as it was given, to the last digit.
    pub text: String,
}

/// A task before its payload was read.
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

/// Every type that this program has a function for.
pub(crate) type Functions = BTreeMap<String, Function>;

impl Function {
    pub(crate) fn new<F>(handler: impl Fn(Task, TaskContext) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), TaskError>> + Send + 'static,
    {
        Self(Arc::new(move |task, context| Box::pin(handler(task, context))))
    }

    /// The call itself is made at the first poll, so what it does before its first await is the handler's too.
    pub(crate) async fn call(self, task: Delivery, context: TaskContext) -> Result<(), TaskError> {
        (self.0)(task.open()?, context).await
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Function")
    }
}
