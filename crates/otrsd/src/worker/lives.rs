//! The record of workers that ran at this location, kept in its directory under the lock that one daemon holds at a
//! time. Only for these does a process number tell whether they are alive. The host's name does not tell: two
//! containers can have the same name, and each has a process 7.

use std::{
    io::{self, Read as _},
    path::PathBuf,
};

use sysconfig::SysConfig;
use task_store::{Instance, Owner};

use crate::{config::daemon_paths::DaemonPaths, logs, process::own_file};

/// The maximum size of the record, in bytes.
const LARGEST: u64 = 1 << 16;

/// The record, with one line for each worker; like the PID file, it outlives the supervisor.
#[derive(Clone, Debug)]
pub(super) struct Lives {
    file: PathBuf,
}

impl Lives {
    pub(super) fn of(settings: &SysConfig) -> Self {
        Self { file: DaemonPaths::named(settings).workers() }
    }

    /// The recorded workers. An unreadable record counts as empty: the counters then show which workers are dead, 15 s
    /// later.
    pub(super) fn recorded(&self) -> Vec<String> {
        let mut text = String::new();
        let read = own_file::read(&self.file);
        // A truncated record names fewer workers.
        let _ = read.and_then(|file| file.take(LARGEST).read_to_string(&mut text));
        text.lines().map(str::to_owned).collect()
    }

    /// Records a worker, beside the earlier ones that are still registered.
    pub(super) fn add(&self, own: Owner, registered: &[Instance]) {
        let mut lines = self.recorded();
        lines.retain(|line| registered.iter().any(|it| it.owner.to_string() == *line));
        lines.push(own.to_string());
        if let Err(error) = self.write(&lines) {
            logs::warn(&format!(
                "cannot record this worker in {}: {error}; if it dies, its tasks are free 15 s later than they could be",
                self.file.display(),
            ));
        }
    }

    fn write(&self, lines: &[String]) -> io::Result<()> {
        own_file::replace(&self.file, 0o600, lines.join("\n").as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance(owner: Owner) -> Instance {
        let host = "one".to_owned();
        Instance { owner, host, pid: 1, started: None, beats: 1, beat: None, slots: 1 }
    }

    #[test]
    fn those_that_are_not_registered_any_more_are_forgotten() {
        let directory = tempfile::tempdir().unwrap();
        let lives = Lives { file: directory.path().join("Daemon-NodeID-1.workers") };
        let [first, second, third] = [1, 2, 3].map(|it| Owner::new(1, 10_000_000 + it).unwrap());
        assert!(lives.recorded().is_empty());
        lives.add(first, &[]);
        lives.add(second, &[instance(first)]);
        assert_eq!(lives.recorded(), [first, second].map(|it| it.to_string()));
        lives.add(third, &[instance(second)]);
        assert_eq!(lives.recorded(), [second, third].map(|it| it.to_string()));
    }
}
