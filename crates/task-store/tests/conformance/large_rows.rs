//! Rows of many megabytes: of each no more than a part is read, and what cannot run for it is quarantined.

use task_store::{
    Filter, Finished, HeldState, Hold, MAX_DATA_SIZE, MAX_TYPES, NewTask, OTHER_TYPES, Outcome,
    State, TaskId, Then,
};

use crate::claiming::claim;
use crate::finishing::finished;
use crate::place::{Kind, Place, names, now, task, worker};

fn large() -> TaskId {
    TaskId::from_ident(300_400_500_600_700_800)
}

pub async fn data_beyond_the_limit(kind: Kind) {
    let place = Place::new(kind).await;
    let store = &place.store;
    let too_large = NewTask::new("Echo", "too large", "x".repeat(MAX_DATA_SIZE + 1));
    assert!(store.enqueue(&too_large, now()).await.unwrap_err().to_string().contains("16 MiB"));
    // One by another program, in which MariaDB packs no more than the limit.
    let size = if kind == Kind::MariaDb { MAX_DATA_SIZE - 1 } else { 20_000_000 };
    let data = long(kind, size);
    place
        .sql(&format!(
            "INSERT INTO scheduler_task (ident, name, task_type, task_data) VALUES ({}, 'large', 'Echo', {data})",
            large().ident()
        ))
        .await;
    store.enqueue(&task("good"), now()).await.unwrap();
    let is_bad = size > MAX_DATA_SIZE;
    assert_eq!(store.data(large()).await.unwrap().is_none(), is_bad);
    let tasks = claim(store, worker(1), 9).await;
    assert_eq!(names(&tasks), ["large", "good"]);
    assert_eq!(tasks[0].data.len(), if is_bad { 0 } else { size });
    let reason = "table scheduler_task, row 1, column task_data: expected at most 16 MiB";
    assert_eq!(tasks[0].damage.as_deref(), is_bad.then_some(reason));
    let hold = Hold { state: HeldState::Quarantined, due: None, reason: reason.into() };
    let set_aside = Finished { row: tasks[0].row, execution: None, then: Then::Hold(hold) };
    let done = finished(&tasks[1], worker(1), Outcome::Success, Then::Delete);
    let finish = store.finish(worker(1), &[set_aside, done], None, now()).await.unwrap();
    assert_eq!((finish.ours, finish.refused), (vec![true; 2], vec![]));
    // Nothing of it is lost.
    let kept = "otrsd_held WHERE OCTET_LENGTH(task_data) = ";
    assert_eq!(place.count(&format!("{kept}{size}")).await, 1);
}

pub async fn texts(kind: Kind) {
    let place = Place::new(kind).await;
    let store = &place.store;
    let (text, ident) = (long(kind, 8_000_000), large().ident());
    place
        .sql(&format!(
            "INSERT INTO otrsd_held (ident, task_type, name, task_data, attempts, priority, create_time, state, held, reason) \
             VALUES ({ident}, 'Echo', 'x', '{{}}', 1, 0, '2026-07-01 11:00:00', 'failed', 1, {text})"
        ))
        .await;
    place
        .sql(&format!(
            "INSERT INTO otrsd_execution (ident, task_type, name, node, lock_key, outcome, started, ended, error, output) \
             VALUES ({ident}, 'Echo', 'x', 1, 1, 'failed', 1, 2, {text}, {text})"
        ))
        .await;
    let state = State::Held(HeldState::Failed);
    let filter = Filter { state, task_type: "", name: "", text: "", after: 0, limit: 9 };
    assert_eq!(store.list(&filter).await.unwrap()[0].reason.len(), 4000);
    for ends in [
        store.executions(large()).await.unwrap(),
        store.last_executions(&[large()]).await.unwrap().into_values().collect(),
        store.failures(0, 9).await.unwrap().into_iter().map(|(_, it)| it).collect(),
    ] {
        assert_eq!(ends[0].error.as_ref().unwrap().len(), 4000);
        assert_eq!(ends[0].output.as_ref().unwrap().len(), 20_000);
    }
}

pub async fn very_many_types(kind: Kind) {
    let place = Place::new(kind).await;
    let all: Vec<NewTask> =
        (0..1010).map(|it| NewTask::new(format!("Type {it:04}"), "", "{}")).collect();
    place.store.enqueue_many(&all, now()).await.unwrap();
    let counts = place.store.counts().await.unwrap();
    assert_eq!(counts.len(), MAX_TYPES + 1);
    let others = counts.iter().find(|it| it.task_type == OTHER_TYPES).unwrap();
    assert_eq!(others.waiting, 10);
}

/// In SQL, so many characters.
fn long(kind: Kind, size: usize) -> String {
    match kind {
        Kind::Sqlite => format!("replace(hex(zeroblob({size})), '00', 'x')"),
        Kind::Postgres | Kind::MariaDb => format!("repeat('x', {size})"),
    }
}
