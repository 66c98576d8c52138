//! The default directories, used when no setting names others.

use std::{env, path::PathBuf};

use nix::unistd::geteuid;

use crate::config::home::{Home, run_directory};

/// The standard directories: those of the system for root, `$XDG_*` for other users.
#[derive(Clone, Debug)]
pub(crate) struct DefaultPaths {
    /// Setting XML files.
    pub(crate) config: PathBuf,
    /// Output of the modules and the supervisor.
    pub(crate) log: PathBuf,
    /// PID file and control socket.
    pub(crate) run: PathBuf,
    /// Data that must survive a reboot: the tasks, unless another database is set.
    pub(crate) state: PathBuf,
}

impl DefaultPaths {
    /// The directories of an installation.
    pub(crate) fn of(home: &Home) -> Self {
        Self {
            log: home.log_directory(),
            run: run_directory(home.directory()),
            ..Self::of_this_user()
        }
    }

    /// The directories of the user of this process.
    pub(crate) fn of_this_user() -> Self {
        if geteuid().is_root() {
            return Self {
                config: "/etc/otrsd".into(),
                log: "/var/log/otrsd".into(),
                run: "/run/otrsd".into(),
                state: "/var/lib/otrsd".into(),
            };
        }
        let home = env::home_dir().unwrap_or_else(|| "/".into());
        let xdg = |variable: &str| env::var_os(variable).map(PathBuf::from);
        let state = xdg("XDG_STATE_HOME").unwrap_or_else(|| home.join(".local/state"));
        Self {
            config: xdg("XDG_CONFIG_HOME").unwrap_or_else(|| home.join(".config")).join("otrsd"),
            log: state.join("otrsd/log"),
            run: xdg("XDG_RUNTIME_DIR").unwrap_or_else(|| state.clone()).join("otrsd"),
            state: state.join("otrsd"),
        }
    }
}
