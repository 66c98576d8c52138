//! From what was typed to a task's id: a whole id, or its first characters where they tell it apart.

use std::collections::BTreeSet;

use task_store::{Filter, HeldState, State, Store, TaskId};

use crate::cli::Failure;

/// Fewer characters would soon fit many tasks.
const SHORTEST: usize = 4;
/// The characters of a whole id.
const WHOLE: usize = 12;
const PAGE: u32 = 1000;
/// How many of the latest executions are searched: the ledger may be long.
const EXECUTIONS: usize = 10_000;

/// All places of tasks, in the order of their lives.
pub(crate) const STATES: [State; 7] = [
    State::Waiting,
    State::Running,
    State::Future,
    State::Held(HeldState::Retry),
    State::Held(HeldState::Failed),
    State::Held(HeldState::Quarantined),
    State::Held(HeldState::NoHandler),
];

/// The id that `text` means. A whole id may be unknown; what asks for the task says so.
///
/// # Errors
///
/// No id, no task or more than one begins with it, or the database's.
pub(crate) async fn id(store: &Store, text: &str) -> Result<TaskId, Failure> {
    let is_prefix = (SHORTEST..WHOLE).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !is_prefix {
        return text.parse().map_err(|error: task_store::NotATaskId| {
            let hint = format!("the first {SHORTEST} characters or more of an id will do");
            Failure::usage(format!("{error}; {hint}"))
        });
    }
    let found = beginning(store, &text.to_ascii_lowercase()).await?;
    match (found.len(), found.first()) {
        (1, Some(id)) => Ok(*id),
        // Of another program's number in the column ident.
        (0, _) => text.parse().map_err(|_| {
            Failure::failed(format!(
                "no task whose id begins with {text}, nor one of the latest {EXECUTIONS} executions"
            ))
        }),
        (count, _) => {
            let some: Vec<_> = found.iter().take(5).map(ToString::to_string).collect();
            let more = if count > some.len() { ", …" } else { "" };
            let some = some.join(", ");
            Err(Failure::failed(format!("{count} tasks' ids begin with {text}: {some}{more}")))
        }
    }
}

/// What a command says about an id that nobody has.
pub(crate) fn unknown(id: TaskId) -> String {
    format!("no task {id}: it never was, or the ledger has forgotten it")
}

async fn beginning(store: &Store, prefix: &str) -> Result<BTreeSet<TaskId>, Failure> {
    let mut found = BTreeSet::new();
    let mut look = |id: TaskId| {
        if id.to_string().starts_with(prefix) {
            found.insert(id);
        }
    };
    for state in STATES {
        let mut filter = Filter { state, task_type: "", name: "", text: "", after: 0, limit: PAGE };
        loop {
            let page = store.list(&filter).await?;
            for entry in &page {
                look(entry.id);
            }
            match page.last() {
                Some(last) if page.len() == PAGE as usize => filter.after = last.row,
                _ => break,
            }
        }
    }
    let mut before = None;
    let mut seen = 0;
    while seen < EXECUTIONS {
        let page = store.done("", "", before, PAGE).await?;
        for (_, execution) in &page {
            look(execution.id);
        }
        let Some((row, _)) = page.last() else { break };
        before = Some(*row);
        seen += page.len();
    }
    Ok(found)
}
