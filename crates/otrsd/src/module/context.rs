//! What a module knows of its surroundings.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use sysconfig::{SysConfig, Value};
use task_store::Store;
use tokio_util::sync::CancellationToken;

use super::{degraded::Degraded, output::Output};
use crate::config::database;

/// A module does one thing after the other.
const CONNECTIONS: u32 = 2;

/// Handed to a module's constructor: its name, its settings, and the ways to pause and to speak.
#[derive(Clone, Debug)]
pub struct ModuleContext {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    name: String,
    settings: SysConfig,
    debug: bool,
    end: End,
    output: Output,
    degraded: Degraded,
    store: OnceLock<Store>,
}

/// How a module's process is asked to end.
#[derive(Clone, Debug, Default)]
pub(crate) struct End {
    /// For whatever reason: its successor comes, or none.
    pub(crate) planned: CancellationToken,
    /// Soon: the daemon stops.
    pub(crate) soon: CancellationToken,
    /// At once: it is killed in a moment.
    pub(crate) now: CancellationToken,
}

impl ModuleContext {
    pub(crate) fn new(name: String, settings: SysConfig, debug: bool, end: End) -> Self {
        let shared = Shared {
            name,
            settings,
            debug,
            end,
            output: Output::default(),
            degraded: Degraded::default(),
            store: OnceLock::new(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Of a module that only says what it has done.
    pub(crate) fn for_summary(name: String, settings: SysConfig) -> Self {
        Self::new(name, settings, false, End::default())
    }

    /// The name that the module is registered under: the key of `DaemonModules###<name>`.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// The effective settings, as they were when this life of the module began.
    pub fn settings(&self) -> &SysConfig {
        &self.shared.settings
    }

    /// A key of the module's own registration.
    pub fn registration(&self, key: &str) -> Option<&Value> {
        self.shared.settings.get(&format!("DaemonModules###{}", self.shared.name))?.get(key)
    }

    /// The tasks of this installation, for example to add one. Opened at the first call, by `DatabaseURL`.
    ///
    /// ```no_run
    /// # use otrsd::{ModuleContext, anyhow, jiff::Timestamp, task_store::NewTask};
    /// async fn found(context: &ModuleContext, file: &str) -> anyhow::Result<()> {
    ///     let data = otrsd::serde_json::json!({ "file": file }).to_string();
    ///     context.store()?.enqueue(&NewTask::new("Thumbnail", file, data), Timestamp::now()).await?;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// `DatabaseURL` or `OTRSTimeZone` cannot be used. A database that is away is no error here.
    pub fn store(&self) -> anyhow::Result<Store> {
        database::shared(&self.shared.store, &self.shared.settings, CONNECTIONS)
    }

    /// Whether the module was asked to tell more: `start --debug`.
    pub fn debug(&self) -> bool {
        self.shared.debug
    }

    /// Whether this life is to end. A long round looks now and then and returns early.
    pub fn is_stopping(&self) -> bool {
        self.shared.end.planned.is_cancelled()
    }

    /// Resolves when this life is to end, for `tokio::select!`.
    pub async fn stopped(&self) {
        self.shared.end.planned.cancelled().await;
    }

    /// Whether the daemon stops: what goes on is ended when the grace is over.
    pub(crate) fn is_hurried(&self) -> bool {
        self.shared.end.soon.is_cancelled()
    }

    /// Resolves when there is only a moment left.
    pub(crate) async fn called_last(&self) {
        self.shared.end.now.cancelled().await;
    }

    pub(crate) async fn hurried(&self) {
        self.shared.end.soon.cancelled().await;
    }

    /// Sleeps, but no longer than until a stop is asked for.
    pub async fn pause(&self, time: Duration) {
        tokio::select! {
            () = self.stopped() => {}
            () = tokio::time::sleep(time) => {}
        }
    }

    /// The module runs, but does not serve: `what` is the matter (a few words, the key of the matter), and `why`.
    /// `otrsd status`, the console and `/readyz` show it as degraded until [`recovered`](Self::recovered) is called.
    pub fn degraded(&self, what: &'static str, why: impl Into<String>) {
        self.shared.degraded.add(what, why.into());
    }

    /// `what` is not the matter any more.
    pub fn recovered(&self, what: &'static str) {
        self.shared.degraded.remove(what);
    }

    /// The module has begun to do its work, as far as it can: `otrsd start` waits no longer to hear how it is.
    pub(crate) fn begun(&self) {
        self.shared.degraded.tell_first();
    }

    /// Prints a line on standard output.
    ///
    /// Unlike `println!` it does not panic when the disk is full: it counts the lines that are lost
    /// and says so in the log when there is room again.
    pub fn say(&self, line: &str) {
        self.shared.output.say(line);
    }
}
