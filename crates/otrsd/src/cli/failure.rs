//! Failures by who must act: the exit code tells scripts, the text tells people.

use crate::{ops, supervisor::start::StartError};

/// The database refused it, or is unavailable.
pub(super) const DATABASE: u8 = 4;

/// The daemon runs, but one of its modules does not serve.
pub(super) const DEGRADED: u8 = 5;

/// The exit code of a background process that found a running daemon.
pub(super) const ALREADY_RUNNING: u8 = 100;

/// The database did not report whether the request was carried out.
pub(super) const UNKNOWN: u8 = 6;

/// A command that did not do what was requested.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) code: u8,
    /// What, where, and what to do; empty when everything was already printed.
    pub(super) text: String,
}

impl Failure {
    /// It failed, or the daemon is not running.
    pub(super) fn failed(text: impl Into<String>) -> Self {
        Self { code: 1, text: text.into() }
    }

    /// The caller asked for something that does not exist.
    pub(super) fn usage(text: impl Into<String>) -> Self {
        Self { code: 2, text: text.into() }
    }

    /// The administrator must correct the settings.
    pub(super) fn configuration(error: &anyhow::Error) -> Self {
        Self { code: 3, text: format!("{error:#}") }
    }
}

impl From<ops::Error> for Failure {
    /// An unknown outcome has an exit code of its own, since the change may have been made.
    fn from(error: ops::Error) -> Self {
        use ops::Error::{Configuration, Conflict, Data, Internal, Invalid, NotFound, Store};
        let code = match &error {
            NotFound(_) | Conflict(_) | Data(_) | Internal(_) => 1,
            Invalid(_) => 2,
            Configuration(_) => 3,
            Store(task_store::Error::UnknownOutcome(_)) => UNKNOWN,
            Store(_) => DATABASE,
        };
        Self { code, text: error.to_string() }
    }
}

impl From<task_store::Error> for Failure {
    fn from(error: task_store::Error) -> Self {
        ops::Error::from(error).into()
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
