//! A database of PostgreSQL whose encoding has not every character.

use task_store::{Added, Error, Instead, Outcome, Then};

use crate::claiming::claim;
use crate::finishing::{done, finished};
use crate::place::{Place, now, task, worker};

/// What the handler printed cannot be kept: the task has succeeded all the same, and so have those beside it.
#[tokio::test]
async fn what_latin_1_has_not_is_left_out() {
    let place = Place::latin_1().await;
    let store = &place.store;
    let refused = store.enqueue(&task("snowman \u{2603}"), now()).await.unwrap_err();
    assert!(!refused.is_transient() && matches!(refused, Error::Refused(_)), "{refused:?}");
    for name in ["gr\u{fc}n", "output", "reason"] {
        assert_eq!(store.enqueue(&task(name), now()).await.unwrap(), Added::Added);
    }
    let tasks = claim(store, worker(1), 9).await;
    let mut ends = done(&tasks, worker(1));
    ends[1].execution.as_mut().unwrap().output = Some("5 \u{20ac}".into());
    // The text of a failure has a character that Latin 1 has not.
    ends[2] = finished(&tasks[2], worker(1), Outcome::Failed, Then::Delete);
    let finish = store.finish(worker(1), &ends, None, now()).await.unwrap();
    assert_eq!(finish.ours, [true; 3]);
    let short: Vec<_> = finish.refused.iter().map(|it| (it.row, it.instead)).collect();
    assert_eq!(short, [(tasks[1].row, Instead::Short), (tasks[2].row, Instead::Short)]);
    assert!(finish.refused[0].reason.contains("no equivalent in encoding"), "{:?}", finish.refused);
    for (task, outcome, error) in [
        (&tasks[0], Outcome::Success, None),
        (&tasks[1], Outcome::Success, None),
        (&tasks[2], Outcome::Failed, Some("it was 'wrong' ?")),
    ] {
        let all = store.executions(task.id).await.unwrap();
        assert_eq!((all.len(), all[0].outcome, all[0].error.as_deref()), (1, outcome, error));
        assert_eq!(all[0].output, None);
    }
    assert_eq!(place.count("scheduler_task").await, 0);
}
