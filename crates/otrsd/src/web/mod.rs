//! `WebConsole`: pages, the JSON API, metrics and health checks, in a process of their own, on which no other process
//! waits.

#![expect(
    clippy::cast_precision_loss,
    reason = "figures for people and for Prometheus are floating point"
)]

mod actions;
pub(crate) mod admin_socket;
pub(crate) mod api;
pub(crate) mod auth;
mod auth_middleware;
mod bodies;
pub(crate) mod confine;
mod effective;
mod form;
mod health;
mod hosts;
mod live;
mod log;
mod login;
mod metrics;
mod pages;
mod peer;
mod places;
mod problem;
mod routes;
mod search;
mod serve;
mod stream;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::Context as _;
use async_trait::async_trait;
use axum::http::StatusCode;
use task_store::Store;
use tokio::task::JoinSet;

use self::{
    actions::Jobs,
    auth::{Caller, Failures, Links, Sessions},
    bodies::Budget,
    health::LastHealth,
    live::Live,
    metrics::Totals,
    pages::statistics::Statistics,
    places::Connection,
    serve::Listener,
};
use crate::{
    clock,
    config::{
        console::{self, Grant, WebSettings},
        daemon_paths::DaemonPaths,
        database,
        pace::Pace,
    },
    logs,
    module::{DaemonModule, ModuleContext, Round, degraded},
};

const CONNECTIONS: u32 = 4;
const AGAIN: Duration = Duration::from_secs(2);

/// The shared state of all requests.
struct Console {
    context: ModuleContext,
    web: WebSettings,
    place: DaemonPaths,
    /// The URL of the console for a browser on this host; a proxy's name otherwise.
    origin: String,
    /// An error names the setting to correct; the pages without tasks work all the same.
    store: Result<Store, String>,
    auth: Mutex<Auth>,
    live: Live,
    jobs: Jobs,
    bodies: Budget,
    /// Held between the check whether the tasks of a key exist, and their insertion.
    keyed: tokio::sync::Mutex<()>,
    totals: tokio::sync::Mutex<Totals>,
    health: LastHealth,
    statistics: Statistics,
}

struct Auth {
    links: Links,
    sessions: Sessions,
    failures: Failures,
}

impl Console {
    fn auth(&self) -> MutexGuard<'_, Auth> {
        // Each change is complete before anything can panic.
        self.auth.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The grant of a token. All tokens are compared, so that the time reveals nothing.
    fn machine(&self, token: &str) -> Option<Grant> {
        let mut found = None;
        for (name, known) in &self.web.tokens {
            if known.secret.is_of(token) {
                found = Some(known.grant(name));
            }
        }
        found
    }

    /// Whether the database exists: connecting to a missing file would create it.
    fn has_database(&self) -> bool {
        database::file(self.context.settings()).is_none_or(|file| file.exists())
    }

    fn store(&self) -> Result<&Store, problem::Problem> {
        if !self.has_database() {
            return Err(problem::Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "there are no tasks yet: the module SchedulerTaskWorker makes their database, so does otrsd db migrate",
            ));
        }
        self.store
            .as_ref()
            .map_err(|why| problem::Problem::new(StatusCode::SERVICE_UNAVAILABLE, why.clone()))
    }

    /// Logs the peer of a failed login, a few times a minute.
    fn login_failed(&self, connection: Option<&Arc<Connection>>) {
        let Some(untold) = self.auth().failures.count(clock::now()) else { return };
        let more =
            if untold > 0 { format!("; {untold} more were not told") } else { String::new() };
        let from = connection.map_or_else(|| "?".to_owned(), |it| it.peer.described());
        logs::warn(&format!("{}: a login failed, from {from}{more}", self.context.name()));
    }

    /// Writes an audit line: the caller and the change.
    fn audit(&self, caller: &Caller, what: &str) {
        let line = format!("{}: {} {what}", self.context.name(), caller.name);
        logs::info(&line);
    }
}

pub(crate) struct WebConsole {
    context: ModuleContext,
    /// The listeners and the sampler, once they have started.
    tasks: JoinSet<()>,
}

impl WebConsole {
    pub(crate) fn new(context: ModuleContext) -> Self {
        Self { context, tasks: JoinSet::new() }
    }

    async fn begin(&mut self) -> anyhow::Result<()> {
        let (web, problems) = console::read(self.context.settings());
        for problem in problems {
            logs::warn(&format!("warning: {problem}"));
        }
        let Some(listener) = self.bind(&web).await else { return Ok(()) };
        let settings = self.context.settings();
        let place = DaemonPaths::named(settings);
        let proxy = web.hosts.first().map(|host| format!("https://{host}"));
        let origin = listener.origin().or(proxy).unwrap_or_else(|| "http://localhost".to_owned());
        let store = database::open(settings, CONNECTIONS).map_err(|error| format!("{error:#}"));
        let sessions = Sessions::read(&place.web_sessions(), |it| web.is_good(it));
        let door = serve::bind_socket(&place.web_door(), 0o600)?;
        let console = Arc::new(Console {
            context: self.context.clone(),
            web,
            place,
            origin,
            store,
            auth: Mutex::new(Auth {
                links: Links::default(),
                sessions,
                failures: Failures::default(),
            }),
            live: Live::new(),
            jobs: Jobs::default(),
            bodies: Budget::default(),
            keyed: tokio::sync::Mutex::default(),
            totals: tokio::sync::Mutex::default(),
            health: LastHealth::default(),
            statistics: Statistics::default(),
        });
        logs::info(&format!("{}: listening on {}", self.context.name(), console.origin));
        self.tasks.spawn(live::watch(Arc::clone(&console)));
        self.tasks.spawn(admin_socket::serve(door, Arc::clone(&console)));
        self.tasks.spawn(listener.serve(routes::app(console)));
        Ok(())
    }

    /// Waits for an address that another process uses, and reports it once; `None` if the module is to end meanwhile.
    async fn bind(&self, web: &WebSettings) -> Option<Listener> {
        let mut told = false;
        while !self.context.is_stopping() {
            match Listener::bind(&web.listen).await {
                Ok(listener) => {
                    self.context.recovered(degraded::ADDRESS);
                    return Some(listener);
                }
                Err(error) if !std::mem::replace(&mut told, true) => {
                    let what = format!("{error:#}; waiting until it is free");
                    logs::warn(&format!(
                        "{}: {what} (setting WebConsole::Listen)",
                        self.context.name()
                    ));
                    self.context.degraded(degraded::ADDRESS, format!("{error:#}"));
                }
                Err(_) => {}
            }
            self.context.pause(AGAIN).await;
        }
        None
    }
}

#[async_trait]
impl DaemonModule for WebConsole {
    async fn pre_run(&mut self) -> anyhow::Result<Round> {
        if self.tasks.is_empty() {
            self.begin().await?;
        }
        Ok(Round::Continue)
    }

    /// The work continues between the rounds; a round checks that it does.
    async fn run(&mut self) -> anyhow::Result<Round> {
        match self.tasks.try_join_next() {
            None => Ok(Round::Continue),
            Some(ended) => {
                ended.context("a part of the console has died")?;
                Ok(Round::discard("a part of the console has ended"))
            }
        }
    }

    fn pace(&self) -> Pace {
        Pace::seconds(10, 86_400)
    }
}
