//! The failure detector for other workers: the kernel tells which workers of this location are dead; for all others, a
//! counter that stands still does.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use task_store::{Death, Instance, Owner, Store, Task, TaskId};
use tokio::time::sleep;

use super::{
    lives::Lives,
    predecessors::{Predecessor, Predecessors},
};
use crate::{
    clock::{self, MonotonicTime},
    logs,
};

const LOOK: Duration = Duration::from_secs(3);
/// The poll interval while this worker is alone, and thus the longest time until another one is detected.
const LOOK_ALONE: Duration = Duration::from_secs(10);
/// For this long after other workers were seen, they are expected back, as after a restart.
const COMPANY: Duration = Duration::from_mins(5);
/// A counter stands still if this many samples, over this period, had the same value.
const LOOKS: u32 = 5;
const SPAN: Duration = Duration::from_secs(15);
/// For tasks that continue when their worker has lost its lease.
const LONG_SPAN: Duration = Duration::from_mins(5);

/// One observer's samples of other workers' counters. It never compares clocks of two machines.
#[derive(Debug, Default)]
pub(super) struct Watch {
    seen: HashMap<Owner, Seen>,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    beats: i64,
    looks: u32,
    since: MonotonicTime,
}

/// A worker whose counter stands still.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Silent {
    owner: Owner,
    beats: i64,
    still: Duration,
}

impl Watch {
    /// Adds a sample; returns the workers that appear dead.
    fn observe(&mut self, instances: &[Instance], now: MonotonicTime) -> Vec<Silent> {
        let before = std::mem::take(&mut self.seen);
        for Instance { owner, beats, .. } in instances {
            let fresh = Seen { beats: *beats, looks: 0, since: now };
            let seen = before.get(owner).copied().filter(|seen| seen.beats == *beats);
            let Seen { looks, since, .. } = seen.unwrap_or(fresh);
            self.seen.insert(*owner, Seen { beats: *beats, looks: looks + 1, since });
        }
        let all = self.seen.iter().filter(|(_, seen)| seen.looks > LOOKS);
        let all = all.map(|(owner, Seen { beats, since, .. })| Silent {
            owner: *owner,
            beats: *beats,
            still: now.since(*since),
        });
        all.filter(|silent| silent.still >= SPAN).collect()
    }

    /// The other workers of this node whose counters moved since the last sample.
    fn moving(&self, node: u16, instances: &[Instance]) -> Vec<Instance> {
        let moves =
            |it: &&Instance| self.seen.get(&it.owner).is_some_and(|seen| seen.beats != it.beats);
        instances.iter().filter(|it| it.owner.node() == node).filter(moves).cloned().collect()
    }

    /// After a database outage: the other workers may only have failed to reach it as well.
    pub(super) fn forget(&mut self) {
        self.seen.clear();
    }
}

/// Tasks that ran inside a worker that died, and that this worker reclaimed. A task that died in this way too often is
/// not run again.
#[derive(Clone, Debug, Default)]
pub(super) struct CrashSuspects {
    /// The types that run inside the worker.
    types: Arc<[String]>,
    tasks: Arc<Mutex<HashSet<TaskId>>>,
}

impl CrashSuspects {
    pub(super) fn of(types: impl Iterator<Item = String>) -> Self {
        Self { types: types.collect(), tasks: Arc::default() }
    }

    /// Whether a task is a suspect; it is removed.
    pub(super) fn remove(&self, task: TaskId) -> bool {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).remove(&task)
    }

    fn add(&self, tasks: &[Task]) {
        let inside = tasks.iter().filter(|task| self.types.contains(&task.task_type));
        let inside = inside.map(|task| task.id);
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).extend(inside);
    }
}

/// Reclaims the tasks of dead workers until this one ends; tasks of the types in `go_on` later.
pub(super) async fn keep(
    store: Store,
    own: Owner,
    lives: Lives,
    suspects: CrashSuspects,
    go_on: Vec<String>,
) {
    let mut watch = Watch::default();
    let mut twins = HashSet::new();
    let mut met = None;
    // The first sample follows soon, to detect workers that already exist.
    let mut until_next = LOOK;
    loop {
        sleep(until_next).await;
        let Ok(mut instances) = store.instances().await else {
            watch.forget();
            continue;
        };
        instances.retain(|instance| instance.owner != own);
        if !instances.is_empty() {
            met = Some(clock::now());
        }
        until_next = pause(met, clock::now());
        tell_of_twins(&watch.moving(own.node(), &instances), &lives, &mut twins);
        let silent = watch.observe(&instances, clock::now());
        for Silent { owner, beats, still } in silent {
            if store.has_locked_life(owner) == Some(true) {
                continue;
            }
            let spared = if still < LONG_SPAN { &go_on[..] } else { &[] };
            reclaim(&store, owner, Death::Silent { beats }, &suspects, spared).await;
        }
    }
}

