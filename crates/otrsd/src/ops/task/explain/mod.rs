//! The explanation why a task runs or does not, in sentences, with what to do.
//!
//! The facts are gathered first; pure functions of them make the sentences.

mod running;
#[cfg(test)]
mod tests;
mod waiting;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sysconfig::SysConfig;
use task_store::{
    Entry, Execution, Explanation, HeldState, History, Identity, Instance, LockKey, Locked, Moved,
    Outcome, State, Store, TaskId, from_wall_clock,
};

use super::{holder, title};
use crate::{
    clock,
    config::{database::zone, home::handler_wanted, task_types},
    ops::{Error, Result},
    text::{
        escape::one_line,
        time::{age, local},
    },
};

/// The facts about a task and about the workers that could run it.
struct Facts {
    explanation: Explanation,
    history: History,
    last: Option<Execution>,
    instances: Vec<Instance>,
    /// Tasks that run on any node.
    running: u64,
    moved: Option<Moved>,
    /// When the task's lock was renewed.
    renewed: Option<Timestamp>,
    /// How long its type may be postponed.
    expires: Option<Duration>,
    /// How its type would get a handler.
    wanted: String,
    now: Timestamp,
}

/// Longer than any healthy worker leaves between two renewals of its locks.
const STALE: SignedDuration = SignedDuration::from_secs(30);

/// Why a task runs or does not, in sentences; `None` for an unknown one. `with_contents`: including the reasons and
/// errors that came from its own output.
///
/// # Errors
///
/// The database failed, or the time zone is invalid.
pub(crate) async fn explain(
    store: &Store,
    settings: &SysConfig,
    identity: &Identity,
    id: TaskId,
    with_contents: bool,
) -> Result<Option<Vec<String>>> {
    let mut last = store.executions(id).await?.pop();
    let mut explanation = store.explain(id).await?;
    if !with_contents {
        if let Some(last) = &mut last {
            last.error = None;
        }
        if let Some(explanation) = &mut explanation {
            "the reason is for the role operate".clone_into(&mut explanation.entry.reason);
        }
    }
    let Some(explanation) = explanation else {
        return Ok(last.map(|last| {
            let name = title(&last.task_type, &last.name);
            vec![format!("{id} ({name}) is done."), past(&last)]
        }));
    };
    let history = store.history(&[id]).await?.remove(&id).unwrap_or_default();
    let facts = Facts {
        history,
        last,
        instances: store.instances().await?,
        running: store.counts().await?.iter().map(|count| count.running).sum(),
        moved: store.schema_status(identity).await?.moved,
        renewed: renewed(store, settings, &explanation.entry).await?,
        expires: task_types::read(settings)
            .0
            .remove(&explanation.entry.task_type)
            .unwrap_or_else(|| task_types::usual(settings))
            .expires,
        wanted: handler_wanted(settings, &one_line(&explanation.entry.task_type, 100)),
        now: clock::now_utc(),
        explanation,
    };
    Ok(Some(sentences(&facts)))
}

async fn renewed(store: &Store, settings: &SysConfig, entry: &Entry) -> Result<Option<Timestamp>> {
    if entry.state != State::Running {
        return Ok(None);
    }
    let zone = zone(settings).map_err(Error::Configuration)?;
    let locks = store.locks().await?;
    let own = locks.into_iter().find(|it| it.table == Locked::Task && it.row == entry.row);
    Ok(own.and_then(|lock| from_wall_clock(&lock.time?, &zone)))
}

/// All sentences, the state first.
fn sentences(facts: &Facts) -> Vec<String> {
    let entry = &facts.explanation.entry;
    let name = format!("{} ({})", entry.id, title(&entry.task_type, &entry.name));
    let mut said = match entry.state {
        State::Waiting => waiting::waiting(&name, facts),
        State::Running => running::running(&name, facts),
        State::Future => future(&name, entry, facts.now),
        State::Held(state) => held(&name, state, facts),
    };
    if facts.explanation.parallel > 1 && matches!(entry.state, State::Waiting | State::Running) {
        said.push(format!(
            "{} of its type and name wait or run: with a limit of that or less, one more is refused.",
            facts.explanation.parallel
        ));
    }
    said.extend(facts.last.as_ref().map(past));
    said
}

