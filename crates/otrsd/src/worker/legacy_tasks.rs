//! The legacy tasks: running tasks of the original's worker on this node that outlived it. A stop of the original does
//! not wait for them, and its next worker adopts them by the worker file. This worker does the same: they occupy slots,
//! their locks are renewed, the kernel reports when one ends, and what it left is released at once.

use std::{
    collections::{BTreeSet, HashSet},
    fs,
    future::pending,
    io::{self, Read as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp};
use nix::unistd::geteuid;
use sysconfig::SysConfig;
use task_store::{LockKey, SeenLock};
use tokio::{
    net::unix::pipe::Receiver,
    sync::watch::{self, Sender},
    task::JoinSet,
};

use crate::{
    clock::{self, MonotonicTime},
    config::{daemon_paths::DaemonPaths, home::Home},
    logs,
    process::{own_file, pidfd},
};

/// The resolution of the clocks of processes and files.
const COARSE: Duration = Duration::from_secs(2);
/// The maximum size of the original's record, in bytes.
const LARGEST: u64 = 1 << 20;
/// Ticks per second in the kernel's process times; the same on every Linux.
const TICKS: u64 = 100;

/// The state of the process that holds a lock.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Sight {
    /// It runs its task.
    Alive,
    /// It ran tasks, and is dead.
    Over,
    /// The worker file does not contain it.
    Unknown,
}

/// The legacy tasks of one node.
#[derive(Debug)]
pub(super) struct Orphans {
    node: u16,
    /// The original's record of running tasks; only in an installation.
    file: Option<PathBuf>,
    living: BTreeSet<u32>,
    dead: HashSet<u32>,
    deaths: JoinSet<u32>,
    count: Sender<u64>,
}

impl Orphans {
    /// The legacy tasks that run now.
    pub(super) fn of(settings: &SysConfig) -> Self {
        let place = DaemonPaths::named(settings);
        let file = Home::of(settings).map(|_| place.worker_file());
        let mut orphans = Self::new(place.node_id, file);
        orphans.read();
        orphans
    }

    fn new(node: u16, file: Option<PathBuf>) -> Self {
        let (living, dead, deaths) = (BTreeSet::new(), HashSet::new(), JoinSet::new());
        Self { node, file, living, dead, deaths, count: watch::channel(0).0 }
    }

    #[cfg(test)]
    pub(super) fn none() -> Self {
        Self::new(1, None)
    }

    /// The number of living processes.
    pub(super) fn count(&self) -> watch::Receiver<u64> {
        self.count.subscribe()
    }

    /// The keys of their locks.
    pub(super) fn living(&self) -> Vec<LockKey> {
        self.living.iter().map(|pid| LockKey::Perl { node: self.node, pid: *pid }).collect()
    }

    pub(super) fn sight(&self, lock: LockKey) -> Sight {
        match lock {
            LockKey::Perl { node, pid } if node == self.node && self.living.contains(&pid) => {
                Sight::Alive
            }
            LockKey::Perl { node, pid } if node == self.node && self.dead.contains(&pid) => {
                Sight::Over
            }
            _ => Sight::Unknown,
        }
    }

    /// Reads the worker file again if a lock belongs to an unknown process: the original may just be ending, and may
    /// start tasks in its last round.
    pub(super) fn look(&mut self, seen: &[SeenLock]) {
        let is_new = |lock: &SeenLock| {
            let key = LockKey::parse(lock.key);
            let is_here = matches!(key, LockKey::Perl { node, .. } if node == self.node);
            is_here && self.sight(key) == Sight::Unknown
        };
        if seen.iter().any(is_new) {
            self.read();
        }
    }

    fn read(&mut self) {
        let Some(record) = self.file.as_deref().and_then(|file| Record::read(file).transpose())
        else {
            return;
        };
        match record {
            Ok(record) => record.pids.iter().for_each(|pid| self.meet(*pid, record.written)),
            Err(error) => {
                logs::warn(&format!("{error:#}; running tasks of the original are not known"));
            }
        }
    }

    fn meet(&mut self, pid: u32, written: Timestamp) {
        if self.living.contains(&pid) {
            return;
        }
        let Some(process) = find(pid, written) else {
            self.dead.insert(pid);
            return;
        };
        self.living.insert(pid);
        self.deaths.spawn(async move {
            let _ = process.readable().await;
            pid
        });
        self.tell();
    }

    /// Waits until one is dead; forever if there is none.
    pub(super) async fn death(&mut self) {
        let Some(Ok(pid)) = self.deaths.join_next().await else { return pending().await };
        self.living.remove(&pid);
        self.read();
        self.dead.insert(pid);
        self.tell();
        if let Some(file) = self.file.as_deref().filter(|_| self.living.is_empty()) {
            // As the original does. Its next worker would otherwise adopt processes to which these numbers were
            // reassigned.
            let _ = fs::remove_file(file);
        }
    }

    /// The locks of dead processes are released: their numbers may be reassigned from now on.
    pub(super) fn forget_dead(&mut self) {
        self.dead.clear();
    }

    fn tell(&self) {
        self.count.send_replace(self.living.len() as u64);
    }
}

