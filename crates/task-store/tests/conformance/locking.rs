//! Renewing and reclaiming locks, and connections that break.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use task_store::{Death, LockKey, Locked, NewTask, Outcome, Then};

use crate::claiming::claim;
use crate::finishing::{done, finished};
use crate::place::{Kind, Place, after, names, now, task, worker};

pub async fn renewing_tells_what_is_left(kind: Kind) {
    let place = Place::new(kind).await;
    let store = &place.store;
    store.enqueue_many(&["a", "b", "c"].map(task), now()).await.unwrap();
    let tasks = claim(store, worker(1), 2).await;
    let rows: Vec<i64> = tasks.iter().map(|task| task.row).collect();
    let renewed = async |seconds| store.renew(worker(1), &rows, after(seconds)).await.unwrap();
    assert_eq!(store.renew(worker(1), &[], after(9)).await.unwrap(), 0);
    assert_eq!(renewed(10).await, 2);
    assert_eq!(renewed(10).await, 2, "within the same second too");
    let locks = store.locks().await.unwrap();
    assert_eq!(locks.len(), 2);
    assert!(
        locks.iter().all(|lock| lock.time.as_deref() == Some("2026-07-01 12:00:10")),
        "{locks:?}"
    );
    store.finish(worker(1), &done(&tasks[..1], worker(1)), None, now()).await.unwrap();
    assert_eq!(renewed(20).await, 1);
    store.reclaim(worker(1), Death::Known, &[], &[], after(30)).await.unwrap();
    assert_eq!(renewed(31).await, 0);
}

pub async fn reclaiming_counts_crashes(kind: Kind) {
    let place = Place::new(kind).await;
    let store = &place.store;
    let command = NewTask::new("Command", "command", "{}");
    let mut tasks: Vec<NewTask> = ["alone", "a", "b"].map(task).to_vec();
    tasks.insert(1, command);
    store.enqueue_many(&tasks, now()).await.unwrap();
    let alone = claim(store, worker(1), 2).await;
    let together = claim(store, worker(2), 9).await;
    place.sql("UPDATE scheduler_task SET attempts = 0").await;
    let inside = [alone[0].task_type.clone()];
    let freed = store.reclaim(worker(1), Death::Known, &inside, &[], after(1)).await.unwrap();
    assert_eq!(names(&freed), ["alone", "command"]);
    assert_eq!(
        store.reclaim(worker(2), Death::Known, &inside, &[], after(1)).await.unwrap().len(),
        2
    );
    assert_eq!(
        store.reclaim(worker(2), Death::Known, &inside, &[], after(1)).await.unwrap(),
        [],
        "once"
    );
    let had_its_own = store.executions(alone[1].id).await.unwrap();
    assert_eq!(had_its_own[0].outcome, Outcome::Interrupted);
    let history = store.history(&[alone[0].id, together[0].id]).await.unwrap();
    assert_eq!((history[&alone[0].id].crashed, history[&alone[0].id].crashed_together), (1, false));
    assert_eq!(
        (history[&together[0].id].crashed, history[&together[0].id].crashed_together),
        (0, true)
    );
    let sql = "scheduler_task WHERE lock_key = 0 AND lock_time IS NULL AND lock_update_time IS NULL AND attempts = 1";
    assert_eq!(place.count(sql).await, 4);
}

/// A worker that is taken for dead keeps the tasks of the spared types, and hears of it at its next beat.
pub async fn reclaiming_spares_types(kind: Kind) {
    let place = Place::new(kind).await;
    let store = &place.store;
    store.enqueue_many(&[NewTask::new("GoesOn", "goes on", "{}"), task("a")], now()).await.unwrap();
    let owner = store.register(1, "here", 1, 5, now()).await.unwrap();
    let tasks = claim(store, owner, 9).await;
    let spared = ["GoesOn".to_owned()];
    assert!(store.beat(owner, 5, now()).await.unwrap());
    for freed in [&["a"][..], &[]] {
        assert_eq!(
            names(&store.reclaim(owner, Death::Known, &[], &spared, after(1)).await.unwrap()),
            freed
        );
    }
    let beats = async || store.instances().await.unwrap().first().map(|it| it.beats);
    assert_eq!(beats().await, Some(-1), "marked once: a counter that moves is alive");
    assert!(!store.beat(owner, 5, now()).await.unwrap());
    assert!(store.beat_on(owner, now()).await.unwrap());
    let rows: Vec<i64> = tasks.iter().map(|task| task.row).collect();
    assert_eq!((beats().await, store.renew(owner, &rows, now()).await.unwrap()), (Some(-2), 1));
    let finish = store.finish(owner, &done(&tasks, owner), None, now()).await.unwrap();
    let theirs: Vec<_> = tasks.iter().zip(finish.ours).filter(|(_, ours)| *ours).collect();
    assert_eq!((theirs.len(), theirs[0].0.name.as_str()), (1, "goes on"));
    assert_eq!(store.reclaim(owner, Death::Known, &[], &spared, after(2)).await.unwrap(), []);
    assert_eq!(beats().await, None, "nothing is left under its lock");
    assert!(!store.beat_on(owner, now()).await.unwrap());
}

