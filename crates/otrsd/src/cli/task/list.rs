//! `task list`: page by page, so that a million tasks need no memory.

use std::mem;

use serde_json::Value;
use task_store::{Entry, Execution, Filter, LockKey, State, Store};

use super::{
    arguments::{List, Shown},
    colour,
    record::{entry_json, execution_json},
};
use crate::{
    cli::{
        Failure,
        database::Database,
        table::{Cell, Table, one_line},
        terminal::{Paint, is_printed, print, width},
    },
    ops::task::holder,
    text::time::{costs, local},
};

const PAGE: u32 = 1000;

pub(super) async fn run(database: &Database, options: &List) -> Result<(), Failure> {
    let store = &database.store;
    let json = options.json;
    match options.state.map(Shown::state) {
        Some(None) => done(store, options).await,
        Some(Some(state)) => tasks(store, &[state], &options.task_type, json).await,
        None => tasks(store, &State::ALL, &options.task_type, json).await,
    }
}

/// The output: tasks are printed in batches; JSON is one array over all of them.
struct Output<T> {
    json: Option<fn(&T) -> Value>,
    table: fn(&[T]) -> Table,
    pending: Vec<T>,
    is_first: bool,
}

impl<T> Output<T> {
    fn new(is_json: bool, json: fn(&T) -> Value, table: fn(&[T]) -> Table) -> Self {
        let json = Some(json).filter(|_| is_json);
        Self { json, table, pending: Vec::new(), is_first: true }
    }

    /// Prints a page; false if the reader is gone.
    fn take(&mut self, page: impl IntoIterator<Item = T>) -> bool {
        self.pending.extend(page);
        self.pending.len() < PAGE as usize || self.flush()
    }

    fn flush(&mut self) -> bool {
        let page = mem::take(&mut self.pending);
        if page.is_empty() {
            return true;
        }
        let mut text = String::new();
        let was_first = mem::replace(&mut self.is_first, false);
        if let Some(json) = self.json {
            text.push_str(if was_first { "[\n  " } else { ",\n  " });
            let items: Vec<String> = page.iter().map(|item| json(item).to_string()).collect();
            text.push_str(&items.join(",\n  "));
        } else {
            text.push_str(if was_first { "" } else { "\n" });
            text.push_str(&(self.table)(&page).render(Paint::for_stdout(), width()));
        }
        is_printed(&text)
    }

    fn end(mut self) {
        if self.flush() {
            print(match (self.json, self.is_first) {
                (Some(_), true) => "[]\n",
                (Some(_), false) => "\n]\n",
                (None, true) => "no tasks\n",
                (None, false) => "",
            });
        }
    }
}

async fn tasks(
    store: &Store,
    states: &[State],
    task_type: &str,
    json: bool,
) -> Result<(), Failure> {
    let mut output = Output::new(json, entry_json, table);
    for state in states {
        let mut filter =
            Filter { state: *state, task_type, name: "", text: "", after: 0, limit: PAGE };
        loop {
            let page = store.list(&filter).await?;
            let last = page.last().filter(|_| page.len() == PAGE as usize).map(|last| last.row);
            if !output.take(page) {
                return Ok(());
            }
            let Some(last) = last else { break };
            filter.after = last;
        }
    }
    output.end();
    Ok(())
}

async fn done(store: &Store, options: &List) -> Result<(), Failure> {
    let mut output = Output::new(options.json, execution_json, done_table);
    let mut before = None;
    loop {
        let page = store.done(&options.task_type, "", before, PAGE).await?;
        before = page.last().filter(|_| page.len() == PAGE as usize).map(|(row, _)| *row);
        if !output.take(page.into_iter().map(|(_, execution)| execution)) {
            return Ok(());
        }
        if before.is_none() {
            break;
        }
    }
    output.end();
    Ok(())
}

fn table(entries: &[Entry]) -> Table {
    let mut table = Table::new(&["id", "state", "type", "name", "added", "note"]);
    for entry in entries {
        let state = entry.state.as_str();
        table.row(vec![
            Cell::from(entry.id.to_string()),
            Cell::coloured(state, colour(state)),
            Cell::from(one_line(&entry.task_type, 40)),
            Cell::from(one_line(&entry.name, 60)),
            Cell::from(entry.created.map_or_else(String::new, local)),
            Cell::from(note(entry)),
        ]);
    }
    table
}

fn note(entry: &Entry) -> String {
    let due = entry.due.map(|due| format!("due {}", local(due)));
    let reason = Some(one_line(&entry.reason, 80)).filter(|reason| !reason.is_empty());
    let running = Some(holder(entry.lock)).filter(|_| entry.lock != LockKey::Free);
    [running, due, reason].into_iter().flatten().collect::<Vec<_>>().join("; ")
}

fn done_table(executions: &[Execution]) -> Table {
    let header =
        ["id", "outcome", "type", "name", "ended", "node", "took", "CPU", "memory", "error"];
    let mut table = Table::new(&header)
        .right(&["node", "took", "CPU", "memory"])
        .optional(&["CPU", "node", "memory"]);
    for execution in executions {
        let outcome = execution.outcome.as_str();
        let [took, cpu, memory] = costs(execution);
        table.row(vec![
            Cell::from(execution.id.to_string()),
            Cell::coloured(outcome, colour(outcome)),
            Cell::from(one_line(&execution.task_type, 40)),
            Cell::from(one_line(&execution.name, 60)),
            Cell::from(local(execution.ended)),
            Cell::from(if execution.node > 0 { execution.node.to_string() } else { String::new() }),
            Cell::from(took),
            Cell::from(cpu),
            Cell::from(memory),
            Cell::from(one_line(execution.error.as_deref().unwrap_or_default(), 80)),
        ]);
    }
    table
}
