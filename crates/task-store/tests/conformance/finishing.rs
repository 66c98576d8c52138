//! Ending executions: each way to end, fenced, batched, with the next claim.

use std::time::Duration;

use task_store::{
    Claim, Death, Execution, Finish, Finished, HeldState, Hold, LockKey, NewTask, Outcome, Owner,
    Task, Then,
};

use crate::claiming::claim;
use crate::place::{Kind, Place, after, names, now, task, worker};

pub fn execution(task: &Task, owner: Owner, outcome: Outcome) -> Execution {
    Execution {
        id: task.id,
        task_type: task.task_type.clone(),
        name: task.name.clone(),
        lock: LockKey::Ours(owner),
        node: owner.node(),
        outcome,
        started: now(),
        ended: after(1),
        cpu: Some(Duration::from_micros(1500)),
        peak_memory: Some(4321),
        error: (outcome != Outcome::Success).then(|| "it was 'wrong' \u{1F600}".into()),
        output: None,
    }
}

pub fn finished(task: &Task, owner: Owner, outcome: Outcome, then: Then) -> Finished {
    Finished { row: task.row, execution: Some(execution(task, owner, outcome)), then }
}

pub fn done(tasks: &[Task], owner: Owner) -> Vec<Finished> {
    tasks.iter().map(|task| finished(task, owner, Outcome::Success, Then::Delete)).collect()
}

pub async fn each_end(kind: Kind) {
    let place = Place::new(kind).await;
    let store = &place.store;
    let owner = worker(1);
    let new: Vec<NewTask> = ["ok", "retry", "failed", "stopped"].map(task).into();
    store.enqueue_many(&new, now()).await.unwrap();
    let tasks = claim(store, owner, 9).await;
    assert!(tasks.iter().all(|task| !task.tried), "the ledger need not be asked");
    let hold = |state, due| Then::Hold(Hold { state, due, reason: "because".into() });
    let ends = [
        finished(&tasks[0], owner, Outcome::Success, Then::Delete),
        finished(&tasks[1], owner, Outcome::Failed, hold(HeldState::Retry, Some(after(60)))),
        finished(&tasks[2], owner, Outcome::TimedOut, hold(HeldState::Failed, None)),
        finished(&tasks[3], owner, Outcome::Interrupted, Then::Free),
    ];
    let finish = store.finish(owner, &ends, None, after(2)).await.unwrap();
    assert_eq!(finish.ours, [true; 4]);
    let again = claim(store, owner, 9).await;
    assert_eq!((names(&again), again[0].tried), (vec!["stopped"], true));
    assert_eq!(place.count("otrsd_held").await, 2);
    for (task, outcome) in tasks.iter().zip([
        Outcome::Success,
        Outcome::Failed,
        Outcome::TimedOut,
        Outcome::Interrupted,
    ]) {
        assert_eq!(store.executions(task.id).await.unwrap(), [execution(task, owner, outcome)]);
    }
    let history = store.history(&[tasks[1].id, tasks[3].id]).await.unwrap();
    assert_eq!(history[&tasks[1].id].failed, 1);
    assert_eq!(history[&tasks[3].id].failed, 0, "an interruption is no failure");
}

pub async fn after_a_reclaim_nothing_changes(kind: Kind) {
    let place = Place::new(kind).await;
    let store = &place.store;
    let (former, present) = (worker(1), worker(2));
    store.enqueue_many(&["a", "b"].map(task), now()).await.unwrap();
    let tasks = claim(store, former, 9).await;
    store.reclaim(former, Death::Known, &[], &[], after(60)).await.unwrap();
    let again = claim(store, present, 1).await;
    assert_eq!((again.len(), again[0].tried), (1, true));
    let hold = Hold { state: HeldState::Failed, due: None, reason: String::new() };
    let ends = [
        finished(&tasks[0], former, Outcome::Success, Then::Delete),
        finished(&tasks[1], former, Outcome::Failed, Then::Hold(hold)),
    ];
    let finish = store.finish(former, &ends, None, after(61)).await.unwrap();
    assert_eq!(finish.ours, [false; 2]);
    assert_eq!(place.count("scheduler_task").await, 2);
    assert_eq!(place.count("otrsd_held").await, 0);
    for task in &tasks {
        let outcomes: Vec<_> =
            store.executions(task.id).await.unwrap().iter().map(|e| e.outcome).collect();
        assert_eq!(outcomes, [Outcome::Interrupted], "a former owner adds nothing to the ledger");
    }
    assert_eq!(store.locked_by(LockKey::Ours(present)).await.unwrap().len(), 1);
}

pub async fn finishing_and_claiming_in_one(kind: Kind) {
    let place = Place::new(kind).await;
    let owner = worker(1);
    place.store.enqueue_many(&["a", "b", "c"].map(task), now()).await.unwrap();
    let mut held = claim(&place.store, owner, 1).await;
    for expected in ["b", "c"] {
        let holding: Vec<i64> = held.iter().map(|task| task.row).collect();
        let next = Claim { owner, slots: 1, from_start: true, except: &[], holding: &holding };
        let finish =
            place.store.finish(owner, &done(&held, owner), Some(&next), now()).await.unwrap();
        assert_eq!(names(&finish.claimed), [expected]);
        held = finish.claimed;
    }
    let nothing = place.store.finish(owner, &[], None, now()).await.unwrap();
    assert_eq!(nothing, Finish::default());
    assert_eq!(place.count("otrsd_execution").await, 2);
}

pub async fn large_batches(kind: Kind) {
    let place = Place::new(kind).await;
    let owner = worker(1);
    let new: Vec<NewTask> = (0..777).map(|number| task(&number.to_string())).collect();
    place.store.enqueue_many(&new, now()).await.unwrap();
    let tasks = claim(&place.store, owner, 777).await;
    assert_eq!(tasks.len(), 777);
    let finish = place.store.finish(owner, &done(&tasks, owner), None, now()).await.unwrap();
    assert_eq!(finish.ours, vec![true; 777]);
    assert_eq!(place.count("otrsd_execution").await, 777);
    assert_eq!(place.count("scheduler_task").await, 0);
    let forget =
        async |before| place.store.forget(0, 500, &|_, ended| ended < before).await.unwrap().gone;
    assert_eq!(forget(after(1)).await, 0, "they ended later");
    assert_eq!(forget(after(2)).await, 500);
}
