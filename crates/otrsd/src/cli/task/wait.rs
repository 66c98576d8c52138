//! `task add --wait`: polls the task until its end.

use std::{mem, time::Duration};

use jiff::Timestamp;
use task_store::{Entry, Execution, HeldState, Outcome, State, Store, TaskId};
use tokio::time::sleep;

use crate::{
    cli::{
        Failure,
        progress::Progress,
        table::{lines, one_line},
        terminal::{self, print},
    },
    clock,
    logs::warn,
    ops::task::holder,
    text::time::{age, costs, local},
};

const SHORTEST: Duration = Duration::from_millis(20);
const LONGEST: Duration = Duration::from_secs(1);
/// Short, so that a terminal shows progress.
const LONGEST_ON_TERMINAL: Duration = Duration::from_millis(200);
/// A poll may fall between two tables, so a task that is not found once need not be gone.
const LOOKS_UNTIL_GONE: u32 = 3;

/// The result of one poll.
enum Seen {
    /// Not ended; with the progress text.
    Alive(String),
    Done(Execution),
    /// It ended, or will not continue by itself, with the reason.
    Lost(String),
    /// In no table; with the last execution, if there is one.
    Gone(Option<Execution>),
}

/// Prints the task's id, waits for its end, and prints its output and how it ended.
///
/// The id is printed at once, except in a pipe, where all output comes at once: a reader that takes a line and exits
/// would close the pipe before the rest is written.
///
/// # Errors
///
/// The task failed, or is held until an operator acts. During an outage of the database, the wait continues.
pub(in crate::cli) async fn until_done(store: &Store, id: TaskId) -> Result<(), Failure> {
    let progress = Progress::new();
    let mut said = format!("{id}\n");
    if !terminal::stdout_is_pipe() {
        print(&mem::take(&mut said));
    }
    let ended = ended(store, id, progress, &mut said).await;
    print(&said);
    ended
}

/// Adds what is to be printed to `said`.
async fn ended(
    store: &Store,
    id: TaskId,
    mut progress: Progress,
    said: &mut String,
) -> Result<(), Failure> {
    let start = clock::now_utc();
    let longest = if progress.is_on() { LONGEST_ON_TERMINAL } else { LONGEST };
    let (mut pause, mut gone, mut is_away) = (SHORTEST, 0, false);
    note_missing_worker(store).await?;
    loop {
        match look(store, id).await {
            Ok(Seen::Done(execution)) => {
                progress.clear();
                said.push_str(&printed(Some(&execution)));
                said.push_str(&success(&execution));
                return Ok(());
            }
            Ok(Seen::Lost(why)) => {
                progress.clear();
                said.push_str(&printed(store.executions(id).await?.last()));
                return Err(Failure::failed(why));
            }
            Ok(Seen::Gone(last)) => {
                gone += 1;
                if gone == LOOKS_UNTIL_GONE {
                    progress.clear();
                    said.push_str(&printed(last.as_ref()));
                    return Err(Failure::failed(end(id, last.as_ref())));
                }
            }
            Ok(Seen::Alive(text)) => {
                (gone, is_away) = (0, false);
                progress.show(&format!("{text} · {}", age(start, clock::now_utc())));
            }
            Err(error) if error.is_transient() => {
                progress.clear();
                if !is_away {
                    warn(&format!("{error}; waiting"));
                }
                is_away = true;
            }
            Err(error) => return Err(error.into()),
        }
        sleep(pause).await;
        pause = (pause * 3 / 2).min(longest);
    }
}

async fn look(store: &Store, id: TaskId) -> task_store::Result<Seen> {
    let entry = store.get(id).await?;
    if let Some(entry) = entry {
        return Ok(of_entry(&entry));
    }
    let last = store.executions(id).await?.pop();
    Ok(match last {
        Some(last) if last.outcome == Outcome::Success => Seen::Done(last),
        Some(last) if last.outcome == Outcome::Cancelled => Seen::Lost(end(id, Some(&last))),
        last => Seen::Gone(last),
    })
}

fn of_entry(entry: &Entry) -> Seen {
    let due = |due: Option<Timestamp>| due.map_or_else(String::new, local);
    let reason = one_line(&entry.reason, 500);
    match entry.state {
        State::Waiting => Seen::Alive("waiting".to_owned()),
        State::Running => Seen::Alive(format!("running: {}", holder(entry.lock))),
        State::Future => Seen::Alive(format!("scheduled for {}", due(entry.due))),
        State::Held(HeldState::Retry) => {
            let reason = one_line(&entry.reason, 40);
            Seen::Alive(format!("not done yet ({reason}); next attempt {}", due(entry.due)))
        }
        State::Held(HeldState::Failed) => Seen::Lost(format!("{} failed: {reason}", entry.id)),
        State::Held(state) => Seen::Lost(format!(
            "{} is held, {}: {reason}; see otrsd task explain {}",
            entry.id,
            state.as_str(),
            entry.id
        )),
    }
}

/// What the task printed, as far as it is kept.
fn printed(last: Option<&Execution>) -> String {
    let output = last.and_then(|it| it.output.as_deref()).unwrap_or_default();
    lines(output).map(|line| line + "\n").collect()
}

fn success(execution: &Execution) -> String {
    let [took, ..] = costs(execution);
    format!("succeeded on node {} after {took}\n", execution.node)
}

fn end(id: TaskId, last: Option<&Execution>) -> String {
    let Some(last) = last else {
        return format!("{id} is gone without a record of its outcome: a Perl daemon ran it");
    };
    let error = last.error.as_deref().map_or_else(String::new, |error| format!(": {error}"));
    one_line(&format!("{id} ended, {}{error}", last.outcome.as_str()), 500)
}

/// Tells the user if no worker runs that could end the wait.
async fn note_missing_worker(store: &Store) -> Result<(), Failure> {
    if store.instances().await?.is_empty() {
        warn("no worker is running; the task waits for one (otrsd start)");
    }
    Ok(())
}
