//! `db migrate`, `db schema`, `db adopt`, `db remove`; `db status` has a file of its own.

mod status;

use std::io::{self, IsTerminal as _};

use task_store::{Dialect, SCHEMA_VERSION};

use self::status::verdict;

use super::{
    Failure, Program,
    arguments::DbCommand,
    database::{self, Database},
    terminal::print,
};
use crate::{config::identity, engine::preflight, logs::warn, process::pid_file};

pub(super) fn run(program: &Program, command: &DbCommand) -> Result<(), Failure> {
    match command {
        DbCommand::Status { json } => {
            database::ask_as_is(program, async |it| status::run(it, *json).await)
        }
        DbCommand::Migrate { wake_trigger } => {
            database::ask_or_make(program, async |it| migrate(it, *wake_trigger).await)
        }
        DbCommand::Schema { wake_trigger } => {
            database::ask_or_make(program, async |it| schema(it, *wake_trigger).await)
        }
        DbCommand::Adopt => database::ask_as_is(program, async |it| adopt(it).await),
        DbCommand::Remove { yes } => {
            database::ask_as_is(program, async |it| remove(it, *yes).await)
        }
    }
}

async fn migrate(database: &Database, wake_trigger: bool) -> Result<(), Failure> {
    let store = &database.store;
    if wake_trigger && store.dialect() != Dialect::Postgres {
        return Err(Failure::usage("only PostgreSQL has a trigger that wakes workers"));
    }
    let before = store.schema_status(&database.identity).await?;
    if before.is_current() && !wake_trigger {
        print(&format!("nothing to do: the tables have version {SCHEMA_VERSION}\n"));
        return Ok(());
    }
    // The tables of a newer program must not be changed.
    if before.version.is_some_and(|version| version > SCHEMA_VERSION) {
        return Err(Failure { code: 4, text: verdict(&before) });
    }
    // The file of a database may be new.
    let identity = identity::present(&database.configuration.settings)?;
    store.migrate(&identity, wake_trigger).await?;
    let after = store.schema_status(&identity).await?;
    let made = before.missing.iter().filter(|table| !after.missing.contains(table));
    let trigger = Some("the trigger otrsd_wake").filter(|_| wake_trigger);
    let made = made.map(String::as_str).chain(trigger).collect::<Vec<_>>().join(", ");
    print(&format!("version {SCHEMA_VERSION}: created {made}\n"));
    Ok(())
}

async fn schema(database: &Database, wake_trigger: bool) -> Result<(), Failure> {
    for statement in database.store.schema_sql(wake_trigger).await? {
        print(&format!("{};\n\n", statement.trim().trim_end_matches(';')));
    }
    Ok(())
}

async fn adopt(database: &Database) -> Result<(), Failure> {
    let store = &database.store;
    let schema = store.schema_status(&database.identity).await?;
    if !schema.is_current() {
        return Err(Failure { code: 4, text: verdict(&schema) });
    }
    let hosts = &database.identity;
    if schema.moved.is_none() {
        print(&format!("nothing to do: the database belongs to {hosts}\n"));
        return Ok(());
    }
    if preflight::others_live(store).await? {
        store.join(&database.identity).await?;
        print(&format!(
            "joined: workers of other hosts are alive, and those of {hosts} work with them\n"
        ));
        return Ok(());
    }
    store.adopt(&database.identity).await?;
    print(&format!("adopted: the database belongs to {hosts}, and workers claim its tasks\n"));
    Ok(())
}

async fn remove(database: &Database, yes: bool) -> Result<(), Failure> {
    let store = &database.store;
    let schema = store.schema_status(&database.identity).await?;
    if schema.version.is_none() {
        print("nothing to do: there are no tables of otrsd\n");
        return Ok(());
    }
    if pid_file::is_running(&database.configuration.place.pid_file())? {
        return Err(Failure::failed(
            "the daemon is running and needs its tables; run otrsd stop first",
        ));
    }
    let here = &database.identity.hosts;
    let instances = store.instances().await?;
    for it in instances.iter().filter(|it| !here.contains(&it.host)) {
        warn(&format!(
            "warning: a worker of host {} (node {}, process {}) is registered; stop it: no worker \
             may run while its tables are dropped",
            it.host,
            it.owner.node(),
            it.pid
        ));
    }
    if !yes && !is_agreed()? {
        return Err(Failure::failed("nothing was removed"));
    }
    let back = store.remove_schema().await?;
    print(&format!("removed; {back} held tasks were put back into scheduler_task\n"));
    Ok(())
}

/// Asks for confirmation on a terminal.
fn is_agreed() -> Result<bool, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::usage(
            "this drops otrsd's tables, including the ledger of all executions; confirm with --yes",
        ));
    }
    print(
        "This drops otrsd's tables, including the ledger of all executions. Type yes to continue: ",
    );
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).map_err(anyhow::Error::from)?;
    Ok(answer.trim() == "yes")
}
