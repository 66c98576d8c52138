//! The overview: the state of the whole daemon, live.

use std::sync::Arc;

use axum::{body::Bytes, extract::State, http::StatusCode, response::Response};
use futures_util::stream;
use jiff::Timestamp;
use maud::{Markup, html};

use super::{
    chart::{self, Line},
    layout,
    parts::{badge, memory, milliseconds, moment, number},
};
use crate::{
    supervisor::status::Status,
    web::{
        Console,
        auth::Caller,
        live::{Attention, Sample, Severity, Snapshot},
        problem::Problem,
        stream::events,
    },
};

pub(in crate::web) async fn page(State(console): State<Arc<Console>>, caller: Caller) -> Markup {
    let snapshot = console.snapshot().await;
    layout::page(
        &console,
        &caller,
        "/",
        "Overview",
        &html! {
            h1 { "Overview" }
            div #live data-live="overview" { (parts(&snapshot)) }
        },
    )
}

/// Leaves connections for pages.
const MOST_STREAMS: usize = 600;

/// Each new snapshot as an event; a browser reconnects by itself when the stream ends.
pub(in crate::web) async fn stream(
    State(console): State<Arc<Console>>,
    caller: Caller,
) -> Result<Response, Problem> {
    if console.live.watchers() >= MOST_STREAMS {
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "as many watch as may"));
    }
    let mut follower = console.live.follow();
    follower.mark_changed();
    let snapshots = stream::unfold(follower, async |mut follower| {
        follower.changed().await.ok()?;
        let event = follower.borrow_and_update().event.clone();
        Some((event, follower))
    });
    Ok(events(console, caller, snapshots))
}

/// The event with a snapshot for all open pages: rendered once, whatever their number.
pub(in crate::web) fn event(snapshot: &Snapshot) -> Bytes {
    let html = parts(snapshot).into_string().replace(['\n', '\r'], " ");
    format!("event: overview\ndata: {html}\n\n").into()
}

/// The parts that are replaced individually, each by its id.
fn parts(snapshot: &Snapshot) -> Markup {
    html! {
        section #attention aria-live="polite" { (attention(snapshot)) }
        section #figures .figures aria-label="Figures" { (figures(snapshot)) }
        section #modules .card aria-labelledby="modules-title" { (modules(snapshot)) }
        section #types .card aria-labelledby="types-title" { (types(snapshot)) }
        section #nodes .card aria-labelledby="nodes-title" { (nodes(snapshot)) }
    }
}

fn attention(snapshot: &Snapshot) -> Markup {
    html! {
        h2.sr { "What needs attention" }
        @if snapshot.status.is_none() {
            p.calm { "Looking…" }
        } @else if snapshot.attention.is_empty() {
            p.fine { "Everything is in order." }
        } @else {
            ul.attention { @for it in &snapshot.attention { (attention_row(it)) } }
        }
    }
}

fn attention_row(it: &Attention) -> Markup {
    let (class, word) = match it.severity {
        Severity::Broken => ("bad", "broken"),
        Severity::Warning => ("warn", "look"),
        Severity::Note => ("calm", "note"),
    };
    html! {
        li class=(class) {
            span class=(format!("badge {class}")) { (word) } " "
            @match &it.link {
                Some(link) => a href=(link) { (it.text) },
                None => span { (it.text) },
            }
        }
    }
}

fn figures(snapshot: &Snapshot) -> Markup {
    let now = snapshot.at;
    let history: Vec<&Sample> = snapshot.history.iter().collect();
    let seconds: Vec<f64> =
        history.iter().map(|it| now.duration_since(it.at).as_secs_f64()).collect();
    let line = |class, of: &dyn Fn(&Sample) -> Option<f64>| Line {
        class,
        values: history.iter().map(|it| of(it)).collect(),
    };
    let last = history.last().map(|it| (*it).clone()).unwrap_or_default();
    let period = age_of(&seconds);
    html! {
        (figure("Waiting", &number(last.waiting), "tasks in the queue", &period, &seconds, &[line("a", &|it| Some(it.waiting as f64))]))
        (figure("Running", &number(last.running), "tasks at work", &period, &seconds, &[line("b", &|it| Some(it.running as f64))]))
        (figure("Throughput", &rate(last.ended), "ends a second", &period, &seconds, &[line("a", &|it| Some(it.ended))]))
        (figure("Duration", &milliseconds(last.p50), "half of the tasks are faster", &period, &seconds,
            &[line("c", &|it| it.p95), line("b", &|it| it.p50)]))
        (figure("Unsuccessful", &rate(last.unsuccessful), "ends a second", &period, &seconds, &[line("bad", &|it| Some(it.unsuccessful))]))
    }
}

