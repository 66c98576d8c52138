//! The data of `status`.

use std::{collections::VecDeque, fs, path::PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sysconfig::Problem;

use super::module::{Module, Phase};
use crate::{clock::MonotonicTime, process::exit::Exit};

/// The supervisor and its modules.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Status {
    pub(crate) pid: u32,
    pub(crate) node_id: u16,
    pub(crate) version: String,
    /// How often another program file took over.
    pub(crate) image: u64,
    pub(crate) started: Timestamp,
    pub(crate) rss_kb: u64,
    pub(crate) stopping: bool,
    /// What the configuration is read from.
    pub(crate) sources: Vec<PathBuf>,
    /// Why the daemon cannot be found, or why its logs are not kept.
    #[serde(default)]
    pub(crate) degraded: Option<String>,
    /// Why the configuration on disk is not in use.
    pub(crate) configuration_error: Option<String>,
    /// The settings of the configuration in use that are refused or ignored.
    #[serde(default)]
    pub(crate) configuration_problems: Vec<Problem>,
    pub(crate) modules: Vec<ModuleStatus>,
}

/// The status of one module.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ModuleStatus {
    pub(crate) name: String,
    /// `starting`, `running`, `stopping`, `degraded` (runs, but does not serve), `waiting` (for its restart),
    /// `stopped`, `refused`.
    pub(crate) state: String,
    pub(crate) pid: Option<i32>,
    /// The start of the process, or its last end.
    pub(crate) since: Option<Timestamp>,
    pub(crate) restarts: u64,
    pub(crate) rss_kb: Option<u64>,
    /// Milliseconds without a working process before the present one was ready.
    pub(crate) gap_ms: Option<f64>,
    /// The module's own status message, or why it does not run.
    pub(crate) note: Option<String>,
    /// Earlier processes that finish their work.
    #[serde(default)]
    pub(crate) draining: Vec<Earlier>,
    pub(crate) last_exit: Option<Exit>,
    /// The remembered exits, newest first.
    pub(crate) exits: VecDeque<Exit>,
}

/// A process that has handed over.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Earlier {
    pub(crate) pid: i32,
    /// Its own message about what it waits for.
    pub(crate) note: Option<String>,
}

impl Status {
    /// The modules that run but do not serve.
    pub(crate) fn degraded(&self) -> impl Iterator<Item = &ModuleStatus> {
        self.modules.iter().filter(|module| module.state == "degraded")
    }
}

impl ModuleStatus {
    pub(super) fn of(
        module: &Module,
        draining: Vec<Earlier>,
        outdated: Option<String>,
        now: MonotonicTime,
    ) -> Self {
        let process = module.process();
        let (state, mut note) = match &module.phase {
            Phase::Waiting { until } => {
                let wait = until.since(now).as_secs_f64();
                ("waiting", Some(format!("starts again in {wait:.1} s")))
            }
            Phase::Running { ready: false, .. } => ("starting", None),
            Phase::Running { process, .. } if process.degraded.is_some() => ("degraded", None),
            Phase::Running { .. } => ("running", None),
            Phase::Stopping { cause, .. } => ("stopping", Some(cause.reason.clone())),
            Phase::Stopped => ("stopped", None),
        };
        let said =
            process.and_then(|process| process.degraded.clone().or_else(|| process.note.clone()));
        if let Some(said) = said.or(outdated) {
            note = Some(said);
        }
        Self {
            name: module.spec.name.clone(),
            state: state.to_owned(),
            pid: process.map(|process| process.pid),
            since: process
                .map(|process| process.started)
                .or_else(|| module.exits.front().map(|exit| exit.at)),
            restarts: module.restarts,
            rss_kb: process.and_then(|process| rss_kb(process.pid)),
            gap_ms: module.gap.map(|gap| gap.as_secs_f64() * 1000.0),
            note,
            draining,
            last_exit: module.exits.front().cloned(),
            exits: module.exits.clone(),
        }
    }

    pub(super) fn refused(name: &str, why: String) -> Self {
        Self {
            name: name.to_owned(),
            state: "refused".to_owned(),
            pid: None,
            since: None,
            restarts: 0,
            rss_kb: None,
            gap_ms: None,
            note: Some(why),
            draining: Vec::new(),
            last_exit: None,
            exits: VecDeque::new(),
        }
    }
}

/// The resident size of a process.
pub(super) fn rss_kb(pid: i32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}
