//! Claiming: order, exceptions, races.

use std::collections::HashSet;

use task_store::{Claim, LockKey, NewTask, Owner, Store, Task, TaskId};

use crate::place::{Kind, Place, names, now, task, worker};

pub async fn claim(store: &Store, owner: Owner, slots: u32) -> Vec<Task> {
    let claim = Claim { owner, slots, from_start: true, except: &[], holding: &[] };
    store.claim(&claim, now()).await.unwrap()
}

pub async fn first_in_first_out_by_priority(kind: Kind) {
    let place = Place::new(kind).await;
    for (name, priority) in [("c", 0), ("d", 0), ("e", 5), ("a", -5), ("b", -5)] {
        place.store.enqueue(&NewTask { priority, ..task(name) }, now()).await.unwrap();
    }
    let first = claim(&place.store, worker(1), 3).await;
    assert_eq!(names(&first), ["a", "b", "c"]);
    assert_eq!(first[0].lock, LockKey::Ours(worker(1)));
    assert_eq!(names(&claim(&place.store, worker(2), 9).await), ["d", "e"]);
    assert_eq!(names(&claim(&place.store, worker(2), 9).await), [""; 0]);
    let sql = format!(
        "SELECT CAST(COUNT(*) AS {}) FROM scheduler_task \
         WHERE lock_key > 1 AND lock_time = '2026-07-01 12:00:00' AND lock_update_time = lock_time",
        place.text()
    );
    assert_eq!(place.value(&sql).await.as_deref(), Some("5"), "key and both times together");
}

pub async fn what_is_paused_or_excepted_stays(kind: Kind) {
    let place = Place::new(kind).await;
    let store = &place.store;
    for task_type in ["Mail", "Echo", "Stats"] {
        store.enqueue(&NewTask::new(task_type, task_type, "{}"), now()).await.unwrap();
    }
    store.pause("Mail", 0, "maintenance", now()).await.unwrap();
    store.pause("Mail", 0, "maintenance", now()).await.unwrap();
    store.pause("Stats", 2, "", now()).await.unwrap();
    let except = ["Echo".to_owned()];
    let claim_except =
        Claim { owner: worker(1), slots: 9, from_start: true, except: &except, holding: &[] };
    assert_eq!(names(&store.claim(&claim_except, now()).await.unwrap()), ["Stats"]);
    assert_eq!(names(&claim(store, worker(1), 9).await), ["Echo"]);
    assert!(store.resume("Mail", 0).await.unwrap());
    assert!(!store.resume("Mail", 0).await.unwrap());
    store.pause("", 1, "this node rests", now()).await.unwrap();
    assert_eq!(store.pauses().await.unwrap().len(), 2);
    assert_eq!(names(&claim(store, worker(1), 9).await), [""; 0]);
    assert_eq!(names(&claim(store, Owner::draw(3).unwrap(), 9).await), ["Mail"]);
}

/// Whatever a look from the beginning costs, what comes behind is found, once and in order.
pub async fn behind_many_that_are_paused(kind: Kind) {
    let place = Place::new(kind).await;
    let store = &place.store;
    let blocked = NewTask::new("Blocked", "blocked", "{}");
    for _ in 0..10 {
        let many: Vec<NewTask> =
            (0..5000).map(|_| NewTask { id: TaskId::draw(), ..blocked.clone() }).collect();
        store.enqueue_many(&many, now()).await.unwrap();
    }
    store.pause("Blocked", 0, "", now()).await.unwrap();
    let next = async |slots, from_start| {
        let claim = Claim { owner: worker(1), slots, from_start, except: &[], holding: &[] };
        let tasks = store.claim(&claim, now()).await.unwrap();
        tasks.into_iter().map(|task| task.name).collect::<String>()
    };
    for round in ["abcdefg", "hijklmn"] {
        let tasks: Vec<NewTask> = round.split("").filter(|it| !it.is_empty()).map(task).collect();
        store.enqueue_many(&tasks, now()).await.unwrap();
        for (slots, expected) in [(2, &round[..2]), (3, &round[2..5]), (9, &round[5..]), (9, "")] {
            assert_eq!(next(slots, false).await, expected);
        }
    }
    // Of another priority, beside the place.
    store.enqueue(&NewTask { priority: 5, ..task("y") }, now()).await.unwrap();
    store.enqueue(&NewTask { priority: 1, ..task("x") }, now()).await.unwrap();
    assert_eq!([next(1, false).await, next(1, true).await], ["x", "y"]);
    store.resume("Blocked", 0).await.unwrap();
    assert_eq!(next(3, true).await, "blocked".repeat(3));
}

pub async fn no_task_twice_among_many_claimers(kind: Kind) {
    let place = Place::new(kind).await;
    let tasks: Vec<NewTask> = (0..400).map(|number| task(&number.to_string())).collect();
    place.store.enqueue_many(&tasks, now()).await.unwrap();
    let mut claimers = tokio::task::JoinSet::new();
    for number in 0..8 {
        let store = place.another();
        claimers.spawn(async move {
            let mut mine = Vec::new();
            loop {
                let tasks = claim(&store, worker(number), 7).await;
                // Empty-handed after a lost race is no end: the others may have let go.
                if tasks.is_empty()
                    && store.counts().await.unwrap().iter().all(|count| count.waiting == 0)
                {
                    return mine;
                }
                mine.extend(tasks.iter().map(|task| task.row));
            }
        });
    }
    let all: Vec<i64> = claimers.join_all().await.concat();
    assert_eq!(all.len(), 400);
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), 400, "none twice");
}

pub async fn damaged_rows_do_not_stop_their_neighbours(kind: Kind) {
    let place = Place::new(kind).await;
    let damaged = match kind {
        Kind::Sqlite | Kind::MariaDb => {
            "INSERT INTO scheduler_task (name, task_type, task_data) VALUES (NULL, 'Echo', x'ff00fe')"
        }
        Kind::Postgres => {
            "INSERT INTO scheduler_task (name, task_type, task_data) VALUES (NULL, 'Echo', '%%%')"
        }
    };
    place.sql(damaged).await;
    place.store.enqueue(&task("good"), now()).await.unwrap();
    let tasks = claim(&place.store, worker(1), 9).await;
    assert_eq!(names(&tasks), ["", "good"]);
    assert!(task_store::decode(&tasks[0].data).is_err());
}
