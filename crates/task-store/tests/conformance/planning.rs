//! Future tasks: planned, moved when due, by one of many managers.

use task_store::NewTask;

use crate::claiming::claim;
use crate::place::{Kind, Place, after, names, now, task, worker};

pub async fn moved_when_due(kind: Kind) {
    let place = Place::new(kind).await;
    let store = &place.store;
    let later = NewTask { attempts: 4, priority: 2, data: "{\"x\":1}".into(), ..task("later") };
    store.schedule_at(std::slice::from_ref(&later), after(60), now()).await.unwrap();
    store
        .schedule_at(&["sooner".to_owned()].map(|name| task(&name)), after(30), now())
        .await
        .unwrap();
    assert_eq!(store.planned().await.unwrap().next, Some(after(30)));
    assert_eq!(store.move_due(after(29), 100).await.unwrap(), 0);
    assert_eq!(store.move_due(after(61), 1).await.unwrap(), 1, "the earliest first");
    assert_eq!(names(&claim(store, worker(1), 9).await), ["sooner"]);
    assert_eq!(store.move_due(after(61), 100).await.unwrap(), 1);
    let tasks = claim(store, worker(1), 9).await;
    assert_eq!((tasks[0].id, tasks[0].attempts, tasks[0].priority), (later.id, 4, 2));
    assert_eq!(tasks[0].data, later.data);
    assert_eq!(store.planned().await.unwrap().next, None);
}

pub async fn by_two_managers_once(kind: Kind) {
    let place = Place::new(kind).await;
    let new: Vec<NewTask> = (0..200).map(|number| task(&number.to_string())).collect();
    place.store.schedule_at(&new, after(1), now()).await.unwrap();
    let mut managers = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let store = place.another();
        managers.spawn(async move {
            let mut moved = 0;
            while store.planned().await.unwrap().next.is_some() {
                moved += store.move_due(after(2), 10).await.unwrap();
            }
            moved
        });
    }
    assert_eq!(managers.join_all().await.iter().sum::<u64>(), 200);
    assert_eq!(place.count("scheduler_task").await, 200);
    assert_eq!(place.count("scheduler_future_task").await, 0);
}

/// A Perl manager that died halfway left a task in both tables, another one left its lock.
pub async fn after_a_manager_died(kind: Kind) {
    let place = Place::new(kind).await;
    let store = &place.store;
    let both = task("both");
    store.schedule_at(&[both.clone(), task("locked")], after(1), now()).await.unwrap();
    store.enqueue(&both, now()).await.unwrap();
    place.sql("UPDATE scheduler_future_task SET lock_key = 100200000815, lock_time = '2026-07-01 11:00:00' WHERE name = 'locked'").await;
    assert_eq!(store.move_due(after(2), 100).await.unwrap(), 0, "one is there, one is held");
    assert_eq!(place.count("scheduler_future_task").await, 1);
    let seen = store.locks().await.unwrap();
    assert_eq!((seen.len(), seen[0].table), (1, task_store::Locked::Future));
    assert!(store.free(&seen[0]).await.unwrap());
    assert_eq!(store.move_due(after(2), 100).await.unwrap(), 1);
    assert_eq!(names(&claim(store, worker(1), 9).await), ["both", "locked"]);
}
