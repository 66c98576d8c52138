//! The connection breaks at every single message of every call, before the server got it and after: each
//! call still ends with the truth, and nothing happens twice.

use std::time::Duration;

use task_store::{
    Added, Claim, FireAction, FireOutcome, FireRequest, LockKey, NewTask, Options, Store, Woken,
};

use crate::cron::one;
use crate::finishing::done;
use crate::place::{Kind, Place, after, now, task, worker};
use crate::proxy::{Cut, Proxy};

pub async fn before_the_server_has_it(kind: Kind) {
    at_every_message(kind, Cut::Before).await;
}

pub async fn after_the_server_did_it(kind: Kind) {
    at_every_message(kind, Cut::After).await;
}

/// A server that is away is an error that says so; when it is back, so is everything.
pub async fn away_and_back(kind: Kind) {
    let place = Place::new(kind).await;
    let proxy = Proxy::new(&place.url, Cut::Before).await;
    let deadline = Duration::from_secs(1);
    let store = Store::connect(&proxy.url, Options { deadline, ..Options::default() }).unwrap();
    let mut waiter = store.waiter().await.unwrap();
    store.enqueue(&task("before"), now()).await.unwrap();
    while waiter.wait(Duration::from_millis(150)).await.unwrap() == Woken::Work {}
    proxy.be_away(true);
    place.cut().await;
    let error = store.enqueue(&task("away"), now()).await.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    proxy.be_away(false);
    store.enqueue(&task("back"), now()).await.unwrap();
    let longest = Duration::from_secs(20);
    while let Err(error) = waiter.wait(longest).await {
        assert!(error.is_transient(), "{error:?}");
    }
    assert_eq!(place.count("scheduler_task WHERE name <> 'away'").await, 2);
}

/// A firewall forgot all connections: the next heartbeat comes through, on a new one, before anything else does.
pub async fn a_heartbeat_on_a_dead_connection(kind: Kind) {
    let place = Place::new(kind).await;
    let proxy = Proxy::new(&place.url, Cut::Before).await;
    let store = Store::connect(&proxy.url, Options::default()).unwrap();
    let owner = store.register(1, "here", 1, 5, now()).await.unwrap();
    assert!(store.beat(owner, 5, after(3)).await.unwrap());
    proxy.forget_connections();
    let other = store.clone();
    let stuck = tokio::spawn(async move { other.instances().await.map(drop) });
    assert!(store.beat(owner, 5, after(6)).await.unwrap());
    assert!(!stuck.is_finished(), "what takes longer than a heartbeat may");
    assert_eq!(place.store.instances().await.unwrap()[0].beats, 2);
}

/// All connections wait for a lock of somebody's; the heartbeat does not wait for them.
pub async fn a_heartbeat_beside_connections_that_wait(kind: Kind) {
    let place = Place::new(kind).await;
    let store = Store::connect(&place.url, Options { connections: 1, ..Options::default() });
    let store = store.unwrap();
    let owner = store.register(1, "here", 1, 5, now()).await.unwrap();
    store.first_seen("Cron", &[("Backup", now())], now()).await.unwrap();
    let held = place.hold("UPDATE scheduler_recurrent_task SET change_time = create_time").await;
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let other = store.clone();
        waiting.spawn(async move { other.forget_recurrent("Cron", "Backup").await });
    }
    place.until_waiting(1).await;
    for second in 1..=3 {
        assert!(store.beat(owner, 5, after(second)).await.unwrap());
    }
    assert_eq!(place.count("otrsd_instance WHERE beats = 3").await, 1);
    drop(held);
    waiting.abort_all();
}

async fn at_every_message(kind: Kind, cut: Cut) {
    let place = Place::new(kind).await;
    let proxy = Proxy::new(&place.url, cut).await;
    let options = Options { connections: 1, ..Options::default() };
    let store = Store::connect(&proxy.url, options).unwrap();
    let mut messages = 0;
    loop {
        place
            .sql("DELETE FROM scheduler_task; DELETE FROM scheduler_future_task; DELETE FROM otrsd_execution; DELETE FROM otrsd_occurrence")
            .await;
        proxy.cut_after(messages);
        calls(&store, messages).await;
        assert_eq!(place.count("otrsd_execution").await, 2, "message {messages}");
        assert_eq!(place.count("otrsd_occurrence").await, 1, "message {messages}");
        assert_eq!(place.count("scheduler_future_task").await, 0, "message {messages}");
        assert_eq!(place.count("scheduler_task").await, 7, "message {messages}");
        assert_eq!(store.locked_by(LockKey::Ours(worker(1))).await.unwrap().len(), 1);
        if !proxy.has_cut() {
            break;
        }
        messages += 1;
    }
    assert!(messages > 25, "only {messages} messages");
}

/// One of each call. Leaves seven tasks, one of them locked.
async fn calls(store: &Store, message: i64) {
    let limited = NewTask { max_parallel: 1, ..task("limited") };
    let added = store.enqueue(&limited, now()).await.unwrap();
    assert_eq!(added, Added::Added, "message {message}");
    assert_eq!(store.enqueue(&task("single"), now()).await.unwrap(), Added::Added);
    let many = store.enqueue_many(&["a", "b", "c"].map(task), now()).await.unwrap();
    assert_eq!(many, [Added::Added; 3], "message {message}");

    let owner = worker(1);
    let claim = |slots, holding| Claim { owner, slots, from_start: true, except: &[], holding };
    let first = store.claim(&claim(2, &[]), now()).await.unwrap();
    assert_eq!(first.len(), 2, "message {message}");
    let holding: Vec<i64> = first.iter().map(|task| task.row).collect();
    let next = claim(1, &holding);
    let finish = store.finish(owner, &done(&first, owner), Some(&next), now()).await.unwrap();
    assert_eq!(finish.ours, [true; 2], "message {message}");
    assert_eq!(finish.claimed.len(), 1, "message {message}");
    let rows = [finish.claimed[0].row];
    assert_eq!(store.renew(owner, &rows, after(1)).await.unwrap(), 1);

    let later = [(after(1), task("later"))];
    let both = store.enqueue_and_schedule(&[task("at once")], &later, now()).await.unwrap();
    assert_eq!(both, [Added::Added], "message {message}");
    store.schedule_at(&[task("planned")], after(1), now()).await.unwrap();
    // The server may not have heard yet of the cut: what it holds for the dead connection is for the next look.
    for _ in 0..1000 {
        store.move_due(after(2), 10).await.unwrap();
        if store.planned().await.unwrap().next.is_none() {
            break;
        }
    }
    let run = task("cron");
    let request = FireRequest {
        task_type: "Cron",
        name: "Backup",
        due: now(),
        last_due: now(),
        instants: 1,
        follows: None,
        action: FireAction::Run(&run),
        node: 1,
    };
    let outcome = one(store, &request, now()).await;
    assert_eq!(outcome, FireOutcome::Done, "message {message}");
}
