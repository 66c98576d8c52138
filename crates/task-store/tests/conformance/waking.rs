//! Waiting for work ends when there is some.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use task_store::{
    Death, Dialect, FireAction, HeldState, Hold, NewTask, Notifier, Options, Outcome, Store, Then,
    Woken,
};

use crate::claiming::claim;
use crate::cron::{one, request};
use crate::finishing::finished;
use crate::place::{Kind, Place, after, now, task, worker};

const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(150);

pub async fn by_each_way_to_add(kind: Kind) {
    let place = Place::new(kind).await;
    let mut waiter = place.store.waiter().await.unwrap();
    let other = place.another();
    for round in 0..4 {
        let (woken, ()) = tokio::join!(waiter.wait(LONG), async {
            match round {
                0 => drop(other.enqueue(&task("one"), now()).await.unwrap()),
                1 => drop(other.enqueue_many(&["a", "b"].map(task), now()).await.unwrap()),
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
    place.store.enqueue(&task("a"), now()).await.unwrap();
    assert_eq!(waiter.wait(LONG).await.unwrap(), Woken::Work);
}

pub async fn by_a_freed_lock(kind: Kind) {
    let place = Place::new(kind).await;
    let store = &place.store;
    store.enqueue(&task("a"), now()).await.unwrap();
    place.sql("UPDATE scheduler_task SET lock_key = 100700004711").await;
    let mut waiter = store.waiter().await.unwrap();
    while waiter.wait(SHORT).await.unwrap() == Woken::Work {}
    let other = place.another();
    let seen = other.locks().await.unwrap();
    let (woken, freed) = tokio::join!(waiter.wait(LONG), other.free(&seen[0]));
    assert_eq!((woken.unwrap(), freed.unwrap()), (Woken::Work, true));
}

/// The store's own notifier hears of each commit that makes a task claimable, and of no other, where the database cannot
/// notify.
pub async fn by_the_stores_notifier(kind: Kind) {
    let place = Place::new(kind).await;
    let heard = Arc::new(AtomicUsize::new(0));
    let count = heard.clone();
    let notifier = Notifier::new(move || _ = count.fetch_add(1, Ordering::SeqCst));
    let options = Options { notifier: Some(notifier), ..Options::default() };
    let store = &Store::connect(&place.url, options).unwrap();
    let expect_notified = |what: &str, expected: usize| {
        let expected = if kind == Kind::MariaDb { expected } else { 0 };
        assert_eq!(heard.swap(0, Ordering::SeqCst), expected, "{what}");
    };
    store.enqueue(&task("a"), now()).await.unwrap();
    expect_notified("enqueue", 1);
    store.enqueue_many(&["b", "c"].map(task), now()).await.unwrap();
    expect_notified("enqueue_many", 1);
    let limited = NewTask { max_parallel: 1, ..task("a") };
    store.enqueue(&limited, now()).await.unwrap();
    expect_notified("a limit that is reached", 0);
    store.schedule_at(&[task("later")], after(60), now()).await.unwrap();
    expect_notified("schedule_at", 0);
    store.enqueue_and_schedule(&[task("d")], &[(after(60), task("e"))], now()).await.unwrap();
    expect_notified("enqueue_and_schedule", 1);
    store.move_due(now(), 9).await.unwrap();
    expect_notified("nothing due", 0);
    store.move_due(after(60), 9).await.unwrap();
    expect_notified("move_due", 1);
    one(store, &request(0, FireAction::Skip("paused")), now()).await;
    expect_notified("a skipped run", 0);
    one(store, &request(60, FireAction::Run(&task("cron"))), after(60)).await;
    expect_notified("fire", 1);
    let claimed = claim(store, worker(1), 1).await;
    let hold = Hold { state: HeldState::Failed, due: None, reason: "no".into() };
    let end = finished(&claimed[0], worker(1), Outcome::Failed, Then::Hold(hold));
    store.finish(worker(1), &[end], None, now()).await.unwrap();
    expect_notified("claim and finish", 0);
    assert!(store.retry(claimed[0].id).await.unwrap());
    expect_notified("retry", 1);
    store.pause("", 0, "why", now()).await.unwrap();
    expect_notified("pause", 0);
    store.resume("", 0).await.unwrap();
    expect_notified("resume", 1);
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
