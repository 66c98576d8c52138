//! What `status --json` and the control socket tell of a daemon.

use serde::Deserialize;

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Status {
    pub(crate) pid: i32,
    pub(crate) rss_kb: u64,
    pub(crate) stopping: bool,
    pub(crate) configuration_error: Option<String>,
    pub(crate) modules: Vec<ModuleStatus>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ModuleStatus {
    pub(crate) name: String,
    pub(crate) state: String,
    pub(crate) pid: Option<i32>,
    pub(crate) restarts: u64,
    pub(crate) note: Option<String>,
    pub(crate) last_exit: Option<Exit>,
    /// Newest first.
    pub(crate) exits: Vec<Exit>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Exit {
    pub(crate) pid: Option<i32>,
    pub(crate) how: String,
    pub(crate) planned: bool,
    pub(crate) reason: String,
    pub(crate) uptime_seconds: f64,
    pub(crate) last_stderr_line: Option<String>,
}

impl Status {
    /// The module of that name.
    #[track_caller]
    pub(crate) fn module(&self, name: &str) -> &ModuleStatus {
        self.find(name).unwrap_or_else(|| panic!("no module {name} in {self:#?}"))
    }

    pub(crate) fn find(&self, name: &str) -> Option<&ModuleStatus> {
        self.modules.iter().find(|module| module.name == name)
    }

    /// The PID of a module that runs and is ready, whether or not it can serve.
    pub(crate) fn running(&self, name: &str) -> Option<i32> {
        let runs = |module: &&ModuleStatus| ["running", "degraded"].contains(&&*module.state);
        self.find(name).filter(runs)?.pid
    }
}
