//! `task explain`: why a task runs or does not.

use crate::{
    cli::{Failure, database::Database, terminal::print},
    ops::task::{explain::explain, find},
};

pub(super) async fn run(database: &Database, id: &str) -> Result<(), Failure> {
    let Database { configuration, store, identity } = database;
    let id = find::id(store, id).await?;
    let sentences = explain(store, &configuration.settings, identity, id, true).await?;
    let sentences = sentences.ok_or_else(|| find::unknown(id))?;
    print(&(sentences.join("\n") + "\n"));
    Ok(())
}
