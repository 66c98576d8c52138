//! Lists, single tasks, counts, cancellation, instances.

use task_store::{
    Cancelled, Death, Filter, HeldState, Hold, LockKey, NewTask, Outcome, State, TaskId, Then,
};

use crate::claiming::claim;
use crate::finishing::finished;
use crate::place::{Kind, Place, after, now, task, worker};

async fn one_of_each(place: &Place) -> [NewTask; 4] {
    let store = &place.store;
    let [held, running, waiting, future] = ["held", "running", "waiting", "future"].map(task);
    store.enqueue(&held, now()).await.unwrap();
    let tasks = claim(store, worker(1), 1).await;
    let how = Hold { state: HeldState::Retry, due: Some(after(9)), reason: "it failed".into() };
    let end = finished(&tasks[0], worker(1), Outcome::Failed, Then::Hold(how));
    store.finish(worker(1), &[end], None, now()).await.unwrap();
    store.enqueue(&running, now()).await.unwrap();
    claim(store, worker(1), 1).await;
    store.enqueue(&waiting, now()).await.unwrap();
    store.schedule_at(std::slice::from_ref(&future), after(99), now()).await.unwrap();
    [held, running, waiting, future]
}

pub async fn every_state(kind: Kind) {
    let place = Place::new(kind).await;
    let store = &place.store;
    let all = one_of_each(&place).await;
    let states = [State::Held(HeldState::Retry), State::Running, State::Waiting, State::Future];
    for (task, state) in all.iter().zip(states) {
        let filter = Filter { state, task_type: "Echo", name: "", text: "", after: 0, limit: 10 };
        let list = store.list(&filter).await.unwrap();
        assert_eq!((list.len(), list[0].id, list[0].state), (1, task.id, state));
        assert_eq!(list[0].created, Some(now()));
        assert_eq!(store.get(task.id).await.unwrap().as_ref(), Some(&list[0]));
        assert_eq!(store.data(task.id).await.unwrap(), Some("{}".into()));
        assert_eq!(store.list(&Filter { name: "other", ..filter.clone() }).await.unwrap(), []);
        assert_eq!(store.list(&Filter { after: list[0].row, ..filter }).await.unwrap(), []);
    }
    let held = store.get(all[0].id).await.unwrap().unwrap();
    assert_eq!((held.due, held.reason.as_str()), (Some(after(9)), "it failed"));
    assert_eq!(store.get(all[1].id).await.unwrap().unwrap().lock, LockKey::Ours(worker(1)));
    assert_eq!(store.get(all[3].id).await.unwrap().unwrap().due, Some(after(99)));
    assert_eq!(store.get(TaskId::draw()).await.unwrap(), None);
    let counts = store.counts().await.unwrap();
    assert_eq!((counts.len(), counts[0].waiting, counts[0].running), (1, 1, 1));
    assert_eq!((counts[0].future, counts[0].retry, counts[0].failed), (1, 1, 0));
    let done = store.done("Echo", "held", None, 10).await.unwrap();
    assert_eq!((done.len(), done[0].1.outcome), (1, Outcome::Failed));
    assert_eq!(store.done("Echo", "", Some(done[0].0), 10).await.unwrap(), []);
}

pub async fn explained(kind: Kind) {
    let place = Place::new(kind).await;
    let store = &place.store;
    let all = one_of_each(&place).await;
    let urgent = NewTask { priority: -1, ..task("urgent") };
    store.enqueue_many(&[urgent, task("waiting")], now()).await.unwrap();
    store.pause("Echo", 0, "maintenance", now()).await.unwrap();
    store.pause("Mail", 0, "", now()).await.unwrap();
    let explanation = store.explain(all[2].id).await.unwrap().unwrap();
    assert_eq!((explanation.ahead, explanation.parallel), (1, 2));
    assert_eq!(explanation.pauses.len(), 1);
    assert_eq!(explanation.pauses[0].reason, "maintenance");
}

