//! The database of one command: opened by the settings, on a runtime with one thread.

use std::time::Duration;

use task_store::{Identity, Store};
use tokio::{
    runtime::{self, Runtime},
    time,
};

use super::{DATABASE, Failure, Program, UNKNOWN};
use crate::{
    config::{Configuration, database, identity},
    process::pid_file,
};

/// Two, so that a list can continue during another query.
const CONNECTIONS: u32 = 2;
/// How long to wait for the tables of a daemon that has just started; its worker needs less than a second.
const TABLES_MADE_WITHIN: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(20);

/// The open database of a command.
pub(super) struct Database {
    pub(super) configuration: Configuration,
    pub(super) store: Store,
    /// The identity of this daemon for the database.
    pub(super) identity: Identity,
}

/// Opens the database and runs the work, once the tables exist if a daemon is about to create them.
///
/// # Errors
///
/// Those of the configuration, or of the work; a `SQLite` database that does not exist yet.
pub(super) fn ask<T>(
    program: &Program,
    work: impl AsyncFnOnce(&Database) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let configuration = program.load()?;
    let is_running = pid_file::is_running(&configuration.place.pid_file()).unwrap_or(false);
    runtime()?.block_on(async {
        if is_running {
            let _ = time::timeout(TABLES_MADE_WITHIN, file_made(&configuration)).await;
        }
        is_there(&configuration)?;
        let database = open(configuration)?;
        if is_running {
            let _ = time::timeout(TABLES_MADE_WITHIN, tables_made(&database.store)).await;
        }
        done(&database, work).await
    })
}

/// As [`ask`], with the tables as they are.
pub(super) fn ask_as_is<T>(
    program: &Program,
    work: impl AsyncFnOnce(&Database) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let configuration = program.load()?;
    is_there(&configuration)?;
    runtime()?.block_on(async { done(&open(configuration)?, work).await })
}

/// As [`ask_as_is`], but a missing `SQLite` database is created.
pub(super) fn ask_or_make<T>(
    program: &Program,
    work: impl AsyncFnOnce(&Database) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let configuration = program.load()?;
    runtime()?.block_on(async { done(&open(configuration)?, work).await })
}

fn is_there(configuration: &Configuration) -> Result<(), Failure> {
    match database::missing(&configuration.settings) {
        Some(text) => Err(Failure { code: DATABASE, text }),
        None => Ok(()),
    }
}

async fn file_made(configuration: &Configuration) {
    while database::missing(&configuration.settings).is_some() {
        time::sleep(LOOK).await;
    }
}

/// Returns when the tables exist, or when waiting does not help and the work reports the error.
async fn tables_made(store: &Store) {
    while matches!(store.is_made().await, Ok(false)) {
        time::sleep(LOOK).await;
    }
}

fn runtime() -> Result<Runtime, Failure> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    Ok(runtime.map_err(anyhow::Error::from)?)
}

fn open(configuration: Configuration) -> Result<Database, Failure> {
    let store = database::open(&configuration.settings, CONNECTIONS)
        .map_err(|error| Failure::configuration(&error))?;
    let identity = identity::present(&configuration.settings)?;
    Ok(Database { configuration, store, identity })
}

async fn done<T>(
    database: &Database,
    work: impl AsyncFnOnce(&Database) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let done = work(database).await;
    database.store.close().await;
    done.map_err(|failure| placed(failure, database))
}

/// Adds the name of the database to its errors.
fn placed(failure: Failure, database: &Database) -> Failure {
    match failure {
        Failure { code: code @ (DATABASE | UNKNOWN), text } if !text.is_empty() => {
            let described = database::described(&database.configuration.settings);
            Failure { code, text: format!("database {described}: {text}") }
        }
        failure => failure,
    }
}
