//! The preflight check before the first claim: the database answers, has this program's tables, and is the same one as
//! before.

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
/// The number of reads of other workers' counters, one after each pause: longer than two of their heartbeats.
const LOOKS: u32 = 8;

enum State {
    Ready,
    /// An installation with live workers: this host is a new node of it.
    Joined(Moved),
    /// Restored or copied: its tasks may have run elsewhere.
    Moved(Moved),
}

/// Waits until `context`'s module can work; false if the module is to end before.
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

/// Creates the tables in an empty database. A database with other tables must be migrated by an operator.
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
        // The database file may have just been created.
        let present = identity::present(context.settings()).unwrap_or(present);
        let Some(moved) = status.moved else {
            store.join(&present).await?;
            return Ok(State::Ready);
        };
        // Creating tables must be completed before the process ends; this check takes seconds and may be abandoned.
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

/// Whether a registered worker is alive. A copied database contains the rows of workers of its source, but their
/// counters do not move.
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

/// Whether a counter differs from its first observed value.
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
            // A removed instance and a new instance do not prove a live worker.
            (&[&[(1, 7)], &[(2, 8)], &[(2, 8)]], false),
            (&[&[(1, 7)], &[], &[(1, 8)]], true),
        ] {
            assert_eq!(looks(rows), expected, "{rows:?}");
        }
    }
}
