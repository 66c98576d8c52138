//! Why a use case was not done, by who must act. Exit codes and HTTP statuses are made from it.

use task_store::Error as StoreError;

/// Every variant holds or makes a text that says what happened, where, and what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The caller must ask for something else: this cannot be.
    #[error("{0}")]
    Invalid(String),
    /// The caller asked for something that does not exist.
    #[error("{0}")]
    NotFound(String),
    /// The state of a task, a limit or the daemon does not allow it now.
    #[error("{0}")]
    Conflict(String),
    /// The data do not fit what the settings make of them.
    #[error("{0}")]
    Data(String),
    /// The administrator must mend the settings.
    #[error("{0:#}")]
    Configuration(anyhow::Error),
    /// The database refused it, is away, or did not tell whether it happened.
    #[error(transparent)]
    Store(StoreError),
    /// This machine failed.
    #[error("{0:#}")]
    Internal(#[from] anyhow::Error),
}

/// What a use case returns.
pub(crate) type Result<T> = std::result::Result<T, Error>;

impl From<StoreError> for Error {
    /// What the caller asked for wrongly is no fault of the database.
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Invalid(text) => Self::Invalid(text),
            error => Self::Store(error),
        }
    }
}