/// The contents of the worker file.
#[derive(Debug)]
struct Record {
    pids: Vec<u32>,
    written: Timestamp,
}

impl Record {
    /// `None` if there is no file: then nothing ran.
    fn read(path: &Path) -> anyhow::Result<Option<Self>> {
        let place = || path.display().to_string();
        let file = match own_file::read(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(place),
        };
        let written = file.metadata()?.modified()?;
        let mut image = Vec::new();
        file.take(LARGEST).read_to_end(&mut image).with_context(place)?;
        let pids = pids(&image).with_context(place)?;
        Ok(Some(Self { pids, written: written.try_into()? }))
    }
}

/// The file is a hash by process numbers.
fn pids(image: &[u8]) -> anyhow::Result<Vec<u32>> {
    let value = perl_storable::thaw(image)?;
    let entries = value.as_hash().context("expected a hash by process numbers")?;
    Ok(entries.iter().filter_map(|(pid, _)| pid.as_str()?.parse().ok()).collect())
}

/// A process of the record, if it is still the same one; it becomes readable when that is dead.
fn find(pid: u32, written: Timestamp) -> Option<Receiver> {
    let number = i32::try_from(pid).ok()?;
    // Opened first: all later observations of the process then refer to this one.
    let process = pidfd(number).ok()?;
    let stat = fs::read_to_string(format!("/proc/{number}/stat")).ok()?;
    let is_ours = fs::metadata(format!("/proc/{number}")).ok()?.uid() == geteuid().as_raw();
    let process_age = clock::boottime().since(MonotonicTime::from_micros(begun(&stat)?));
    let file_age = clock::now_utc().duration_since(written);
    (is_ours && was_there(process_age, file_age))
        .then(|| Receiver::from_file_unchecked(process).ok())
        .flatten()
}

/// Whether a process existed when the record was written: a younger one was assigned the number of a dead one.
fn was_there(process_age: Duration, file_age: SignedDuration) -> bool {
    SignedDuration::try_from(process_age + COARSE).is_ok_and(|age| age >= file_age)
}

/// When a living process started: microseconds since the machine did.
fn begun(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    let is_alive = !matches!(fields.next(), Some("Z" | "X"));
    let ticks: u64 = fields.nth(18)?.parse().ok()?;
    is_alive.then_some(ticks * 1_000_000 / TICKS)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use perl_storable::{Hash, Key, Value, freeze};

    use super::*;

    fn image(pids: &[u32]) -> Vec<u8> {
        let entry = |pid: &u32| (Key::from(pid.to_string().as_str()), Value::Hash(Hash::default()));
        freeze(&Value::Hash(pids.iter().map(entry).collect())).unwrap()
    }

    fn key(pid: u32) -> LockKey {
        LockKey::Perl { node: 7, pid }
    }

    #[tokio::test]
    async fn who_was_recorded_and_lives_is_known_until_its_end() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("Worker-NodeID-7.pid");
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let gone = {
            let mut child = Command::new("true").spawn().unwrap();
            child.wait().unwrap();
            child.id()
        };
        fs::write(&file, image(&[child.id(), gone])).unwrap();
        let mut orphans = Orphans::new(7, Some(file.clone()));
        orphans.read();
        let count = orphans.count();
        assert_eq!((*count.borrow(), orphans.living()), (1, vec![key(child.id())]));
        let elsewhere = LockKey::Perl { node: 8, pid: child.id() };
        for (lock, sight) in [
            (key(child.id()), Sight::Alive),
            (key(gone), Sight::Over),
            (key(1), Sight::Unknown),
            (elsewhere, Sight::Unknown),
        ] {
            assert_eq!(orphans.sight(lock), sight, "{lock:?}");
        }
        orphans.forget_dead();
        assert_eq!(orphans.sight(key(gone)), Sight::Unknown);
        child.kill().unwrap();
        child.wait().unwrap();
        orphans.death().await;
        assert_eq!((*count.borrow(), orphans.sight(key(child.id()))), (0, Sight::Over));
        assert!(!file.exists(), "nothing in it runs");
    }

    #[test]
    fn who_is_younger_than_the_record_is_another() {
        for (process, file, expected) in
            [(100, 50, true), (50, 50, true), (50, 51, true), (50, 60, false), (1, -50, true)]
        {
            let (process, file) = (Duration::from_secs(process), SignedDuration::from_secs(file));
            assert_eq!(was_there(process, file), expected, "{process:?} {file:?}");
        }
    }

    #[test]
    fn what_a_record_is() {
        assert_eq!(pids(&image(&[])).unwrap(), [0_u32; 0]);
        assert_eq!(pids(&image(&[4711, 12])).unwrap(), [12, 4711]);
        for bad in [&b""[..], b"4711", &freeze(&Value::Array(Vec::new())).unwrap()] {
            assert!(pids(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_beginning_of_a_process() {
        let stat = |state| format!("12 (a ) b) {state} 1{} 250 9 9", " 0".repeat(17));
        assert_eq!(begun(&stat("S")), Some(2_500_000));
        assert_eq!(begun(&stat("Z")), None);
        assert_eq!(begun("12 (a) S 1"), None);
    }
}
