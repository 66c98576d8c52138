//! What went wrong, by who must act: the exit code says it to scripts, the text to people.

use crate::supervisor::start::StartError;

/// The daemon runs, but a module of it does not serve.
pub(super) const DEGRADED: u8 = 5;

/// How a background process says that it was not needed.
pub(super) const ALREADY_RUNNING: u8 = 100;

/// The database did not tell whether what was asked for happened.
pub(crate) const UNKNOWN: u8 = 6;

/// A command that did not do what was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: u8,
    /// What, where, and what to do; empty when everything was said.
    pub(crate) text: String,
}

impl Failure {
    /// It failed, or the daemon is not running.
    pub(crate) fn failed(text: impl Into<String>) -> Self {
        Self { code: 1, text: text.into() }
    }

    /// The caller asked for something that does not exist.
    pub(crate) fn usage(text: impl Into<String>) -> Self {
        Self { code: 2, text: text.into() }
    }

    /// Whoever wrote the configuration must act.
    pub(crate) fn configuration(error: &anyhow::Error) -> Self {
        Self { code: 3, text: format!("{error:#}") }
    }
}

impl From<task_store::Error> for Failure {
    /// Whoever runs the database must act, unless the caller asked for what cannot be. What may have happened
    /// must not be taken for what did not.
    fn from(error: task_store::Error) -> Self {
        match error {
            task_store::Error::Invalid(text) => Self::usage(text),
            error @ task_store::Error::UnknownOutcome(_) => {
                Self { code: UNKNOWN, text: error.to_string() }
            }
            error => Self { code: 4, text: error.to_string() },
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::failed(format!("{error:#}"))
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Configuration(error) => Self::configuration(&error),
            StartError::AlreadyRunning(_) => {
                Self { code: ALREADY_RUNNING, text: error.to_string() }
            }
            StartError::Other(error) => error.into(),
        }
    }
}
