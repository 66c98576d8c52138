//! Before the first claim: the database answers, has our tables, and is the one it was.

use std::{collections::HashMap, time::Duration};

use task_store::{Instance, Moved, Owner, Store};
use tokio::time::sleep;

use crate::{
    config::identity,
    engine::outage_log::OutageLog,
    logs,
    module::{ModuleContext, degraded},
};

const PAUSE: Duration = Duration::from_secs(1);
/// Looks at the counters of others, one after each pause: longer than two of their beats.
const LOOKS: u32 = 8;

enum State {
    Ready,
    /// An installation whose workers live: this host is a new node of it.
    Joined(Moved),
    /// Restored or copied: its tasks may have run elsewhere.
    Moved(Moved),
}

/// Waits until there is work to do for `context`'s module; false if it is to end before.
pub(crate) async fn wait(
    context: &ModuleContext,
    store: &Store,
    outages: &mut OutageLog,
) -> anyhow::Result<bool> {
    let mut told = false;
    while !context.is_stopping() {
        match outages.check(look(context, store).await?) {
            Some(State::Ready) => break,
            Some(State::Joined(moved)) => {
                let Moved { remembered, present, .. } = moved;
                logs::info(&format!(
                    "{}: the database is used on {remembered}, where workers live: {present} joins them",
                    context.name(),
                ));
                break;
            }
            Some(State::Moved(_)) if context.is_stopping() => {}
            Some(State::Moved(moved)) if !std::mem::replace(&mut told, true) => {
                hold_back(context, &moved);
            }
            _ => {}
        }
        context.pause(PAUSE).await;
    }
    context.recovered(degraded::COPY);
    context.begun();
    Ok(!context.is_stopping())
}

fn hold_back(context: &ModuleContext, moved: &Moved) {
    logs::warn(&format!(
        "{}: {moved}: a copy must not run its tasks. \
         Nothing is done until 'otrsd db adopt'",
        context.name(),
    ));
    let why = format!("{moved}. If its tasks are to run here: otrsd db adopt");
    context.degraded(degraded::COPY, why);
}

/// An empty database becomes ours; one with other tables is for a human to migrate.
async fn look(context: &ModuleContext, store: &Store) -> anyhow::Result<task_store::Result<State>> {
    let present = identity::present(context.settings())?;
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
        // The file of a database may be new.
        let present = identity::present(context.settings()).unwrap_or(present);
        let Some(moved) = status.moved else {
            store.join(&present).await?;
            return Ok(State::Ready);
        };
        // Tables are made whole before an end; this takes seconds and can be left.
        let live = tokio::select! {
            live = others_live(store) => live?,
            () = context.stopped() => false,
        };
        if !live {
            return Ok(State::Moved(moved));
        }
        store.join(&present).await?;
        Ok(State::Joined(moved))
    };
    Ok(state.await)
}

/// Whether a registered worker lives. In a copy the rows of the original's are, but nobody counts there.
pub(crate) async fn others_live(store: &Store) -> task_store::Result<bool> {
    let mut seen = HashMap::new();
    let mut instances = store.instances().await?;
    for _ in 0..LOOKS {
        if one_lives(&mut seen, &instances) {
            return Ok(true);
        }
        if instances.is_empty() {
            return Ok(false);
        }
        sleep(PAUSE).await;
        instances = store.instances().await?;
    }
    Ok(one_lives(&mut seen, &instances))
}

/// Whether a counter is not what it was when it was first seen.
fn one_lives(seen: &mut HashMap<Owner, i64>, instances: &[Instance]) -> bool {
    instances.iter().any(|it| *seen.entry(it.owner).or_insert(it.beats) != it.beats)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_counter_that_moves_is_a_life() {
        let looks = |looks: &[&[(u32, i64)]]| {
            let mut seen = HashMap::new();
            let instance = |(number, beats): &(u32, i64)| Instance {
                owner: Owner::new(1, 10_000_000 + number).unwrap(),
                host: "elsewhere".to_owned(),
                pid: 1,
                started: None,
                beats: *beats,
                beat: None,
                slots: 1,
            };
            looks
                .iter()
                .any(|look| one_lives(&mut seen, &look.iter().map(instance).collect::<Vec<_>>()))
        };
        for (rows, expected) in [
            (&[&[][..], &[]][..], false),
            (&[&[(1, 7)], &[(1, 7)], &[(1, 7)]], false),
            (&[&[(1, 7)], &[(1, 7)], &[(1, 8)]], true),
            (&[&[(1, 7), (2, 0)], &[(1, 7), (2, 1)]], true),
            // One that was taken away, and one that is new, need not live.
            (&[&[(1, 7)], &[(2, 8)], &[(2, 8)]], false),
            (&[&[(1, 7)], &[], &[(1, 8)]], true),
        ] {
            assert_eq!(looks(rows), expected, "{rows:?}");
        }
    }
}
