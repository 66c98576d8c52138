//! One task: where it is and why, what it did, what it carries.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use jiff::Timestamp;
use maud::{Markup, html};
use task_store::{Entry, Execution, LockKey, State as Where, TaskId, decode};

use super::super::{
    layout::{key, page},
    parts::{Said, badge, moment},
};
use crate::{
    clock,
    config::{console::Role, identity, task_types::attempts},
    ops::task::{explain::explain, find, holder, is_over},
    redact::redact_data,
    text::{
        json::pretty,
        time::{self, costs},
    },
    web::{Console, auth::Caller, problem::Problem},
};

/// How much of a payload, in characters, and how many executions with their output are shown.
const LONGEST_PAYLOAD: usize = 100_000;
const MOST_SHOWN: usize = 50;

/// Everything that is known of a task.
struct Known {
    id: TaskId,
    entry: Option<Entry>,
    executions: Vec<Execution>,
    explanation: Vec<String>,
    /// For operators, of a task that is not done.
    payload: Option<Result<String, String>>,
}

pub(in crate::web) async fn show(
    State(console): State<Arc<Console>>,
    caller: Caller,
    Path(id): Path<String>,
    Query(said): Query<Said>,
) -> Result<Markup, Problem> {
    let known = know(&console, &caller, &id).await?;
    let last = known.executions.last();
    let (task_type, name) = match (&known.entry, last) {
        (Some(entry), _) => (entry.task_type.as_str(), entry.name.as_str()),
        (None, last) => last.map_or(("", ""), |it| (it.task_type.as_str(), it.name.as_str())),
    };
    let now = clock::now_utc();
    Ok(page(
        &console,
        &caller,
        "/tasks",
        &format!("{task_type} {name}"),
        &html! {
            p { a href="/tasks" { "Tasks" } " / " span.mono { (known.id) } }
            h1 { (task_type) " " span.faint { (name) } }
            (message(&said.said))
            @if caller.role >= Role::Operate { (actions(&caller, &known)) }
            div data-refresh="1" {
                div.columns {
                    section.card { h2 { "State" } (state(&known, &caller, now)) }
                    section.card { h2 { "Why" } @for sentence in &known.explanation { p { (sentence) } } }
                    section.card { h2 { "Timeline" } (timeline(&known, now)) }
                    @if let Some(payload) = &known.payload {
                        section.card { h2 { "Payload" } @match payload {
                            Ok(text) => pre tabindex="0" { (text) },
                            Err(why) => p { (why) },
                        } }
                    }
                }
                @for it in known.executions.iter().rev().take(MOST_SHOWN) { (execution(it, &caller)) }
            }
        },
    ))
}

async fn know(console: &Console, caller: &Caller, text: &str) -> Result<Known, Problem> {
    let store = console.store()?;
    let id = find::id(store, text).await?;
    let settings = console.context.settings();
    let identity = identity::present(settings)?;
    let explanation = explain(store, settings, &identity, id, caller.sees_contents()).await?;
    let explanation = explanation.ok_or_else(|| find::unknown(id))?;
    let mut entry = store.get(id).await?;
    if let Some(entry) = &mut entry {
        entry.attempts = attempts(settings, &entry.task_type, entry.attempts);
    }
    let mut payload = None;
    if caller.sees_contents() && entry.is_some() {
        payload = store.data(id).await?.map(|column| {
            let data = decode(&column).map_err(|error| format!("It cannot be read: {error}"))?;
            Ok(beginning(pretty(redact_data(&data).text())))
        });
    }
    Ok(Known { id, entry, executions: store.executions(id).await?, explanation, payload })
}

/// A browser cannot display payloads of megabytes.
fn beginning(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(LONGEST_PAYLOAD) {
        text.truncate(end);
        text.push('…');
    }
    text
}

fn message(said: &str) -> Markup {
    let text = match said {
        "retried" => "It is in the queue again.",
        "asked" => "Its worker was asked to end it.",
        "cancelled" => "It was cancelled.",
        "deleted" => "It was deleted.",
        _ => return html! {},
    };
    html! { p.said role="status" { (text) } }
}

fn actions(caller: &Caller, known: &Known) -> Markup {
    let Some(entry) = &known.entry else { return html! {} };
    let is_held = matches!(entry.state, Where::Held(_));
    html! {
        form.bar method="post" action=(format!("/tasks/{}/change", known.id)) {
            (key(caller))
            @if is_held { button.primary name="action" value="retry" { "Try again now" } }
            @if is_over(entry.state) { button.danger name="action" value="delete" { "Delete" } }
            @else { button.danger name="action" value="cancel" { "Cancel" } }
        }
    }
}

fn state(known: &Known, caller: &Caller, now: Timestamp) -> Markup {
    let Some(entry) = &known.entry else {
        return html! {
            p { (badge("done")) " " @if let Some(last) = known.executions.last() { (badge(last.outcome.as_str())) } }
        };
    };
    html! {
        dl.facts {
            dt { "State" } dd { (badge(entry.state.as_str())) }
            dt { "Added" } dd { (moment(entry.created, now)) }
            @if entry.due.is_some() { dt { "Due" } dd { (moment(entry.due, now)) } }
            dt { "Attempts" } dd { (entry.attempts) }
            @if entry.lock != LockKey::Free { dt { "Run by" } dd { (holder(entry.lock)) } }
            @if let Some(reason) = caller.seen(entry.reason.as_str()) { dt { "Reason" } dd { (reason) } }
        }
    }
}

fn timeline(known: &Known, now: Timestamp) -> Markup {
    let entry = known.entry.as_ref();
    html! {
        ol.timeline {
            @if let Some(created) = entry.and_then(|it| it.created) { li { "added " (moment(Some(created), now)) br; span.faint { (time::local(created)) } } }
            @for it in &known.executions {
                @let good = if it.outcome == task_store::Outcome::Success { "good" } else { "bad" };
                li class=(good) {
                    (badge(it.outcome.as_str())) @if it.node > 0 { " on node " (it.node) } " after " (costs(it)[0])
                    br; span.faint { (time::local(it.started)) " – " (time::local(it.ended)) }
                }
            }
            @if let Some(entry) = entry {
                @match entry.state {
                    Where::Running => li.live { (badge("running")) " " (holder(entry.lock)) },
                    Where::Waiting => li { (badge("waiting")) },
                    state => li { (badge(state.as_str())) @if entry.due.is_some() { " " (moment(entry.due, now)) } },
                }
            }
        }
    }
}

fn execution(it: &Execution, caller: &Caller) -> Markup {
    let [took, cpu, memory] = costs(it);
    html! {
        section.card {
            h2 { (badge(it.outcome.as_str())) " " (time::local(it.started)) }
            p.faint {
                @if it.node > 0 { "node " (it.node) " · " } "took " (took)
                @if !cpu.is_empty() { " · CPU " (cpu) }
                @if !memory.is_empty() { " · memory " (memory) }
            }
            @if let Some(error) = caller.seen(it.error.as_deref()) { h3 { "Error" } pre tabindex="0" { (error) } }
            @if let Some(output) = caller.seen(it.output.as_deref()) { h3 { "Output" } pre tabindex="0" { (output) } }
            @if !caller.sees_contents() && (it.error.is_some() || it.output.is_some()) {
                p.faint { "What it said is for the role operate." }
            }
        }
    }
}
