//! The page of the modules, and the page of each module with its exits and its log.

use std::{path::Path as File, sync::Arc};

use axum::{
    extract::{Path, State},
    response::{Redirect, Response},
};
use futures_util::stream;
use maud::{Markup, html};

use super::{
    layout::{key, page},
    overview::module_table,
    parts::{badge, memory, moment},
};
use crate::{
    config::console::Role,
    process::exit::Exit,
    supervisor::status::{ModuleStatus, Status},
    text::time,
    web::{
        Console,
        auth::Caller,
        auth_middleware::Operator,
        form::{Form, Nothing},
        live::Snapshot,
        log::{self, Follower},
        problem::Problem,
        stream::events,
    },
};

pub(in crate::web) async fn list(
    State(console): State<Arc<Console>>,
    caller: Caller,
) -> Result<Markup, Problem> {
    let snapshot = console.snapshot().await;
    let status = status(&snapshot)?;
    Ok(page(
        &console,
        &caller,
        "/modules",
        "Modules",
        &html! {
            h1 { "Modules" }
            div.card data-refresh="2" { (module_table(status, snapshot.at)) }
            p { a href="/modules/Supervisor" { "The supervisor's log" } }
        },
    ))
}

pub(in crate::web) async fn show(
    State(console): State<Arc<Console>>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Markup, Problem> {
    let snapshot = console.snapshot().await;
    let status = status(&snapshot)?;
    let files = log::files(&console, status, &name);
    let [err, out] =
        files.ok_or_else(|| Problem::not_found(format!("no module is called '{name}'")))?;
    let module = status.modules.iter().find(|it| it.name == name);
    Ok(page(
        &console,
        &caller,
        "/modules",
        &name,
        &html! {
            p { a href="/modules" { "Modules" } " / " (name) }
            h1 { (name) }
            @if let Some(module) = module {
                @if caller.role >= Role::Operate {
                    form.bar method="post" action=(format!("/modules/{name}/restart")) { (key(&caller)) button { "Restart" } }
                }
                div data-refresh="1" {
                    div.columns {
                        section.card { h2 { "State" } (facts(module, &snapshot)) }
                        section.card { h2 { "Ends" } (exits(module, &caller, &snapshot)) }
                    }
                }
            }
            @if caller.sees_contents() {
                (log_card("Standard error", &format!("/modules/{name}/log"), &err, true))
                (log_card("Standard output", "", &out, false))
            } @else {
                p.faint { "Logs are for the role operate." }
            }
        },
    ))
}

fn status(snapshot: &Snapshot) -> Result<&Status, Problem> {
    match &snapshot.status {
        Some(Ok(status)) => Ok(status),
        Some(Err(why)) => {
            Err(Problem::from(anyhow::anyhow!("the supervisor does not answer: {why}")))
        }
        None => Err(Problem::from(anyhow::anyhow!(
            "the supervisor was not asked yet: load the page again"
        ))),
    }
}

fn facts(module: &ModuleStatus, snapshot: &Snapshot) -> Markup {
    html! {
        dl.facts {
            dt { "State" } dd { (badge(&module.state)) }
            @if let Some(note) = &module.note { dt { "It says" } dd { (note) } }
            dt { "Process" } dd { @match module.pid { Some(pid) => (pid), None => "–" } }
            dt { "Since" } dd { (moment(module.since, snapshot.at)) }
            dt { "Memory" } dd { (memory(module.rss_kb)) }
            dt { "Restarts" } dd { (module.restarts) }
            @if let Some(gap) = module.gap_ms { dt { "Last gap" } dd { (format!("{gap:.0} ms without a process")) } }
            @for earlier in &module.draining {
                dt { "Earlier life" }
                dd { "process " (earlier.pid) " ends what it began" @if let Some(note) = &earlier.note { ": " (note) } }
            }
        }
    }
}

fn exits(module: &ModuleStatus, caller: &Caller, snapshot: &Snapshot) -> Markup {
    html! {
        @if module.exits.is_empty() { p.calm { "It has not ended since the daemon started." } }
        @else { ol.timeline { @for it in &module.exits { (exit(it, caller, snapshot)) } } }
    }
}

fn exit(it: &Exit, caller: &Caller, snapshot: &Snapshot) -> Markup {
    html! {
        li class=(if it.planned { "good" } else { "bad" }) {
            (moment(Some(it.at), snapshot.at)) ": " (it.how) @if !it.reason.is_empty() { ", " (it.reason) }
            br;
            span.faint {
                (time::local(it.at)) @if let Some(pid) = it.pid { " · process " (pid) }
                " · after " (format!("{:.1} s", it.uptime_seconds)) " · peak " (memory(Some(it.peak_rss_kb)))
                @if let Some(line) = caller.seen(it.last_stderr_line.as_deref()) { br; (line) }
            }
        }
    }
}

fn log_card(title: &str, follow: &str, file: &File, always: bool) -> Markup {
    let text = log::tail(file);
    html! {
        @if always || !text.is_empty() {
            section.card {
                h2 { (title) " " span.faint { (file.display()) } }
                pre tabindex="0" aria-label=(title) data-log=[(!follow.is_empty()).then_some(follow)] { (text) }
            }
        }
    }
}

/// The lines that are appended to a module's standard error, as events.
pub(in crate::web) async fn follow(
    State(console): State<Arc<Console>>,
    Operator(caller): Operator,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let snapshot = console.snapshot().await;
    let files = log::files(&console, status(&snapshot)?, &name);
    let [err, _] =
        files.ok_or_else(|| Problem::not_found(format!("no module is called '{name}'")))?;
    let follower = Follower::of(&err)?;
    let lines = stream::unfold(follower, async |mut follower| {
        let line = follower.next().await.ok()?;
        Some((format!("event: line\ndata: {line}\n\n").into(), follower))
    });
    Ok(events(console, caller, lines))
}

pub(in crate::web) async fn restart(
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
    form: Form<Nothing>,
) -> Result<Redirect, Problem> {
    let Nothing {} = form.fields;
    let snapshot = console.snapshot().await;
    if !status(&snapshot)?.modules.iter().any(|it| it.name == name) {
        return Err(Problem::not_found(format!("no module is called '{name}'")));
    }
    console.restart(&form.caller, &name).await?;
    Ok(Redirect::to(&format!("/modules/{name}")))
}
