//! Due instants: each decided once, all accounted for.

use task_store::{Decided, Decision, Fate, LockKey, NewTask, Verdict};

use crate::claiming::claim;
use crate::place::{Kind, Place, after, names, now, task, worker};

fn decision(due: i64, verdict: Verdict<'_>) -> Decision<'_> {
    Decision {
        task_type: "Cron",
        name: "Backup",
        due: after(due),
        last_due: after(due),
        instants: 1,
        follows: Some(after(due - 60)),
        verdict,
        node: 1,
    }
}

pub async fn each_instant_once(kind: Kind) {
    let place = Place::new(kind).await;
    let store = &place.store;
    let run = NewTask { max_parallel: 1, ..task("Backup") };
    assert_eq!(store.decide(&decision(0, Verdict::Run(&run)), now()).await.unwrap(), Decided::Done);
    assert_eq!(
        store.decide(&decision(0, Verdict::Run(&run)), now()).await.unwrap(),
        Decided::Taken
    );
    let blocked = NewTask { max_parallel: 1, ..task("Backup") };
    let decided = store.decide(&decision(60, Verdict::Run(&blocked)), after(60)).await.unwrap();
    assert_eq!(decided, Decided::LimitReached);
    for due in [120, 180, 240] {
        let decided =
            store.decide(&decision(due, Verdict::Miss("down")), after(300)).await.unwrap();
        assert_eq!(decided, Decided::Done);
    }
    let decided = store.decide(&decision(180, Verdict::Miss("down")), after(300)).await.unwrap();
    assert_eq!(decided, Decided::Taken, "inside of a range");
    let skip = decision(300, Verdict::Skip("paused"));
    assert_eq!(store.decide(&skip, after(300)).await.unwrap(), Decided::Done);

    let occurrences = store.occurrences("Cron", "Backup", now(), 100).await.unwrap();
    let told: Vec<_> = occurrences
        .iter()
        .map(|o| (o.due, o.last_due, o.instants, o.fate, o.reason.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            (after(0), after(0), 1, Fate::Ran, ""),
            (after(60), after(60), 1, Fate::Skipped, "limit reached"),
            (after(120), after(240), 3, Fate::Missed, "down"),
            (after(300), after(300), 1, Fate::Skipped, "paused"),
        ]
    );
    assert_eq!(occurrences[0].task, Some(run.id));
    let tasks = claim(store, worker(1), 9).await;
    assert_eq!(names(&tasks), ["Backup"]);
    store.recurrent_ended(tasks[0].row, true, 7, after(301)).await.unwrap();
    let recurrent = &store.recurrents("Cron").await.unwrap()[0];
    assert_eq!((recurrent.last_due, recurrent.last_task), (Some(after(300)), Some(tasks[0].row)));
    assert_eq!((recurrent.last_success, recurrent.last_seconds), (Some(true), Some(7)));
}

pub async fn by_three_nodes(kind: Kind) {
    let place = Place::new(kind).await;
    let mut nodes = tokio::task::JoinSet::new();
    for _ in 0..3 {
        let store = place.another();
        nodes.spawn(async move {
            let mut mine = 0;
            for minute in 0..30 {
                let run = task("Backup");
                let decided =
                    store.decide(&decision(minute * 60, Verdict::Run(&run)), now()).await.unwrap();
                mine += usize::from(decided == Decided::Done);
            }
            mine
        });
    }
    assert_eq!(nodes.join_all().await.iter().sum::<usize>(), 30);
    assert_eq!(place.count("scheduler_task").await, 30);
    assert_eq!(place.count("otrsd_occurrence").await, 30);
}

pub async fn first_seen_and_busy(kind: Kind) {
    let place = Place::new(kind).await;
    let store = &place.store;
    assert!(store.first_seen("Cron", "Backup", now(), now()).await.unwrap());
    assert!(!store.first_seen("Cron", "Backup", now(), now()).await.unwrap());
    place.sql("UPDATE scheduler_recurrent_task SET lock_key = 100200000815").await;
    let run = task("Backup");
    let busy = LockKey::Perl { node: 2, pid: 815 };
    let wanted = decision(60, Verdict::Run(&run));
    assert_eq!(store.decide(&wanted, now()).await.unwrap(), Decided::Busy(busy));
    assert!(!store.forget_recurrent("Cron", "Backup").await.unwrap());
    let seen = store.locks().await.unwrap();
    assert!(store.free(&seen[0]).await.unwrap());
    assert_eq!(store.decide(&wanted, now()).await.unwrap(), Decided::Done);
    assert!(store.forget_recurrent("Cron", "Backup").await.unwrap());
}

/// In a home a Perl node may have decided: the row says so. In the hour that comes twice it does not.
pub async fn beside_perl(kind: Kind) {
    let place = Place::home(kind).await;
    let store = &place.store;
    store.first_seen("Cron", "Backup", after(0), now()).await.unwrap();
    place
        .sql("UPDATE scheduler_recurrent_task SET last_execution_time = '2026-07-01 14:01:00'")
        .await;
    let run = task("Backup");
    let decided = store.decide(&decision(60, Verdict::Run(&run)), after(60)).await.unwrap();
    assert_eq!(decided, Decided::RanElsewhere);
    assert_eq!(place.count("scheduler_task").await, 0);

    for due in ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"] {
        let due = due.parse().unwrap();
        let run = task("Backup");
        let twice = Decision { due, last_due: due, ..decision(0, Verdict::Run(&run)) };
        assert_eq!(store.decide(&twice, due).await.unwrap(), Decided::Done, "{due}");
        assert_eq!(store.decide(&twice, due).await.unwrap(), Decided::Taken, "{due}");
    }
    assert_eq!(place.count("scheduler_task").await, 2);
}
