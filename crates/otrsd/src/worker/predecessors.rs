//! The predecessors: other workers at this location that are alive, usually earlier incarnations of this one that
//! finish what they started. Their tasks occupy slots here, and the kernel reports when one of them dies.

use std::{fs, future::pending};

use task_store::Owner;
use tokio::{net::unix::pipe::Receiver, task::JoinSet};

use crate::process::pidfd;

/// The workers known to be alive.
#[derive(Debug, Default)]
pub(super) struct Predecessors {
    owners: Vec<Owner>,
    deaths: JoinSet<Owner>,
}

/// A living worker.
#[derive(Debug)]
pub(super) struct Predecessor {
    owner: Owner,
    /// Readable when it is dead; a pipe's end is the one form for which tokio can wait without unsafe code.
    process: Receiver,
}

impl Predecessor {
    /// The worker in process `pid`, if there is one.
    pub(super) fn find(owner: Owner, pid: u32) -> Option<Self> {
        let pid = i32::try_from(pid).ok()?;
        // Opened first: all later observations of the process then refer to this one.
        let process = pidfd(pid).ok()?;
        if !is_module(pid) {
            return None;
        }
        let process = Receiver::from_file_unchecked(process).ok()?;
        Some(Self { owner, process })
    }
}

impl Predecessors {
    pub(super) fn add(&mut self, Predecessor { owner, process, .. }: Predecessor) {
        self.owners.push(owner);
        self.deaths.spawn(async move {
            let _ = process.readable().await;
            owner
        });
    }

    /// The owners of their locks.
    pub(super) fn owners(&self) -> &[Owner] {
        &self.owners
    }

    /// Waits until one of them is dead; forever if there is none.
    pub(super) async fn dead(&mut self) -> Owner {
        match self.deaths.join_next().await {
            Some(Ok(dead)) => {
                self.owners.retain(|owner| *owner != dead);
                dead
            }
            // The tasks of this set cannot fail.
            Some(Err(_)) | None => pending().await,
        }
    }
}

/// Whether it is a living module process of this program: the number of a dead one may have been reassigned.
fn is_module(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let Some((before, rest)) = stat.rsplit_once(") ") else { return false };
    before.ends_with("(otrsd-module") && !rest.starts_with(['Z', 'X'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_our_module_processes_are_elders() {
        let owner = Owner::new(1, 10_000_001).unwrap();
        assert!(Predecessor::find(owner, std::process::id()).is_none(), "a test is no worker");
        assert!(Predecessor::find(owner, u32::MAX).is_none());
    }
}
