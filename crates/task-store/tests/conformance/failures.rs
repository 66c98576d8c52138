//! Failures are found in the ledger, and two who tell of them agree who does.

use task_store::{Outcome, Then};

use crate::claiming::claim;
use crate::finishing::done;
use crate::place::{Kind, Place, now, task, worker};

pub async fn found_and_remembered(kind: Kind) {
    let place = Place::new(kind).await;
    let store = &place.store;
    assert_eq!(store.newest_execution().await.unwrap(), 0);
    store.enqueue_many(&["a", "b", "c", "d", "e"].map(task), now()).await.unwrap();
    let mut ends = done(&claim(store, worker(1), 9).await, worker(1));
    let outcomes = [
        Outcome::Success,
        Outcome::Failed,
        Outcome::TimedOut,
        Outcome::Interrupted,
        Outcome::Crashed,
    ];
    for (end, outcome) in ends.iter_mut().zip(outcomes) {
        end.execution.as_mut().unwrap().outcome = outcome;
        end.then = Then::Delete;
    }
    store.finish(worker(1), &ends, None, now()).await.unwrap();
    let failures = store.failures(0, 9).await.unwrap();
    let names: Vec<_> = failures.iter().map(|(_, it)| it.name.as_str()).collect();
    assert_eq!(names, ["b", "c", "e"]);
    let (first, last) = (failures[0].0, failures[2].0);
    assert_eq!(store.failures(first, 1).await.unwrap()[0].1.name, "c");
    assert_eq!(store.failures(last, 9).await.unwrap(), []);
    assert_eq!(store.newest_execution().await.unwrap(), last);
    assert_eq!(store.execution(first).await.unwrap().as_ref(), Some(&failures[0].1));
    assert_eq!(store.execution(last + 1).await.unwrap(), None);

    assert_eq!(store.memory("told").await.unwrap(), None);
    for (before, text, expected) in [
        (None, "1", true),
        (None, "2", false),
        (Some("2"), "3", false),
        (Some("1"), "3", true),
        (Some("3"), "3", true),
    ] {
        assert_eq!(store.remember("told", before, text).await.unwrap(), expected, "{text}");
    }
    assert_eq!(store.memory("told").await.unwrap().as_deref(), Some("3"));
}
