//! Why a handler did not do what it should, and what shall follow.

use std::fmt::Display;

/// A task that was not done. Any error becomes one by `?`: then the type's policy says what follows.
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

/// What follows an error.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    /// What the type's policy says.
    Failed,
    /// Another try, whatever the attempts say.
    Later,
    /// No other try, whatever the attempts say.
    Never,
}

impl TaskError {
    /// A failure: `Attempts` of the type and of the task say whether it is tried again.
    pub fn new(why: impl Display) -> Self {
        Self::of(Verdict::Failed, why)
    }

    /// It is not the task's fault: it is tried again after growing pauses, and uses up no attempts, until `Expires`
    /// of its type. What exit 75 is for commands.
    pub fn later(why: impl Display) -> Self {
        Self::of(Verdict::Later, why)
    }

    /// Another try would end alike: the task is held as failed, whatever attempts it has left.
    pub fn never(why: impl Display) -> Self {
        Self::of(Verdict::Never, why)
    }

    /// With the chain of causes, where the error tells it so.
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
