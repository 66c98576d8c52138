//! Held tasks come back: when due, by hand, by type.

use task_store::{HeldState, Hold, NewTask, Outcome, Then};

use crate::claiming::claim;
use crate::finishing::finished;
use crate::place::{Kind, Place, after, names, now, task, worker};

async fn hold(place: &Place, new: NewTask, state: HeldState, due: Option<i64>) {
    place.store.enqueue(&new, now()).await.unwrap();
    let tasks = claim(&place.store, worker(1), 1).await;
    let how = Hold { state, due: due.map(after), reason: "because".into() };
    let end = finished(&tasks[0], worker(1), Outcome::Failed, Then::Hold(how));
    place.store.finish(worker(1), &[end], None, now()).await.unwrap();
}

pub async fn a_retry_comes_when_it_is_due(kind: Kind) {
    let place = Place::new(kind).await;
    let store = &place.store;
    let first = NewTask { attempts: 5, priority: 3, data: "{\"a\":1}".into(), ..task("first") };
    hold(&place, first.clone(), HeldState::Retry, Some(60)).await;
    hold(&place, task("second"), HeldState::Retry, Some(30)).await;
    hold(&place, task("never"), HeldState::Failed, None).await;
    assert_eq!(store.next_retry().await.unwrap(), Some(after(30)));
    assert_eq!(store.release_due(after(29), 100).await.unwrap(), 0);
    assert_eq!(store.release_due(after(60), 1).await.unwrap(), 1);
    assert_eq!(names(&claim(store, worker(1), 9).await), ["second"]);
    assert_eq!(store.release_due(after(60), 100).await.unwrap(), 1);
    let back = claim(store, worker(1), 9).await;
    assert_eq!((back[0].id, back[0].attempts, back[0].priority), (first.id, 5, 3));
    assert!(back[0].tried);
    assert_eq!(back[0].data, first.data);
    assert_eq!(back[0].created, Some(now()));
    assert_eq!(store.next_retry().await.unwrap(), None);
}

pub async fn by_hand_and_by_type(kind: Kind) {
    let place = Place::new(kind).await;
    let store = &place.store;
    let failed = task("failed");
    hold(&place, failed.clone(), HeldState::Failed, None).await;
    hold(&place, NewTask::new("Odd", "odd", ""), HeldState::NoHandler, None).await;
    hold(&place, NewTask::new("Even", "even", ""), HeldState::NoHandler, None).await;
    assert!(store.retry(failed.id).await.unwrap());
    assert!(!store.retry(failed.id).await.unwrap(), "it is not held any more");
    let all = async |task_type, before: i64| {
        let before = jiff::Timestamp::from_second(before).unwrap();
        store.retry_all(HeldState::NoHandler, task_type, before, 9).await.unwrap()
    };
    assert_eq!(all("Odd", 0).await, 0, "what is held later stays");
    assert_eq!(all("Odd", 9_000_000_000).await, 1);
    assert_eq!(names(&claim(store, worker(1), 9).await), ["failed", "odd"]);
    assert_eq!(all("", 9_000_000_000).await, 1);
    assert_eq!(names(&claim(store, worker(1), 9).await), ["even"]);
}