/// The time until the next sample, depending on when other workers were last seen.
fn pause(met: Option<MonotonicTime>, now: MonotonicTime) -> Duration {
    if met.is_some_and(|met| now.since(met) < COMPANY) { LOOK } else { LOOK_ALONE }
}

/// Warns once about each worker that runs elsewhere with this `NodeID`.
fn tell_of_twins(moving: &[Instance], lives: &Lives, told: &mut HashSet<Owner>) {
    let news: Vec<_> = moving.iter().filter(|it| !told.contains(&it.owner)).collect();
    if news.is_empty() {
        return;
    }
    let recorded = lives.recorded();
    for Instance { owner, host, pid, .. } in news {
        told.insert(*owner);
        if !recorded.contains(&owner.to_string()) {
            let node = owner.node();
            logs::warn(&format!(
                "another worker has NodeID {node}: process {pid} on {host}; one needs another number"
            ));
        }
    }
}

/// Reclaims the tasks of this node's dead workers, as far as the kernel knows; returns the workers that still run
/// beside this one.
pub(super) async fn predecessors(
    store: &Store,
    own: Owner,
    lives: &Lives,
    suspects: &CrashSuspects,
) -> task_store::Result<Predecessors> {
    let mut predecessors = Predecessors::default();
    let instances = store.instances().await?;
    let recorded = lives.recorded();
    lives.add(own, &instances);
    for Instance { owner, pid, .. } in instances {
        if owner == own || owner.node() != own.node() {
            continue;
        }
        let is_of_here = recorded.contains(&owner.to_string());
        if let Some(predecessor) = Predecessor::find(owner, pid) {
            // Elsewhere the number means another process.
            if is_of_here {
                predecessors.add(predecessor);
            }
        } else if !store.has_locked_life(owner).unwrap_or(!is_of_here) {
            reclaim(store, owner, Death::Known, suspects, &[]).await;
        }
    }
    Ok(predecessors)
}

/// Reclaims the tasks of a dead worker, except for the types in `spared`.
pub(super) async fn reclaim(
    store: &Store,
    dead: Owner,
    death: Death,
    suspects: &CrashSuspects,
    spared: &[String],
) {
    match store.reclaim(dead, death, &suspects.types, spared, clock::now_utc()).await {
        Ok(tasks) if tasks.is_empty() => {}
        Ok(tasks) => {
            suspects.add(&tasks);
            logs::info(&format!("worker {dead} is dead: {} of its tasks are free", tasks.len()));
        }
        Err(error) => {
            logs::warn(&format!("worker {dead} is dead, its tasks not yet free: {error}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance(number: u32, beats: i64) -> Instance {
        let owner = Owner::new(2, 10_000_000 + number).unwrap();
        let host = String::new();
        Instance { owner, host, pid: 1, started: None, beats, beat: None, slots: 1 }
    }

    #[test]
    fn dead_is_whose_counter_stands_still() {
        let mut watch = Watch::default();
        let mut dead = Vec::new();
        for look in 0..7_u64 {
            let instances = [instance(1, 7), instance(2, i64::try_from(look).unwrap())];
            dead.extend(watch.observe(&instances, MonotonicTime::from_secs(3 * look)));
        }
        let one = instance(1, 7).owner;
        let silent = |still| Silent { owner: one, beats: 7, still: Duration::from_secs(still) };
        assert_eq!(dead, [silent(15), silent(18)]);
        watch.forget();
        assert!(watch.observe(&[instance(1, 7)], MonotonicTime::from_secs(90)).is_empty());
    }

    #[test]
    fn others_are_expected_back_for_a_while() {
        for (met, now, expected) in [
            (None, 0, LOOK_ALONE),
            (Some(10), 10, LOOK),
            (Some(10), 309, LOOK),
            (Some(10), 310, LOOK_ALONE),
        ] {
            assert_eq!(
                pause(met.map(MonotonicTime::from_secs), MonotonicTime::from_secs(now)),
                expected,
                "{met:?} {now}"
            );
        }
    }

    #[test]
    fn quick_looks_are_not_enough() {
        let mut watch = Watch::default();
        for _ in 0..50 {
            assert!(watch.observe(&[instance(1, 7)], MonotonicTime::from_secs(3)).is_empty());
        }
    }
}
