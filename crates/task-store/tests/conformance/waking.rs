//! Waiting for work ends when there is some.

use std::time::Duration;

use task_store::{Death, Dialect, Woken};

use crate::claiming::claim;
use crate::place::{Kind, Place, now, task, worker};

const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(150);

pub async fn by_each_way_to_add(kind: Kind) {
    let place = Place::new(kind).await;
    let mut waiter = place.store.waiter().await.unwrap();
    let other = place.another();
    for round in 0..4 {
        let (woken, ()) = tokio::join!(waiter.wait(LONG), async {
            match round {
                0 => drop(other.add(&task("one"), now()).await.unwrap()),
                1 => drop(other.add_many(&["a", "b"].map(task), now()).await.unwrap()),
                2 => place.sql(task_store::plain_sql(other.dialect())).await,
                _ => drop(other.reclaim(worker(1), Death::Known, &[], &[], now()).await.unwrap()),
            }
        });
        assert_eq!(woken.unwrap(), Woken::Work, "round {round}");
        assert!(!claim(&place.store, worker(1), 9).await.is_empty(), "round {round}");
        // Our own claim may be a hint too.
        while waiter.wait(SHORT).await.unwrap() == Woken::Work {}
    }
    assert_eq!(waiter.wait(SHORT).await.unwrap(), Woken::Deadline);
}

/// A notice that comes between the claim and the waiting is not lost.
pub async fn before_the_waiting(kind: Kind) {
    let place = Place::new(kind).await;
    let mut waiter = place.store.waiter().await.unwrap();
    assert_eq!(claim(&place.store, worker(1), 9).await, []);
    place.store.add(&task("a"), now()).await.unwrap();
    assert_eq!(waiter.wait(LONG).await.unwrap(), Woken::Work);
}

pub async fn by_a_freed_lock(kind: Kind) {
    let place = Place::new(kind).await;
    let store = &place.store;
    store.add(&task("a"), now()).await.unwrap();
    place.sql("UPDATE scheduler_task SET lock_key = 100700004711").await;
    let mut waiter = store.waiter().await.unwrap();
    while waiter.wait(SHORT).await.unwrap() == Woken::Work {}
    let other = place.another();
    let seen = other.locks().await.unwrap();
    let (woken, freed) = tokio::join!(waiter.wait(LONG), other.free(&seen[0]));
    assert_eq!((woken.unwrap(), freed.unwrap()), (Woken::Work, true));
}

/// PostgreSQL calls where the trigger is, and elsewhere somebody looks.
pub async fn by_perl(kind: Kind) {
    let place = Place::home(kind).await;
    for ident in [5, 6] {
        let mut waiter = place.store.waiter().await.unwrap();
        let row = format!("({ident}, 'a', 'Cron', '', 1, 1, '2026-07-01 14:00:00')");
        place.sql(&format!("INSERT INTO scheduler_task (ident, name, task_type, task_data, attempts, lock_key, create_time) VALUES {row}")).await;
        assert_eq!(waiter.wait(SHORT).await.unwrap(), Woken::Deadline, "it is not there yet");
        let sql = format!(
            "UPDATE scheduler_task SET lock_key = 0 WHERE ident = {ident} AND lock_key = 1"
        );
        let (woken, ()) = tokio::join!(waiter.wait(LONG), place.sql(&sql));
        assert_eq!(woken.unwrap(), Woken::Work);
        assert_eq!(claim(&place.store, worker(1), 9).await.len(), 1);
        if place.store.dialect() == Dialect::Postgres {
            place.sql("DROP TRIGGER IF EXISTS otrsd_wake ON scheduler_task").await;
        }
    }
}
