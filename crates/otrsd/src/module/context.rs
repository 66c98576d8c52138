//! The context in which a module runs.

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

/// The context that a module's constructor receives: its name, its settings, and the means to pause and to print.
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

/// The ways in which a module's process is asked to end.
#[derive(Clone, Debug, Default)]
pub(crate) struct End {
    /// For whatever reason, with or without a successor.
    pub(crate) planned: CancellationToken,
    /// Soon: the daemon stops.
    pub(crate) soon: CancellationToken,
    /// At once: the process is about to be killed.
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

    /// For a module that only shows its Summary.
    pub(crate) fn for_summary(name: String, settings: SysConfig) -> Self {
        Self::new(name, settings, false, End::default())
    }

    /// The name that the module is registered under: the key of `DaemonModules###<name>`.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// The effective settings, as they were when this incarnation of the module started.
    pub fn settings(&self) -> &SysConfig {
        &self.shared.settings
    }

    /// A key of the module's own registration.
    pub fn registration(&self, key: &str) -> Option<&Value> {
        self.shared.settings.get(&format!("DaemonModules###{}", self.shared.name))?.get(key)
    }

    /// The tasks of this installation, for example to enqueue one. Opened at the first call, by `DatabaseURL`.
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
    /// `DatabaseURL` or `OTRSTimeZone` cannot be used. A database that is unreachable is not an error here.
    pub fn store(&self) -> anyhow::Result<Store> {
        database::shared(&self.shared.store, &self.shared.settings, CONNECTIONS)
    }

    /// Whether the module was asked for more output: `start --debug`.
    pub fn debug(&self) -> bool {
        self.shared.debug
    }

    /// Whether this process is to end. A long round checks it now and then and returns early.
    pub fn is_stopping(&self) -> bool {
        self.shared.end.planned.is_cancelled()
    }

    /// Resolves when this process is to end, for `tokio::select!`.
    pub async fn stopped(&self) {
        self.shared.end.planned.cancelled().await;
    }

    /// Whether the daemon stops: what still runs is ended when the grace period is over.
    pub(crate) fn is_hurried(&self) -> bool {
        self.shared.end.soon.is_cancelled()
    }

    /// Resolves shortly before the process is killed.
    pub(crate) async fn called_last(&self) {
        self.shared.end.now.cancelled().await;
    }

    pub(crate) async fn hurried(&self) {
        self.shared.end.soon.cancelled().await;
    }

    /// Sleeps until the time is over or a stop is requested.
    pub async fn pause(&self, time: Duration) {
        tokio::select! {
            () = self.stopped() => {}
            () = tokio::time::sleep(time) => {}
        }
    }

    /// Reports that the module runs, but does not serve: `what` is the problem (a few words that identify it), and
    /// `why` its reason. `otrsd status`, the console and `/readyz` show the module as degraded until
    /// [`recovered`](Self::recovered) is called.
    pub fn degraded(&self, what: &'static str, why: impl Into<String>) {
        self.shared.degraded.add(what, why.into());
    }

    /// Reports that the problem `what` is over.
    pub fn recovered(&self, what: &'static str) {
        self.shared.degraded.remove(what);
    }

    /// Reports that the module has started its work, as far as it can: `otrsd start` then stops waiting for its state.
    pub(crate) fn begun(&self) {
        self.shared.degraded.tell_first();
    }

    /// Prints a line on standard output.
    ///
    /// Unlike `println!` it does not panic when the disk is full: it counts the lines that are lost and reports their
    /// number in the log when there is room again.
    pub fn say(&self, line: &str) {
        self.shared.output.say(line);
    }
}
