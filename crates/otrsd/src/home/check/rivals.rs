//! The search for other daemons with this `NodeID`: on this host by their PID files, on other hosts by what they write
//! into the database.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::{Timestamp, tz::TimeZone};
use task_store::{Instance, LockKey, SeenLock, Store, from_wall_clock};
use tokio::time::sleep;

use super::Finding;
use crate::{
    config::{
        daemon_paths::DaemonPaths,
        home::{Home, run_directory},
    },
    process::pid_file::{self, Occupant},
};

/// The original renews the lock of a running task every minute.
const FRESH: i64 = 70;
/// The pause between two reads of a counter, and their number: longer than two of its heartbeats.
const PAUSE: Duration = Duration::from_millis(500);
const LOOKS: u32 = 14;

/// The daemons of this host.
#[derive(Debug)]
pub(super) struct Here {
    pub(super) findings: Vec<Finding>,
    /// Whether the daemon that is checked runs.
    pub(super) runs: bool,
}

pub(super) fn here(home: &Home, place: &DaemonPaths) -> Here {
    let own = place.pid_file();
    let stock = DaemonPaths { directory: run_directory(home.directory()), node_id: place.node_id }
        .pid_file();
    let paths: BTreeSet<PathBuf> = [own.clone(), stock].into();
    let mut here = Here { findings: Vec::new(), runs: false };
    for path in paths {
        match pid_file::occupant(&path) {
            Ok(Occupant::Nobody) => {}
            Ok(Occupant::Ours(_)) if path == own => here.runs = true,
            Ok(Occupant::Ours(pid)) => {
                here.findings.push(rival(place.node_id, "another otrsd", pid, &path));
            }
            Ok(Occupant::Original(pid)) => {
                here.findings.push(rival(place.node_id, "the original's daemon", pid, &path));
            }
            Err(error) => here.findings.push(Finding::Problem(format!("{error:#}"))),
        }
    }
    here
}

fn rival(node: u16, who: &str, pid: Option<i32>, path: &Path) -> Finding {
    let process = pid.map(|pid| format!("process {pid}, ")).unwrap_or_default();
    Finding::Problem(format!(
        "{who} runs as NodeID {node} on this host ({process}lock of {}): stop it before this one starts",
        path.display()
    ))
}

/// The identity of this node, to distinguish it from others.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node<'a> {
    pub(super) id: u16,
    pub(super) host: &'a str,
    /// Whether the daemon that is checked runs.
    pub(super) runs: bool,
}

/// The live workers of this `NodeID`. On other hosts only a moving counter proves that a worker is alive, which takes
/// seconds to observe.
pub(super) async fn workers(store: &Store, node: Node<'_>) -> task_store::Result<Vec<Finding>> {
    let first = store.instances().await?;
    let mut all: Vec<_> = first.iter().filter(|it| it.owner.node() == node.id).cloned().collect();
    let mut living = here_too(&all, node, &command_line);
    all.retain(|it| it.host != node.host);
    for _ in 0..LOOKS {
        if all.is_empty() {
            break;
        }
        sleep(PAUSE).await;
        let present = store.instances().await?;
        let moved: BTreeSet<u32> =
            all.iter().filter(|it| has_moved(it, &present)).map(number).collect();
        living.extend(all.iter().filter(|it| moved.contains(&number(it))).cloned());
        all.retain(|it| !moved.contains(&number(it)));
    }
    Ok(living.iter().map(|it| works_elsewhere(it, node)).collect())
}

fn number(instance: &Instance) -> u32 {
    instance.owner.instance()
}

fn has_moved(before: &Instance, present: &[Instance]) -> bool {
    let now: Option<&Instance> = present.iter().find(|it| it.owner == before.owner);
    now.is_some_and(|now| now.beats != before.beats)
}

/// The workers on this host that do not belong to the daemon that is checked.
fn here_too(all: &[Instance], node: Node<'_>, command: &dyn Fn(u32) -> String) -> Vec<Instance> {
    let is_worker = |it: &Instance| command(it.pid).contains("module run");
    all.iter().filter(|it| it.host == node.host && !node.runs && is_worker(it)).cloned().collect()
}

fn works_elsewhere(it: &Instance, node: Node<'_>) -> Finding {
    Finding::Problem(format!(
        "another daemon works as NodeID {}: its task worker is process {} on {}. Give each node a number of its own: \
         $Self->{{NodeID}} in Kernel/Config.pm, or --node-id",
        node.id, it.pid, it.host
    ))
}

