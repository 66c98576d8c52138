//! A home's own tables: no priority, columns untouched, Perl beside us.

use task_store::{Encoding, NewTask, encode};

use crate::claiming::claim;
pub use crate::cron::behind_perl as cron_behind_perl;
pub use crate::cron::beside_perl as cron_beside_perl;
pub use crate::cron::last_due_in_the_repeated_hour;
use crate::finishing::done;
use crate::place::{Kind, Place, names, now, worker};
pub use crate::rights::{the_ledger_takes_nothing_for_a_while, what_is_missing as rights};
pub use crate::waking::by_perl as woken_by_perl;

pub async fn claimed_and_finished(kind: Kind) {
    let place = Place::home(kind).await;
    let store = &place.store;
    let data = r#"{"Object": "Ticket", "Large": 12345678901234567890123}"#.parse().unwrap();
    let data = encode(&data, store.encoding()).unwrap();
    let new: Vec<NewTask> = ["a", "b", "c"]
        .map(|name| NewTask {
            priority: -7,
            max_parallel: 5,
            ..NewTask::new("AsynchronousExecutor", name, data.clone())
        })
        .into();
    store.enqueue(&new[0], now()).await.unwrap();
    store.enqueue_many(&new[1..], now()).await.unwrap();
    let tasks = claim(store, worker(1), 9).await;
    assert_eq!(names(&tasks), ["a", "b", "c"]);
    assert!(tasks.iter().all(|task| task.tried), "here only the ledger knows");
    let read: serde_json::Value = task_store::decode(&tasks[2].data).unwrap().read().unwrap();
    assert_eq!(read, serde_json::json!({"Object": "Ticket", "Large": "12345678901234567890123"}));
    assert_eq!(store.encoding(), Encoding::Storable);
    let mut ends = done(&tasks, worker(1));
    for end in &mut ends {
        end.execution.as_mut().unwrap().output = Some("anything: 😀".into());
    }
    store.pause("Other", 0, "", now()).await.unwrap();
    assert_eq!(claim(store, worker(1), 9).await, []);
    store.finish(worker(1), &ends, None, now()).await.unwrap();
    let executions = store.executions(tasks[0].id).await.unwrap();
    assert_eq!(executions[0].output.as_deref(), Some("anything: 😀"));
    assert_eq!(place.count("scheduler_task").await, 0);
    assert_eq!(store.remove_schema().await.unwrap(), 0);
}

/// The original inserts with lock_key 1 and frees the row in a second statement.
pub async fn perls_rows(kind: Kind) {
    let place = Place::home(kind).await;
    place
        .sql("INSERT INTO scheduler_task (ident, name, task_type, task_data, attempts, lock_key, create_time) VALUES (123456789012345678, NULL, 'Cron', 'BQsD', 1, 1, '2026-07-01 14:00:00')")
        .await;
    assert_eq!(claim(&place.store, worker(1), 9).await, []);
    place.sql("UPDATE scheduler_task SET lock_key = 0 WHERE ident = 123456789012345678 AND lock_key = 1").await;
    let tasks = claim(&place.store, worker(1), 9).await;
    assert_eq!((tasks[0].id.ident(), tasks[0].data.as_str()), (123_456_789_012_345_678, "BQsD"));
    assert_eq!(tasks[0].created, Some(now()), "in the time zone of the home");
}

pub async fn wall_clock(kind: Kind) {
    let place = Place::home(kind).await;
    place.store.enqueue(&NewTask::new("Cron", "a", ""), now()).await.unwrap();
    claim(&place.store, worker(1), 1).await;
    let sql = format!("SELECT CAST(lock_update_time AS {}) FROM scheduler_task", place.text());
    assert_eq!(place.value(&sql).await.as_deref(), Some("2026-07-01 14:00:00"));
}

pub async fn any_value_in_any_column(kind: Kind) {
    crate::odd_rows::beside_odd_rows(&Place::home(kind).await).await;
}
