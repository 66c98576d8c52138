//! A hint from the kernel that a program of the installation on this host has added a task.
//!
//! After each addition, the installation's Perl deletes the list of free tasks from the cache. Only the original's
//! worker reads that entry, so an expired one is placed there, and its deletion is the hint. Additions on other hosts
//! are not detected here.

use std::future::pending;

use jiff::Timestamp;
use perl_storable::Value;
use sysconfig::SysConfig;

use super::cache::Entry;
use crate::{logs, process::watch::Watch};

/// Detects the additions on this host.
#[derive(Debug)]
pub(crate) struct Adds {
    entry: Entry,
    watch: Watch,
    is_broken: bool,
}

impl Adds {
    /// `None` outside of an installation, and where its cache is not in files: additions cannot be detected there.
    pub(crate) fn of(settings: &SysConfig) -> Option<Self> {
        Self::on(Entry::of(settings, "SchedulerDB", "TaskListUnlocked")?)
    }

    fn on(entry: Entry) -> Option<Self> {
        let mut adds = Self { entry, watch: Watch::new().ok()?, is_broken: false };
        adds.lay();
        Some(adds)
    }

    /// Resolves when a task was added since the last call. Cancelling it loses no hint.
    pub(crate) async fn heard(&mut self) {
        if self.is_broken || self.watch.changed().await.is_err() {
            return pending().await;
        }
        // Before the caller queries the tasks, so that no addition is missed in between.
        self.lay();
    }

    fn lay(&mut self) {
        let laid = self.entry.write(Value::Undef, Timestamp::UNIX_EPOCH);
        if let Err(error) = laid.and_then(|()| Ok(self.watch.end_of(self.entry.path())?)) {
            let place = self.entry.path().display();
            logs::warn(&format!("cannot watch {place}: {error:#}; additions are looked for"));
            self.is_broken = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, time::Duration};

    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn each_end_of_the_entry_is_heard_once() {
        let directory = tempfile::tempdir().unwrap();
        let mut adds = Adds::on(Entry::at(directory.path().join("SchedulerDB/entry"))).unwrap();
        for _ in 0..3 {
            let path = adds.entry.path().to_owned();
            fs::remove_file(&path).unwrap();
            timeout(Duration::from_secs(5), adds.heard()).await.expect("it is heard");
            assert!(path.exists(), "it is laid out again");
            assert!(timeout(Duration::ZERO, adds.heard()).await.is_err(), "it is heard twice");
        }
    }
}