pub async fn cancelled(kind: Kind) {
    let place = Place::new(kind).await;
    let store = &place.store;
    let [held, running, waiting, future] = one_of_each(&place).await;
    for task in [&held, &waiting, &future] {
        assert_eq!(store.cancel(task.id, "root", after(1)).await.unwrap(), Cancelled::Gone);
        assert_eq!(store.cancel(task.id, "root", after(2)).await.unwrap(), Cancelled::Unknown);
        let last = store.executions(task.id).await.unwrap().pop().unwrap();
        assert_eq!((last.outcome, last.error.as_deref()), (Outcome::Cancelled, Some("root")));
    }
    let cancelled = store.cancel(running.id, "root", after(1)).await.unwrap();
    assert_eq!(cancelled, Cancelled::Running(LockKey::Ours(worker(1))));
    store.enqueue_many(&["old", "older"].map(task), now()).await.unwrap();
    assert_eq!(store.purge("Echo", now(), 100, "root", after(3)).await.unwrap(), 0);
    assert_eq!(store.purge("Echo", after(1), 100, "root", after(3)).await.unwrap(), 2);
    assert_eq!(place.count("scheduler_task").await, 1, "what runs stays");
}

/// The ledger's old rows go by their types' times, and failed tasks not without a word there.
pub async fn kept_and_forgotten(kind: Kind) {
    let place = Place::new(kind).await;
    let store = &place.store;
    for name in ["old", "new", "held"] {
        store.enqueue(&task(name), now()).await.unwrap();
    }
    let tasks = claim(store, worker(1), 9).await;
    for (task, ended) in [(&tasks[0], now()), (&tasks[1], after(3600))] {
        let mut end = finished(task, worker(1), Outcome::Success, Then::Delete);
        end.execution.as_mut().unwrap().ended = ended;
        store.finish(worker(1), &[end], None, now()).await.unwrap();
    }
    let hold = Hold { state: HeldState::Failed, due: None, reason: "no".into() };
    let mut end = finished(&tasks[2], worker(1), Outcome::Failed, Then::Hold(hold));
    end.execution = None;
    store.finish(worker(1), &[end], None, now()).await.unwrap();
    let is_over = |task_type: &str, ended| task_type == "Echo" && ended < after(60);
    let forgotten = store.forget(0, 9, &is_over).await.unwrap();
    assert_eq!((forgotten.gone, forgotten.last.map(|(_, ended)| ended)), (1, Some(after(3600))));
    assert_eq!(store.forget(0, 9, &is_over).await.unwrap().gone, 0);
    assert!(store.executions(tasks[0].id).await.unwrap().is_empty());
    let failed = HeldState::Failed;
    let kept = store.end_held("Echo", failed, now(), "kept long", after(1)).await.unwrap();
    assert_eq!(kept, 0, "it is not held that long");
    let gone = store.end_held("Echo", failed, after(60), "kept long", after(61)).await.unwrap();
    assert_eq!(gone, 1);
    let last = store.executions(tasks[2].id).await.unwrap().remove(0);
    assert_eq!((last.outcome, last.error.as_deref()), (Outcome::Cancelled, Some("kept long")));
}

pub async fn instances(kind: Kind) {
    let place = Place::new(kind).await;
    let store = &place.store;
    let owner = store.register(7, "alpha", 4711, 5, now()).await.unwrap();
    assert!(store.beat(owner, 4, after(1)).await.unwrap());
    let list = store.instances().await.unwrap();
    assert_eq!(
        (list.len(), list[0].owner, list[0].host.as_str(), list[0].pid),
        (1, owner, "alpha", 4711)
    );
    assert_eq!((list[0].beats, list[0].beat, list[0].slots), (1, Some(after(1)), 4));
    store.enqueue(&task("a"), now()).await.unwrap();
    claim(store, owner, 1).await;
    store.reclaim(owner, Death::Known, &[], &[], after(20)).await.unwrap();
    assert!(!store.beat(owner, 4, after(21)).await.unwrap(), "others took it for dead");
    let next = store.register(7, "alpha", 4712, 5, now()).await.unwrap();
    store.unregister(next).await.unwrap();
    assert_eq!(store.instances().await.unwrap(), []);
    assert!(store.register(0, "alpha", 1, 1, now()).await.is_err());
}
