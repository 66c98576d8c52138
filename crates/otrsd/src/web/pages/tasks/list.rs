//! The list of tasks: a tab per state, filters, and paging by the key of the last row.

use std::sync::Arc;

use axum::{
    extract::{Query as Address, State as App},
    response::{IntoResponse as _, Redirect, Response},
};
use maud::{Markup, html};
use task_store::{Count, Filter, TaskId};

use super::{
    query::{Place, Query, TABS},
    rows,
};
use crate::{
    clock,
    config::console::Role,
    web::{
        Console,
        auth::Caller,
        pages::{
            layout::{key, page},
            parts::number,
        },
        problem::Problem,
    },
};

/// The number of tasks per page.
const PAGE: u32 = 100;

/// The rows of a page, and the start of the next one.
struct Found {
    table: Markup,
    is_empty: bool,
    next: Option<i64>,
}

pub(in crate::web) async fn show(
    App(console): App<Arc<Console>>,
    caller: Caller,
    Address(query): Address<Query>,
) -> Result<Response, Problem> {
    if let Some(id) = whole_id(&console, &query).await? {
        return Ok(Redirect::to(&format!("/tasks/{id}")).into_response());
    }
    let operates = caller.role >= Role::Operate && query.place()? != Place::Ledger;
    let found = find(&console, &query, &caller, operates).await?;
    let snapshot = console.snapshot().await;
    let counts = &snapshot.counts;
    let (_, title, nothing) =
        TABS.iter().find(|(word, ..)| *word == query.tab()).unwrap_or(&TABS[0]);
    let (lead, table) = (found.is_empty && found.next.is_some(), &found.table);
    let goes_on = (query.tab() != "done" || !query.is_narrow()) && query.after.is_empty();
    let html = html! {
        div.bar.head {
            h1 { "Tasks" }
            @if caller.role >= Role::Operate { a.button href="/tasks/new" { "New task" } }
        }
        (tabs(&query, counts))
        (filters(&query, &caller))
        form method="post" action="/tasks/change" {
            (key(&caller))
            input type="hidden" name="back" value=(query.address());
            @if operates { (bar(&query)) }
            div data-refresh=[goes_on.then_some("2")] {
                @if lead { p.calm role="status" { "Nothing like that so far; the search goes on further back." } }
                @else if found.is_empty { p.calm { (nothing) @if query.is_narrow() { " " a href=(Query::default().in_tab(query.tab())) { "Show all" } } } }
                @else { div.card.scroll tabindex="0" role="group" aria-label=(format!("{title} tasks")) { (table) } }
                nav.pages aria-label="Pages of the list" {
                    @if !query.after.is_empty() { a.button href=(query.in_tab(query.tab())) { "First page" } }
                    @if let Some(row) = found.next { a.button #next data-follow[lead] href=(query.page_after(row)) { @if lead { "Search on" } @else { "Next page" } } }
                }
            }
        }
    };
    Ok(page(&console, &caller, "/tasks", &format!("{title} tasks"), &html).into_response())
}

/// The task with the id that was searched for.
async fn whole_id(console: &Console, query: &Query) -> Result<Option<TaskId>, Problem> {
    let text = query.text.trim();
    let Some(id) = text.parse::<TaskId>().ok().filter(|_| text.len() == 12) else {
        return Ok(None);
    };
    let store = console.store()?;
    let is_known = store.get(id).await?.is_some() || !store.executions(id).await?.is_empty();
    Ok(is_known.then_some(id))
}

async fn find(
    console: &Console,
    query: &Query,
    caller: &Caller,
    choose: bool,
) -> Result<Found, Problem> {
    let store = console.store()?;
    let now = clock::now_utc();
    let full = PAGE as usize;
    match query.place()? {
        Place::Tasks(state) => {
            let after = query.row()?.unwrap_or(0);
            let (task_type, name) = (query.task_type.trim(), query.name.trim());
            let mut entries = store
                .list(&Filter {
                    state,
                    task_type,
                    name,
                    text: query.text.trim(),
                    after,
                    limit: PAGE,
                })
                .await?;
            let next = entries.last().filter(|_| entries.len() == full).map(|it| it.row);
            query.keep_node(&mut entries)?;
            let table = rows::tasks(&entries, caller, choose, now);
            Ok(Found { table, is_empty: entries.is_empty(), next })
        }
        Place::Ledger => {
            let found = store.search(&query.search(PAGE, caller)?).await?;
            let (rows, next) = (found.executions, found.searched_to);
            Ok(Found {
                table: rows::executions(&rows, caller, now),
                is_empty: rows.is_empty(),
                next,
            })
        }
    }
}

fn tabs(query: &Query, counts: &[Count]) -> Markup {
    let sum = |of: fn(&Count) -> u64| counts.iter().map(of).sum::<u64>();
    let count = |word: &str| match word {
        "running" => Some(sum(|it| it.running)),
        "waiting" => Some(sum(|it| it.waiting)),
        "future" => Some(sum(|it| it.future)),
        "retry" => Some(sum(|it| it.retry)),
        "failed" => Some(sum(|it| it.failed)),
        "quarantined" => Some(sum(|it| it.quarantined)),
        "no-handler" => Some(sum(|it| it.no_handler)),
        _ => None,
    };
    html! {
        nav aria-label="States" {
            ul.tabs {
                @for (word, name, _) in TABS {
                    li { a href=(query.in_tab(word)) aria-current=[(word == query.tab()).then_some("page")] {
                        (name) @if let Some(count) = count(word) { span.count { (number(count)) } }
                    } }
                }
            }
        }
    }
}

fn filters(query: &Query, caller: &Caller) -> Markup {
    let is_done = query.tab() == "done";
    let in_errors = is_done && caller.sees_contents();
    html! {
        form.filters method="get" action="/tasks" role="search" {
            input type="hidden" name="state" value=(query.tab());
            (field("type", "Type", &query.task_type, "Greet"))
            (field("name", "Name", &query.name, "the whole name"))
            div.grow {
                label for="f-text" { "Text" }
                input #f-text type="search" name="text" value=(query.text) placeholder=(if in_errors { "in names and errors, or an id" } else { "in names, or an id" });
            }
            @if is_done {
                div {
                    label for="f-outcome" { "Outcome" }
                    select #f-outcome name="outcome" {
                        @for (word, name) in OUTCOMES { option value=(word) selected[query.outcome == word] { (name) } }
                    }
                }
                (field("from", "Ended after", &query.from, "-2h"))
                (field("to", "Ended before", &query.to, "-10m"))
            }
            @if is_done || query.tab() == "running" { (field("node", "Node", &query.node, "")) }
            div { button.primary { "Search" } }
        }
    }
}