/// Locks of Perl daemons with this `NodeID` whose processes are not on this host.
pub(super) fn locks(
    seen: &[SeenLock],
    node: Node<'_>,
    zone: &TimeZone,
    now: Timestamp,
) -> Vec<Finding> {
    perl_elsewhere(seen, node, zone, now, &command_line).into_iter().collect()
}

fn perl_elsewhere(
    seen: &[SeenLock],
    node: Node<'_>,
    zone: &TimeZone,
    now: Timestamp,
    command: &dyn Fn(u32) -> String,
) -> Option<Finding> {
    let (pid, age) = seen.iter().find_map(|lock| {
        let LockKey::Perl { node: theirs, pid } = LockKey::parse(lock.key) else { return None };
        let age = now.duration_since(from_wall_clock(lock.time.as_deref()?, zone)?).as_secs();
        let line = command(pid);
        let is_here = line.contains("Daemon.pl") || line.contains("perl module");
        (theirs == node.id && !is_here && age.abs() < FRESH).then_some((pid, age))
    })?;
    Some(Finding::Hint(format!(
        "a Perl daemon with NodeID {} locked a task {age} s ago as process {pid}, which is not on this host: unless it \
         was stopped since then, give each node a NodeID of its own",
        node.id
    )))
}

/// The command line of a process, or an empty text.
fn command_line(pid: u32) -> String {
    let line = fs::read(Path::new("/proc").join(pid.to_string()).join(OsStr::new("cmdline")));
    String::from_utf8_lossy(&line.unwrap_or_default()).replace('\0', " ")
}

#[cfg(test)]
mod tests {
    use task_store::{Locked, Owner};

    use super::*;

    fn owner(number: u32) -> Owner {
        Owner::new(1, 10_000_000 + number).unwrap()
    }

    fn instance(host: &str, pid: u32, beats: i64) -> Instance {
        Instance {
            owner: owner(pid),
            host: host.to_owned(),
            pid,
            started: None,
            beats,
            beat: None,
            slots: 5,
        }
    }

    #[test]
    fn workers_of_this_host() {
        let command =
            |pid| if pid == 7 { "otrsd module run SchedulerTaskWorker" } else { "bash" }.to_owned();
        for (runs, host, pid, expected) in [
            (false, "alpha", 7, 1),
            (true, "alpha", 7, 0),
            (false, "alpha", 8, 0),
            (false, "beta", 7, 0),
        ] {
            let node = Node { id: 1, host: "alpha", runs };
            assert_eq!(here_too(&[instance(host, pid, 0)], node, &command).len(), expected);
        }
    }

    #[test]
    fn only_a_counter_that_moves_is_a_life() {
        let before = instance("beta", 7, 3);
        for (present, expected) in [
            (vec![], false),
            (vec![instance("beta", 7, 3)], false),
            (vec![instance("beta", 8, 4)], false),
            (vec![instance("beta", 7, 4)], true),
        ] {
            assert_eq!(has_moved(&before, &present), expected, "{present:?}");
        }
    }

    #[test]
    fn locks_of_perl() {
        let now: Timestamp = "2026-07-01T12:00:00Z".parse().unwrap();
        let command = |pid| {
            if pid == 7 { "perl otrs.Daemon.pl - SchedulerTaskWorker" } else { "" }.to_owned()
        };
        let ours = owner(1).key();
        for (key, time, expected) in [
            (100_100_000_008, Some("2026-07-01 14:00:00"), true),
            (100_100_000_008, Some("2026-07-01 13:58:55"), true),
            (100_100_000_008, Some("2026-07-01 13:58:45"), false),
            (100_100_000_008, None, false),
            (100_100_000_007, Some("2026-07-01 14:00:00"), false),
            (100_200_000_008, Some("2026-07-01 14:00:00"), false),
            (ours, Some("2026-07-01 14:00:00"), false),
            (1, Some("2026-07-01 14:00:00"), false),
        ] {
            let lock = SeenLock { table: Locked::Task, row: 1, key, time: time.map(str::to_owned) };
            let node = Node { id: 1, host: "alpha", runs: false };
            let zone = TimeZone::get("Europe/Berlin").unwrap();
            let found = perl_elsewhere(&[lock], node, &zone, now, &command);
            assert_eq!(found.is_some(), expected, "{key} {time:?}");
        }
    }
}