/// An observer saw a counter stand still, and comes after a heartbeat: the worker lives, and keeps its tasks.
pub async fn a_heartbeat_before_the_reclaim(kind: Kind) {
    let place = Place::new(kind).await;
    let store = &place.store;
    store.enqueue(&task("a"), now()).await.unwrap();
    let owner = store.register(1, "here", 1, 5, now()).await.unwrap();
    claim(store, owner, 1).await;
    let reclaim = async |beats| {
        let death = Death::Silent { beats };
        store.reclaim(owner, death, &[], &[], after(20)).await.unwrap().len()
    };
    assert!(store.beat(owner, 5, after(3)).await.unwrap());
    assert_eq!(reclaim(0).await, 0, "old data");
    assert!(store.beat(owner, 5, after(6)).await.unwrap(), "it was not marked");
    assert_eq!(reclaim(2).await, 1);
    assert_eq!(reclaim(2).await, 0, "once");
    assert!(!store.beat(owner, 5, after(21)).await.unwrap());
}

/// The heartbeat's transaction holds the row while the reclaim comes.
pub async fn a_heartbeat_during_the_reclaim(kind: Kind) {
    let place = Place::new(kind).await;
    place.store.enqueue(&task("a"), now()).await.unwrap();
    let owner = place.store.register(1, "here", 1, 5, now()).await.unwrap();
    claim(&place.store, owner, 1).await;
    let held = place.hold("UPDATE otrsd_instance SET beats = beats + 1").await;
    let other = place.another();
    let reclaim = tokio::spawn(async move {
        let death = Death::Silent { beats: 0 };
        other.reclaim(owner, death, &[], &[], after(20)).await.unwrap()
    });
    place.until_waiting(1).await;
    held.commit().await;
    assert_eq!(reclaim.await.unwrap(), []);
    assert!(place.store.beat(owner, 5, after(21)).await.unwrap());
}

/// An instance whose row is not there may be one whose row is not visible to the observer.
pub async fn no_row_is_no_death(kind: Kind) {
    let place = Place::new(kind).await;
    let store = &place.store;
    store.enqueue(&task("a"), now()).await.unwrap();
    let silent = worker(1);
    let tasks = claim(store, silent, 1).await;
    let death = Death::Silent { beats: 7 };
    assert_eq!(store.reclaim(silent, death, &[], &[], after(20)).await.unwrap(), []);
    let rows = [tasks[0].row];
    assert_eq!(store.renew(silent, &rows, after(20)).await.unwrap(), 1);
    // The same for the lock itself: freed when its owner is registered nowhere, whatever the observer knows.
    let seen = store.locks().await.unwrap();
    place
        .sql(&format!(
            "INSERT INTO otrsd_instance (lock_key, node, host, pid, started, beats, beat, slots) \
             VALUES ({silent}, 1, 'here', 1, 0, 0, 0, 5)"
        ))
        .await;
    assert!(!store.free(&seen[0]).await.unwrap());
    place.sql("DELETE FROM otrsd_instance").await;
    assert!(store.free(&seen[0]).await.unwrap());
}

