//! The use case of enqueuing a task: the settings of its type apply where the request is silent.

use jiff::{Timestamp, Unit};
use sysconfig::SysConfig;
use task_store::{Encoding, NewTask, Payload, PayloadError, encode};

use super::title;
use crate::{config::task_types, ops::Error};

/// The request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EnqueueRequest<'a> {
    pub(crate) task_type: &'a str,
    pub(crate) name: &'a str,
    pub(crate) data: &'a Payload,
    /// Its scheduled time, if not at once.
    pub(crate) at: Option<Timestamp>,
    pub(crate) attempts: Option<i16>,
    pub(crate) max_parallel: Option<u32>,
}

impl EnqueueRequest<'_> {
    /// The task with a new id.
    ///
    /// # Errors
    ///
    /// Data that Perl cannot read.
    pub(crate) fn task(
        &self,
        settings: &SysConfig,
        encoding: Encoding,
    ) -> Result<NewTask, PayloadError> {
        let data = encode(self.data, encoding)?;
        let mut task = NewTask::new(self.task_type, self.name, data);
        let of_type = |key| task_types::number::<i16>(settings, self.task_type, key);
        let limit = task_types::number(settings, self.task_type, "MaximumParallelInstances");
        // Future tasks have no limit.
        let limit = limit.filter(|_| self.at.is_none());
        task.max_parallel = self.max_parallel.or(limit).unwrap_or(0);
        let attempts = of_type("Attempts").filter(|attempts| *attempts > 0);
        task.attempts = self.attempts.or(attempts).unwrap_or(1);
        task.priority = of_type("Priority").unwrap_or(0);
        Ok(task)
    }
}

/// The columns of future tasks hold whole seconds.
pub(crate) fn whole_second(at: Timestamp) -> Timestamp {
    at.round(Unit::Second).unwrap_or(at)
}

/// The limit of its type and name prevented the task.
pub(crate) fn limit_reached(task: &NewTask) -> Error {
    let title = title(&task.task_type, &task.name);
    Error::Conflict(format!(
        "limit reached: at most {} of {title} may wait or run; it was not added",
        task.max_parallel
    ))
}
