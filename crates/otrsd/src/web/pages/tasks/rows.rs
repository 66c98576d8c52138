//! The tables of the list.

use jiff::Timestamp;
use maud::{Markup, html};
use task_store::{Entry, Execution, LockKey, State, TaskId};

use super::super::parts::{badge, moment};
use crate::{ops::task::holder, text::time::costs, web::auth::Caller};

const LONGEST_TEXT: usize = 240;

/// Tasks that are not done; `choose`: whether they can be selected.
pub(super) fn tasks(entries: &[Entry], caller: &Caller, choose: bool, now: Timestamp) -> Markup {
    let state = entries.first().map(|it| it.state);
    let last = match state {
        Some(State::Running) => "Run by",
        Some(State::Future) => "Due",
        Some(State::Held(_)) => "Reason",
        _ => "Tries",
    };
    html! {
        table {
            thead { tr {
                @if choose { th { input #all type="checkbox" aria-label="All of this page"; } }
                th { "Task" } th { "Type" } th { "Name" } th { "Added" } th { (last) }
            } }
            tbody { @for it in entries { tr {
                @if choose { td { input type="checkbox" name="id" value=(it.id) aria-label=(format!("Task {}", it.id)); } }
                th scope="row" { (link(it.id)) }
                td { (it.task_type) }
                td.wide { (it.name) }
                td { (moment(it.created, now)) }
                (what_else(it, caller, now))
            } } }
        }
    }
}

fn what_else(it: &Entry, caller: &Caller, now: Timestamp) -> Markup {
    match it.state {
        State::Running => html! { td { (holder(it.lock)) } },
        State::Future => {
            html! { td { (moment(it.due, now)) @if it.lock != LockKey::Free { " " span.faint { (holder(it.lock)) } } } }
        }
        State::Held(_) => html! { td.wide {
            @if it.due.is_some() { (moment(it.due, now)) ": " }
            (short(caller.seen(it.reason.as_str()).unwrap_or_default()))
        } },
        State::Waiting => html! { td.num { (it.attempts) } },
    }
}

/// Executions.
pub(super) fn executions(rows: &[(i64, Execution)], caller: &Caller, now: Timestamp) -> Markup {
    html! {
        table {
            thead { tr {
                th { "Task" } th { "Outcome" } th { "Type" } th { "Name" } th { "Ended" } th.num { "Took" }
                th.num { "CPU" } th.num { "Memory" } th.num { "Node" } th { "Error" }
            } }
            tbody { @for (_, it) in rows { tr {
                @let [took, cpu, memory] = costs(it);
                th scope="row" { (link(it.id)) }
                td { (badge(it.outcome.as_str())) }
                td { (it.task_type) }
                td.wide { (it.name) }
                td { (moment(Some(it.ended), now)) }
                td.num { (took) }
                td.num { (cpu) }
                td.num { (memory) }
                td.num { @if it.node > 0 { (it.node) } }
                td.wide { (short(caller.seen(it.error.as_deref()).unwrap_or_default())) }
            } } }
        }
    }
}

fn link(id: TaskId) -> Markup {
    html! { a.mono id=(format!("task-{id}")) href=(format!("/tasks/{id}")) { (id) } }
}

fn short(text: &str) -> String {
    let mut short: String = text.chars().take(LONGEST_TEXT).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