const OUTCOMES: [(&str, &str); 10] = [
    ("", "any"),
    ("unsuccessful", "unsuccessful"),
    ("success", "success"),
    ("failed", "failed"),
    ("postponed", "postponed"),
    ("timed-out", "timed out"),
    ("crashed", "crashed"),
    ("crashed-together", "crashed together"),
    ("interrupted", "interrupted"),
    ("cancelled", "cancelled"),
];

fn field(name: &str, label: &str, value: &str, example: &str) -> Markup {
    html! {
        div {
            label for=(format!("f-{name}")) { (label) }
            input id=(format!("f-{name}")) name=(name) value=(value) placeholder=(example);
        }
    }
}

/// The actions on the selected tasks, and on all results of the filters.
fn bar(query: &Query) -> Markup {
    let is_held = ["retry", "failed", "quarantined", "no-handler"].contains(&query.tab());
    let actions: &[(&str, &str)] = match query.tab() {
        "retry" => &[("retry", "Try now"), ("cancel", "Cancel")],
        _ if is_held => &[("retry", "Try again"), ("delete", "Delete")],
        _ => &[("cancel", "Cancel")],
    };
    html! {
        div.bar {
            @for (action, name) in actions {
                button name="action" value=(action) data-needs-ticks { (name) " chosen" }
                button.quiet name="action" value=(format!("{action}-all")) { (name) " all found…" }
            }
            span.faint data-ticks aria-live="polite" {}
        }
    }
}
