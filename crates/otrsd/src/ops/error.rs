//! The error of a use case, by who must act. Exit codes and HTTP statuses are derived from it.

use task_store::Error as StoreError;

/// Every variant holds or makes a text that says what happened, where, and what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The request can never be carried out; the caller must change it.
    #[error("{0}")]
    Invalid(String),
    /// The caller asked for something that does not exist.
    #[error("{0}")]
    NotFound(String),
    /// The state of a task, a limit or the daemon does not allow it now.
    #[error("{0}")]
    Conflict(String),
    /// The data does not fit the settings that use it.
    #[error("{0}")]
    Data(String),
    /// The administrator must correct the settings.
    #[error("{0:#}")]
    Configuration(anyhow::Error),
    /// The database refused it, is unavailable, or did not report whether it happened.
    #[error(transparent)]
    Store(StoreError),
    /// This machine failed.
    #[error("{0:#}")]
    Internal(#[from] anyhow::Error),
}

/// The result of a use case.
pub(crate) type Result<T> = std::result::Result<T, Error>;

impl From<StoreError> for Error {
    /// An invalid request of the caller is no error of the database.
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Invalid(text) => Self::Invalid(text),
            error => Self::Store(error),
        }
    }
}
