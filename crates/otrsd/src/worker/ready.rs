//! Before the first claim: the database answers, has our tables, and is the one it was.

use std::time::Duration;

use task_store::{Moved, Store};

use super::trouble::Trouble;
use crate::{config::database, logs, module::ModuleContext};

const PAUSE: Duration = Duration::from_secs(1);

enum State {
    Ready,
    /// Restored or copied: its tasks may have run elsewhere.
    Moved(Moved),
}

/// Waits until there is work to do for `context`'s module; false if it is to end before.
pub(crate) async fn wait(
    context: &ModuleContext,
    store: &Store,
    trouble: &mut Trouble,
) -> anyhow::Result<bool> {
    let mut told = false;
    while !context.is_stopping() {
        match trouble.check(look(store).await?) {
            Some(State::Ready) => return Ok(true),
            Some(State::Moved(moved)) if !std::mem::replace(&mut told, true) => {
                logs::complain(&format!(
                    "{}: the database was used on {}, and this is {}: a copy must not run its tasks. \
                     Nothing is done until 'otrsd db adopt'",
                    context.name(),
                    moved.remembered.hosts.join(", "),
                    moved.present.hosts.join(", "),
                ));
            }
            _ => {}
        }
        context.pause(PAUSE).await;
    }
    Ok(false)
}

/// An empty database becomes ours; one with other tables is for a human to migrate.
async fn look(store: &Store) -> anyhow::Result<task_store::Result<State>> {
    let present = database::identity()?;
    let state = async {
        let status = store.schema_status(&present).await?;
        match status.version {
            Some(_) if !status.is_current() => {
                store.check_schema().await?;
                let missing = status.missing.join(", ");
                return Err(task_store::Error::Schema(format!("missing: {missing}")));
            }
            _ => store.migrate(&present, false).await?,
        }
        Ok(status.moved.map_or(State::Ready, State::Moved))
    };
    Ok(state.await)
}
