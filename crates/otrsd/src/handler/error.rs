//! The error of a handler: why it failed, and what is to follow.

use std::fmt::Display;

/// The error of a task that was not done. Any error becomes one by `?`; the type's policy then says what follows.
///
/// ```
/// # use otrsd::TaskError;
/// fn read(file: &str) -> Result<String, TaskError> {
///     let text = std::fs::read_to_string(file)?; // `Attempts` of the type says whether it is tried again
///     if text.is_empty() {
///         return Err(TaskError::later("the file is still being written"));
///     }
///     if !text.starts_with("%PDF") {
///         return Err(TaskError::never("no PDF"));
///     }
///     Ok(text)
/// }
/// ```
#[derive(Debug)]
pub struct TaskError {
    verdict: Verdict,
    why: String,
}

/// The consequence of an error.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    /// The type's policy decides.
    Failed,
    /// Another attempt, whatever `Attempts` says.
    Later,
    /// No further attempt, whatever `Attempts` says.
    Never,
}

impl TaskError {
    /// A failure: `Attempts` of the type and of the task say whether it is tried again.
    pub fn new(why: impl Display) -> Self {
        Self::of(Verdict::Failed, why)
    }

    /// A temporary condition that is not the task's fault: the task is tried again after growing pauses, without using
    /// up attempts, until `Expires` of its type. It corresponds to exit code 75 of a command.
    pub fn later(why: impl Display) -> Self {
        Self::of(Verdict::Later, why)
    }

    /// A permanent failure: another attempt would end alike. The task is held as failed, whatever attempts it has left.
    pub fn never(why: impl Display) -> Self {
        Self::of(Verdict::Never, why)
    }

    /// Includes the chain of causes if the error's `{:#}` format shows it.
    fn of(verdict: Verdict, why: impl Display) -> Self {
        Self { verdict, why: format!("{why:#}") }
    }

    pub(crate) fn into_parts(self) -> (Verdict, String) {
        (self.verdict, self.why)
    }
}

impl<E: Into<anyhow::Error>> From<E> for TaskError {
    fn from(error: E) -> Self {
        Self::new(error.into())
    }
}