pub async fn a_lock_that_moved_is_left_alone(kind: Kind) {
    let place = Place::new(kind).await;
    let store = &place.store;
    store.enqueue_many(&["a", "b"].map(task), now()).await.unwrap();
    // Node 7, process 4711 of the original; one row without times.
    place
        .sql("UPDATE scheduler_task SET lock_key = 100700004711, lock_time = '2026-07-01 11:00:00', lock_update_time = '2026-07-01 11:00:00' WHERE name = 'a'")
        .await;
    place.sql("UPDATE scheduler_task SET lock_key = 100700004711 WHERE name = 'b'").await;
    let seen = store.locks().await.unwrap();
    assert_eq!(LockKey::parse(seen[0].key), LockKey::Perl { node: 7, pid: 4711 });
    place
        .sql("UPDATE scheduler_task SET lock_update_time = '2026-07-01 11:59:00' WHERE name = 'a'")
        .await;
    assert!(!store.free(&seen[0]).await.unwrap(), "it was renewed meanwhile");
    assert!(store.free(&seen[1]).await.unwrap());
    assert!(!store.free(&seen[1]).await.unwrap());
    let seen = store.locks().await.unwrap();
    assert_eq!((seen.len(), seen[0].table), (1, Locked::Task));
    assert!(store.free(&seen[0]).await.unwrap());
    assert_eq!(claim(store, worker(1), 9).await.len(), 2);
}

/// Whoever comes first, a task ends once: done, or free again with a crash.
pub async fn finishing_against_reclaiming(kind: Kind) {
    let place = Place::new(kind).await;
    let other = place.another();
    for round in 0..30 {
        let owner = worker(round);
        place
            .store
            .enqueue(&NewTask { attempts: 3, ..task(&round.to_string()) }, now())
            .await
            .unwrap();
        let tasks = claim(&place.store, owner, 1).await;
        let end = [finished(&tasks[0], owner, Outcome::Success, Then::Delete)];
        let (finish, freed) = tokio::join!(
            place.store.finish(owner, &end, None, now()),
            other.reclaim(owner, Death::Known, &[], &[], now())
        );
        let (finish, freed) = (finish.unwrap(), freed.unwrap());
        assert_ne!(finish.ours[0], freed.len() == 1, "one of the two");
        let outcomes = place.store.executions(tasks[0].id).await.unwrap();
        assert_eq!(outcomes.len(), 1, "{outcomes:?}");
        assert_eq!(place.count("scheduler_task").await, i64::try_from(freed.len()).unwrap());
        claim(&place.store, worker(999), 9).await;
        place.sql("DELETE FROM scheduler_task").await;
    }
}

/// Connections are killed after every step, in the middle of the next one; every task is done once.
pub async fn broken_connections_are_replaced(kind: Kind) {
    let place = Place::new(kind).await;
    let store = place.store.clone();
    let (steps, mut step) = tokio::sync::watch::channel(0);
    let cuts = Arc::new(AtomicI64::new(0));
    let made = Arc::clone(&cuts);
    let flow = tokio::spawn(async move {
        let mut rounds = 0;
        // A server may take longer for a cut than for a step.
        while rounds < 40 || made.load(Ordering::Relaxed) < 10 {
            let names = (0..5).map(|number| task(&format!("{rounds}/{number}")));
            store.enqueue_many(&names.collect::<Vec<_>>(), now()).await.unwrap();
            steps.send_modify(|step| *step += 1);
            let tasks = claim(&store, worker(1), 5).await;
            steps.send_modify(|step| *step += 1);
            let ends = done(&tasks, worker(1));
            let finish = store.finish(worker(1), &ends, None, now()).await.unwrap();
            assert!(finish.ours.iter().all(|ours| *ours), "round {rounds}: {finish:?}");
            steps.send_modify(|step| *step += 1);
            rounds += 1;
        }
        rounds
    });
    while step.changed().await.is_ok() {
        place.cut().await;
        cuts.fetch_add(1, Ordering::Relaxed);
    }
    let tasks = 5 * flow.await.unwrap();
    // A session that was cut holds its rows until the server has undone it: a claim meanwhile leaves them to the next one.
    for _ in 0..100 {
        let left = claim(&place.store, worker(1), 5).await;
        place.store.finish(worker(1), &done(&left, worker(1)), None, now()).await.unwrap();
        if place.count("scheduler_task").await == 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(place.count("scheduler_task").await, 0);
    assert_eq!(place.count("otrsd_execution").await, tasks);
    let pairs = "otrsd_execution e JOIN otrsd_execution f ON e.ident = f.ident";
    assert_eq!(place.count(pairs).await, tasks, "each once");
}
