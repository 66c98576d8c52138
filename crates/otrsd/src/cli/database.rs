//! The database for one command: opened by the settings, asked on a runtime of one thread.

use task_store::{Identity, Store};
use tokio::runtime;

use super::{Failure, Program};
use crate::config::{Configuration, database};

/// Two, so that a list can go on while something else is asked.
const CONNECTIONS: u32 = 2;

/// What commands ask.
pub(super) struct Database {
    pub(super) configuration: Configuration,
    pub(super) store: Store,
    /// Who we are, for the database's memory.
    pub(super) identity: Identity,
}

/// Opens the database and does the work with it.
///
/// # Errors
///
/// Those of the configuration, or of the work; a `SQLite` database that nobody has made yet.
pub(super) fn ask<T>(
    program: &Program,
    work: impl AsyncFnOnce(&Database) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let configuration = program.load()?;
    // Looking at it would make an empty file.
    if let Some(file) = database::file(&configuration.settings).filter(|file| !file.exists()) {
        let text = format!(
            "there is no database yet: {}; otrsd db migrate makes it, so does the daemon's worker",
            file.display()
        );
        return Err(Failure { code: 4, text });
    }
    open(configuration, work)
}

/// As [`ask`], but a `SQLite` database that is not there is made.
pub(super) fn ask_or_make<T>(
    program: &Program,
    work: impl AsyncFnOnce(&Database) -> Result<T, Failure>,
) -> Result<T, Failure> {
    open(program.load()?, work)
}

fn open<T>(
    configuration: Configuration,
    work: impl AsyncFnOnce(&Database) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let runtime =
        runtime::Builder::new_current_thread().enable_all().build().map_err(anyhow::Error::from)?;
    runtime.block_on(async {
        let store = database::open(&configuration.settings, CONNECTIONS)
            .map_err(|error| Failure::configuration(&error))?;
        let identity = database::identity(&configuration.settings)?;
        let database = Database { configuration, store, identity };
        let done = work(&database).await;
        database.store.close().await;
        done.map_err(|failure| placed(failure, &database))
    })
}

/// An error of the database says which one.
fn placed(failure: Failure, database: &Database) -> Failure {
    match failure {
        Failure { code: 4, text } if !text.is_empty() => {
            let described = database::described(&database.configuration.settings);
            Failure { code: 4, text: format!("database {described}: {text}") }
        }
        failure => failure,
    }
}
