//! Stale locks: those of Perl processes that died, and of this program's workers that are no longer registered.
//!
//! An observer detects whether a lock is renewed by its time, which changes at each renewal, and measures by its own
//! clock: the times of two machines are never compared. The failure detector handles the locks of registered instances.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use task_store::{LockKey, Locked, Owner, SeenLock, Store};
use tokio::time::sleep;

use super::legacy_tasks::{Orphans, Sight};
use crate::{
    clock::{self, MonotonicTime},
    logs,
};

/// Rarely, since not every query planner has an index for it; often enough to be in time.
const LOOK: Duration = Duration::from_secs(15);
/// The original renews every minute, and releases after five. This worker acts before, because the original's release
/// loses the task.
const PERL: Duration = Duration::from_secs(270);
/// An instance registers before it claims, and is deleted together with its locks.
const UNREGISTERED: Duration = Duration::from_secs(15);

/// One observer's samples of the locks.
#[derive(Debug, Default)]
struct Locks {
    since: HashMap<SeenLock, MonotonicTime>,
}

impl Locks {
    /// Adds a sample; returns the stale locks.
    fn observe(
        &mut self,
        seen: Vec<SeenLock>,
        registered: &HashSet<Owner>,
        orphans: &Orphans,
        now: MonotonicTime,
    ) -> Vec<SeenLock> {
        let before = std::mem::take(&mut self.since);
        let is_foreign = |lock: &SeenLock| patience(lock, registered, orphans).is_some();
        for lock in seen.into_iter().filter(is_foreign) {
            let since = before.get(&lock).copied().unwrap_or(now);
            self.since.insert(lock, since);
        }
        let is_over = |(lock, since): &(&SeenLock, &MonotonicTime)| {
            let patience = patience(lock, registered, orphans);
            patience.is_some_and(|patience| now.since(**since) >= patience)
        };
        self.since.iter().filter(is_over).map(|(lock, _)| lock.clone()).collect()
    }
}

/// How long a lock may stay unchanged; `None` if this worker must not judge it.
fn patience(lock: &SeenLock, registered: &HashSet<Owner>, orphans: &Orphans) -> Option<Duration> {
    let key = LockKey::parse(lock.key);
    match key {
        LockKey::Free | LockKey::Inserting => None,
        LockKey::Ours(owner) if registered.contains(&owner) => None,
        LockKey::Ours(_) => Some(UNREGISTERED),
        LockKey::Perl { .. } => match orphans.sight(key) {
            Sight::Alive => None,
            Sight::Over => Some(Duration::ZERO),
            Sight::Unknown => Some(PERL),
        },
        LockKey::Other(_) => Some(PERL),
    }
}

/// Releases stale locks until the worker ends, and renews those of legacy tasks.
pub(super) async fn keep(store: Store, mut orphans: Orphans) {
    let mut locks = Locks::default();
    loop {
        if look(&store, &mut locks, &mut orphans).await.is_err() {
            // Perhaps their owners could not reach the database either.
            locks = Locks::default();
        }
        tokio::select! {
            () = sleep(LOOK) => {}
            () = orphans.death() => {}
        }
    }
}

async fn look(store: &Store, locks: &mut Locks, orphans: &mut Orphans) -> task_store::Result<()> {
    // The locks are read first: an instance that claims meanwhile was registered before.
    let seen = store.locks().await?;
    let instances = if seen.is_empty() { Vec::new() } else { store.instances().await? };
    let registered = instances.iter().map(|instance| instance.owner).collect();
    orphans.look(&seen);
    for key in orphans.living() {
        let theirs = seen.iter().filter(|it| it.table == Locked::Task && it.key == key.key());
        let rows: Vec<i64> = theirs.map(|lock| lock.row).collect();
        // The original's next worker would renew them, and other nodes release locks that are not renewed.
        store.renew(key, &rows, clock::now_utc()).await?;
    }
    for lock in locks.observe(seen, &registered, orphans, clock::boottime()) {
        // A lock that the database refuses to release must not prevent the release of others.
        if store.free(&lock).await.or_else(refused)? {
            logs::warn(&format!(
                "{} row {}: its lock {} was not kept by anybody; it is free again",
                lock.table.table(),
                lock.row,
                lock.key
            ));
        }
    }
    orphans.forget_dead();
    Ok(())
}

fn refused(error: task_store::Error) -> task_store::Result<bool> {
    if error.is_transient() { Err(error) } else { Ok(false) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock(key: i64, time: &str) -> SeenLock {
        SeenLock { table: Locked::Task, row: 7, key, time: Some(time.to_owned()) }
    }

    #[test]
    fn who_is_not_registered_or_does_not_renew_loses_its_lock() {
        let ours = Owner::new(2, 10_000_001).unwrap();
        let known = HashSet::from([ours]);
        let perl = 100_200_004_711;
        for (key, registered, renews, freed_after) in [
            (ours.key(), &known, false, None),
            (ours.key(), &HashSet::new(), false, Some(15)),
            (perl, &known, false, Some(270)),
            (perl, &known, true, None),
            (1, &known, false, None),
            (77, &known, false, Some(270)),
        ] {
            let mut locks = Locks::default();
            let freed = (0..40_u64).map(|look| look * 15).find(|second| {
                let time = if renews { second / 60 } else { 0 };
                let seen = vec![lock(key, &time.to_string())];
                let (none, now) = (Orphans::none(), MonotonicTime::from_secs(*second));
                !locks.observe(seen, registered, &none, now).is_empty()
            });
            assert_eq!(freed, freed_after, "{key} {renews}");
        }
    }
}
