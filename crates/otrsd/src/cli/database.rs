//! The database for one command: opened by the settings, asked on a runtime of one thread.

use std::time::Duration;

use task_store::{Identity, Store};
use tokio::{
    runtime::{self, Runtime},
    time,
};

use super::{Failure, Program};
use crate::{
    config::{Configuration, database},
    supervisor::pid_file,
};

/// Two, so that a list can go on while something else is asked.
const CONNECTIONS: u32 = 2;
/// For the tables of a daemon that has just been started; its worker needs less than a second.
const TABLES_MADE_WITHIN: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(20);

/// What commands ask.
pub(super) struct Database {
    pub(super) configuration: Configuration,
    pub(super) store: Store,
    /// Who we are, for the database's memory.
    pub(super) identity: Identity,
}

/// Opens the database and does the work with it, once its tables are there if a daemon is about to make them.
///
/// # Errors
///
/// Those of the configuration, or of the work; a `SQLite` database that nobody has made yet.
pub(super) fn ask<T>(
    program: &Program,
    work: impl AsyncFnOnce(&Database) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let configuration = program.load()?;
    if pid_file::is_running(&configuration.place.pid_file()).unwrap_or(false) {
        let made = async { time::timeout(TABLES_MADE_WITHIN, tables_made(&configuration)).await };
        let _ = runtime()?.block_on(made);
    }
    ask_of(configuration, work)
}

/// As [`ask`], of tables as they are.
pub(super) fn ask_as_is<T>(
    program: &Program,
    work: impl AsyncFnOnce(&Database) -> Result<T, Failure>,
) -> Result<T, Failure> {
    ask_of(program.load()?, work)
}

fn ask_of<T>(
    configuration: Configuration,
    work: impl AsyncFnOnce(&Database) -> Result<T, Failure>,
) -> Result<T, Failure> {
    if let Some(text) = database::missing(&configuration.settings) {
        return Err(Failure { code: 4, text });
    }
    open(configuration, work)
}

/// Returns when the tables are there, or when only the work can say what is wrong.
async fn tables_made(configuration: &Configuration) {
    let file = database::file(&configuration.settings);
    while file.as_ref().is_some_and(|file| !file.exists()) {
        time::sleep(LOOK).await;
    }
    let Ok(store) = database::open(&configuration.settings, 1) else { return };
    while matches!(store.is_made().await, Ok(false)) {
        time::sleep(LOOK).await;
    }
    store.close().await;
}

/// As [`ask`], but a `SQLite` database that is not there is made.
pub(super) fn ask_or_make<T>(
    program: &Program,
    work: impl AsyncFnOnce(&Database) -> Result<T, Failure>,
) -> Result<T, Failure> {
    open(program.load()?, work)
}

fn runtime() -> Result<Runtime, Failure> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    Ok(runtime.map_err(anyhow::Error::from)?)
}

fn open<T>(
    configuration: Configuration,
    work: impl AsyncFnOnce(&Database) -> Result<T, Failure>,
) -> Result<T, Failure> {
    runtime()?.block_on(async {
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