fn figure(
    name: &str,
    value: &str,
    what: &str,
    period: &str,
    seconds: &[f64],
    lines: &[Line<'_>],
) -> Markup {
    html! {
        div.card.figure {
            h2 { (name) }
            p.value { (value) }
            p.what { (what) }
            (chart::lines(&format!("{name} over {period}: now {value}"), seconds, lines))
        }
    }
}

fn age_of(seconds: &[f64]) -> String {
    let longest = seconds.iter().fold(0.0, |a: f64, b| a.max(*b));
    if longest < 120.0 {
        format!("{longest:.0} seconds")
    } else {
        format!("{:.0} minutes", longest / 60.0)
    }
}

fn rate(rate: f64) -> String {
    if rate >= 100.0 {
        format!("{rate:.0}")
    } else if rate >= 10.0 || rate == 0.0 {
        format!("{rate:.1}")
    } else {
        format!("{rate:.2}")
    }
}

fn modules(snapshot: &Snapshot) -> Markup {
    html! {
        h2 #modules-title { "Modules" }
        @match &snapshot.status {
            Some(Ok(status)) => (module_table(status, snapshot.at)),
            Some(Err(why)) => p { (why) },
            None => p.calm { "Looking…" },
        }
    }
}

/// The supervisor's modules, for the overview and for the page of the modules.
pub(super) fn module_table(status: &Status, now: Timestamp) -> Markup {
    html! {
        div.scroll tabindex="0" role="group" aria-label="Modules" {
            table {
                thead { tr { th { "Module" } th { "State" } th { "Since" } th.num { "Restarts" } th.num { "Memory" } th { "Last exit" } } }
                tbody {
                    tr {
                        th scope="row" { "Supervisor " span.faint { "(PID " (status.pid) ")" } }
                        td { (badge(if status.stopping { "stopping" } else { "running" })) }
                        td { (moment(Some(status.started), now)) }
                        td.num { (status.image) }
                        td.num { (memory(Some(status.rss_kb))) }
                        td { "otrsd " (status.version) }
                    }
                    @for it in &status.modules {
                        tr {
                            th scope="row" { a id=(format!("m-{}", it.name)) href=(format!("/modules/{}", it.name)) { (it.name) } }
                            td { (badge(&it.state)) @if let Some(note) = &it.note { " " span.faint { (note) } } }
                            td { (moment(it.since, now)) }
                            td.num { (it.restarts) }
                            td.num { (memory(it.rss_kb)) }
                            td.faint { @if let Some(exit) = &it.last_exit { (exit.how) ", " (exit.reason) " " (moment(Some(exit.at), now)) } }
                        }
                    }
                }
            }
        }
    }
}

fn types(snapshot: &Snapshot) -> Markup {
    html! {
        h2 #types-title { "Tasks by type" }
        @if snapshot.counts.is_empty() {
            p.calm { "No task waits, runs, is planned or is held." }
        } @else {
            div.scroll tabindex="0" role="group" aria-label="Tasks by type" {
                table {
                    thead { tr { th { "Type" } @for (name, _) in STATES { th.num { (name) } } } }
                    tbody {
                        @for count in &snapshot.counts {
                            tr {
                                th scope="row" { (count.task_type) }
                                @let numbers = [count.waiting, count.running, count.future, count.retry, count.failed, count.quarantined, count.no_handler];
                                @for ((_, state), it) in STATES.iter().zip(numbers) {
                                    td.num {
                                        @if it == 0 { span.none { "0" } }
                                        @else { a id=(format!("t-{}-{state}", count.task_type)) href=(link(state, &count.task_type)) { (number(it)) } }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The states of tasks with their columns.
const STATES: [(&str, &str); 7] = [
    ("Waiting", "waiting"),
    ("Running", "running"),
    ("Planned", "future"),
    ("Retry", "retry"),
    ("Failed", "failed"),
    ("Quarantined", "quarantined"),
    ("No handler", "no-handler"),
];

fn link(state: &str, task_type: &str) -> String {
    let query = serde_urlencoded::to_string([("state", state), ("type", task_type)]);
    format!("/tasks?{}", query.unwrap_or_default())
}

fn nodes(snapshot: &Snapshot) -> Markup {
    let now = snapshot.at;
    html! {
        h2 #nodes-title { "Workers " a.more href="/pauses" { "Pauses" } }
        @if snapshot.instances.is_empty() {
            p.calm { "No worker is registered." }
        } @else {
            div.scroll tabindex="0" role="group" aria-label="Workers" {
                table {
                    thead { tr { th.num { "Node" } th { "Host" } th.num { "Process" } th.num { "Slots" } th { "Started" } th { "Last heartbeat" } } }
                    tbody {
                        @for it in &snapshot.instances {
                            tr {
                                th.num scope="row" { (it.owner.node()) }
                                td { (it.host) }
                                td.num { (it.pid) }
                                td.num { (it.slots) }
                                td { (moment(it.started, now)) }
                                td { (moment(it.beat, now)) }
                            }
                        }
                    }
                }
            }
        }
    }
}