fn future(name: &str, entry: &Entry, now: Timestamp) -> Vec<String> {
    let Some(due) = entry.due else {
        return vec![format!(
            "{name} is planned, but its time cannot be read: see scheduler_future_task."
        )];
    };
    if due > now {
        let time = (local(due), age(now, due));
        return vec![
            format!("{name} is planned for {}, in {}.", time.0, time.1),
            "SchedulerFutureTaskManager puts it into the queue then.".to_owned(),
        ];
    }
    let mut said = vec![format!("{name} was due {}, {} ago.", local(due), age(due, now))];
    said.push(match entry.lock {
        LockKey::Free => {
            "It is not in the queue yet: does SchedulerFutureTaskManager run? See otrsd status."
                .to_owned()
        }
        lock => format!(
            "{} is putting it into the queue; if it is dead, its lock is taken back.",
            holder(lock)
        ),
    });
    said
}

fn held(name: &str, state: HeldState, facts: &Facts) -> Vec<String> {
    let entry = &facts.explanation.entry;
    let (id, reason) = (entry.id, one_line(&entry.reason, 500));
    let retry = format!("otrsd task retry {id}");
    let due = entry.due.map_or_else(|| "no time".to_owned(), local);
    match state {
        HeldState::Retry => {
            let when = match entry.due {
                Some(due) if due > facts.now => format!("in {}", age(facts.now, due)),
                _ => "as soon as a worker looks".to_owned(),
            };
            vec![
                format!("{name} {}", so_far(facts, &reason)),
                format!("It is tried again at {due}, {when}. {retry} tries it now."),
            ]
        }
        HeldState::Failed => vec![
            format!("{name} failed, and is not tried again: {reason}."),
            format!(
                "When the cause is mended, {retry} runs it again; otrsd task delete {id} takes it away."
            ),
        ],
        HeldState::Quarantined => vec![
            format!("{name} is in quarantine: {reason}."),
            format!(
                "It does not run by itself any more. {retry} tries it once more; otrsd task delete {id} takes it away."
            ),
        ],
        HeldState::NoHandler => vec![
            format!("{name} has no handler: {reason}."),
            format!("It runs when one appears: {}.", facts.wanted),
        ],
    }
}

/// How a task that will be retried failed, or why it was postponed, with the limit of postponing.
fn so_far(facts: &Facts, reason: &str) -> String {
    let History { failed, postponed, postponed_since, .. } = facts.history;
    let failures = counted(failed as usize, "time");
    if facts.last.as_ref().is_none_or(|last| last.outcome != Outcome::Postponed) {
        return format!("failed {failures}: {reason}.");
    }
    let times = counted(postponed as usize, "time");
    let end = match postponed_since.zip(facts.expires).map(|(since, it)| since.saturating_add(it)) {
        Some(Ok(end)) => format!("If that goes on, it is held as failed after {}.", local(end)),
        _ => "'Expires' of its type sets no end to that.".to_owned(),
    };
    let failed = if failed > 0 { format!(" It failed {failures} before.") } else { String::new() };
    format!("was put off {times}, which uses up no attempts: {reason}. {end}{failed}")
}

/// The last execution in a sentence.
fn past(last: &Execution) -> String {
    let node = if last.node > 0 { format!(" on node {}", last.node) } else { String::new() };
    let error = last.error.as_deref().map(|error| format!(": {}", one_line(error, 300)));
    let (outcome, ended, error) =
        (last.outcome.as_str(), local(last.ended), error.unwrap_or_default());
    format!("Its last execution ended {ended}{node}, {outcome}{error}.")
}

fn is_stale(beat: Option<Timestamp>, now: Timestamp) -> bool {
    beat.is_none_or(|beat| now.duration_since(beat) > STALE)
}

fn counted(count: usize, thing: &str) -> String {
    if count == 1 { format!("1 {thing}") } else { format!("{count} {thing}s") }
}
