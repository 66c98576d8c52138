//! The paths of one daemon: a directory and a node number determine the names of its files.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

use sysconfig::SysConfig;

use super::{default_paths::DefaultPaths, text};
use crate::config::home;

/// The location of a daemon's PID file, lock and control socket.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct DaemonPaths {
    pub(crate) directory: PathBuf,
    /// 1 to 999.
    pub(crate) node_id: u16,
}

impl DaemonPaths {
    /// The paths that belong to a PID file.
    pub(crate) fn of(pid_file: &Path) -> Option<Self> {
        let name = pid_file.file_stem().and_then(OsStr::to_str)?;
        let node_id = name.strip_prefix("Daemon-NodeID-")?.parse().ok()?;
        Some(Self { directory: pid_file.parent()?.to_owned(), node_id })
    }

    /// The paths that the settings name, for callers without a configuration.
    pub(crate) fn named(settings: &SysConfig) -> Self {
        let directory = text(settings, "Daemon::PID::Path").map(PathBuf::from);
        let directory = directory.filter(|path| path.is_absolute());
        let node_id = text(settings, "NodeID").and_then(|text| text.parse().ok());
        let standard = || match text(settings, home::SETTING) {
            Some(home) => home::run_directory(Path::new(home)),
            None => DefaultPaths::of_this_user().run,
        };
        Self { directory: directory.unwrap_or_else(standard), node_id: node_id.unwrap_or(1) }
    }

    /// The PID file, named like the original's.
    pub(crate) fn pid_file(&self) -> PathBuf {
        self.file("pid")
    }

    /// The control socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.file("sock")
    }

    /// The socket on which the worker is notified of new tasks.
    pub(crate) fn wake(&self) -> PathBuf {
        self.file("wake")
    }

    /// The record of the workers that ran here.
    pub(crate) fn workers(&self) -> PathBuf {
        self.file("workers")
    }

    /// The console's admin socket, where the command line requests login links.
    pub(crate) fn web_door(&self) -> PathBuf {
        self.file("web.sock")
    }

    /// The file of the console's sessions.
    pub(crate) fn web_sessions(&self) -> PathBuf {
        self.file("web.sessions")
    }

    /// The file in which the original's worker records its processes that run tasks.
    pub(crate) fn worker_file(&self) -> PathBuf {
        let name = format!("Worker-NodeID-{}.pid", self.node_id);
        self.directory.join("Daemon/Scheduler").join(name)
    }

    fn file(&self, extension: &str) -> PathBuf {
        self.directory.join(format!("Daemon-NodeID-{}.{extension}", self.node_id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_found_again_in_its_pid_file() {
        let place = DaemonPaths { directory: "/run/otrsd".into(), node_id: 17 };
        assert_eq!(place.pid_file(), Path::new("/run/otrsd/Daemon-NodeID-17.pid"));
        assert_eq!(DaemonPaths::of(&place.pid_file()), Some(place));
        for other in ["/run/otrsd/other.pid", "/run/Daemon-NodeID-x.pid", "/"] {
            assert_eq!(DaemonPaths::of(Path::new(other)), None, "{other}");
        }
    }
}
