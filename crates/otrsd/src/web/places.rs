//! The connection limits: connections without a login give way, and no name can take all slots.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::task::AbortHandle;

use super::peer::Peer;

/// Browsers hold one stream and a few more connections; beyond that is an attack or a mistake.
pub(super) const MOST: usize = 768;
/// Reserved for connections that have not logged in yet.
const FOR_STRANGERS: usize = 32;
/// A name may use this multiple of what the others leave free: alone five sixths of all slots, so that the next names
/// still find some.
const SHARE: usize = 5;

/// All connections.
#[derive(Default)]
pub(super) struct ConnectionSlots(Mutex<Taken>);

#[derive(Default)]
struct Taken {
    last: u64,
    /// Connections without a login, oldest first.
    strangers: BTreeMap<u64, AbortHandle>,
    /// Connections with a login, by its name.
    known: HashMap<u64, String>,
}

/// A connection; its slot is released when it is dropped.
pub(super) struct Connection {
    number: u64,
    places: Arc<ConnectionSlots>,
    pub(super) peer: Peer,
}

impl ConnectionSlots {
    fn taken(&self) -> MutexGuard<'_, Taken> {
        // Each change is complete before anything can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers a connection. If all slots are taken, the oldest connection without a login ends.
    pub(super) fn admit(
        self: &Arc<Self>,
        peer: Peer,
        begin: impl FnOnce(Arc<Connection>) -> AbortHandle,
    ) {
        // Held until the connection is registered: it may end at once.
        let mut taken = self.taken();
        if taken.strangers.len() + taken.known.len() >= MOST
            && let Some((_, oldest)) = taken.strangers.pop_first()
        {
            oldest.abort();
        }
        taken.last += 1;
        let number = taken.last;
        let handle = begin(Arc::new(Connection { number, places: Arc::clone(self), peer }));
        taken.strangers.insert(number, handle);
    }
}

impl Connection {
    /// Records a login; returns whether its name may have one more connection.
    pub(super) fn is_of(&self, name: &str) -> bool {
        let mut taken = self.places.taken();
        if taken.known.contains_key(&self.number) {
            return true;
        }
        let own = taken.known.values().filter(|it| *it == name).count();
        let may = has_room(own, taken.known.len());
        if may && taken.strangers.remove(&self.number).is_some() {
            taken.known.insert(self.number, name.to_owned());
        }
        may
    }
}

/// Whether a name that has `own` of all `known` connections may have one more.
fn has_room(own: usize, known: usize) -> bool {
    own < SHARE * (MOST - FOR_STRANGERS).saturating_sub(known)
}

impl Drop for Connection {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        taken.strangers.remove(&self.number);
        taken.known.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leaves_places_to_others() {
        let mut known = 0;
        let mut take = |own: &mut usize| {
            while has_room(*own, known) {
                (*own, known) = (*own + 1, known + 1);
            }
        };
        let mut names = [0_usize; 4];
        names.iter_mut().for_each(&mut take);
        assert!(names[0] > 600 && names.iter().all(|it| *it > 0), "{names:?}");
        assert!(names.iter().sum::<usize>() <= MOST - FOR_STRANGERS, "{names:?}");
    }

    async fn open(_connection: Arc<Connection>) {
        std::future::pending::<()>().await;
    }

    #[tokio::test]
    async fn the_oldest_without_a_login_gives_way() {
        let places = Arc::new(ConnectionSlots::default());
        let mut connections = Vec::new();
        let mut add = || {
            places.admit(Peer::Unix { uid: None }, |connection| {
                let task = tokio::spawn(open(Arc::clone(&connection)));
                connections.push((connection, task));
                connections.last().unwrap().1.abort_handle()
            });
        };
        (0..=MOST).for_each(|_| add());
        let (first, task) = connections.remove(0);
        assert!(task.await.unwrap_err().is_cancelled());
        drop(first);
        assert!(connections[0].0.is_of("anna"));
        assert!(connections.iter().all(|(_, task)| !task.is_finished()));
        assert_eq!(places.taken().strangers.len(), MOST - 1);
        connections.clear();
        // Their tasks still hold them.
        assert_eq!(places.taken().known.len(), 1);
    }
}
