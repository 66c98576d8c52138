//! Adding tasks, under limits and without.

use task_store::{Added, Error, Finished, HeldState, Hold, NewTask, Outcome, Then};

use crate::claiming::claim;
use crate::finishing::finished;
use crate::place::{Kind, Place, names, now, task, worker};

pub async fn one_and_many(kind: Kind) {
    let place = Place::new(kind).await;
    assert_eq!(place.store.enqueue(&task("one"), now()).await.unwrap(), Added::Added);
    let many: Vec<NewTask> = (0..300).map(|number| task(&number.to_string())).collect();
    assert_eq!(place.store.enqueue_many(&many, now()).await.unwrap(), vec![Added::Added; 300]);
    let tasks = claim(&place.store, worker(1), 1000).await;
    assert_eq!(tasks.len(), 301);
    assert_eq!(tasks[0].created, Some(now()));
    assert_eq!(tasks[300].name, "299");
    assert_eq!(tasks[300].id, many[299].id);
}

pub async fn an_id_is_added_once(kind: Kind) {
    let place = Place::new(kind).await;
    let twice = task("twice");
    place.store.enqueue(&twice, now()).await.unwrap();
    let error = place.store.enqueue(&twice, now()).await.unwrap_err();
    assert!(matches!(error, Error::Duplicate(_)), "{error:?}");
    let error = place.store.enqueue_many(&[task("innocent"), twice], now()).await.unwrap_err();
    assert!(matches!(error, Error::Duplicate(_)), "{error:?}");
    assert_eq!(place.count("scheduler_task").await, 1, "all of a batch or nothing");
}

pub async fn what_was_added_is_known_wherever_it_is(kind: Kind) {
    let place = Place::new(kind).await;
    let store = &place.store;
    let all = ["done", "held", "waiting", "planned", "never added"].map(task);
    store.enqueue_many(&all[..3], now()).await.unwrap();
    store.schedule_at(&all[3..4], now(), now()).await.unwrap();
    let claimed = claim(store, worker(1), 2).await;
    let hold = Hold { state: HeldState::Failed, due: None, reason: "no".into() };
    let ends = [
        finished(&claimed[0], worker(1), Outcome::Success, Then::Delete),
        finished(&claimed[1], worker(1), Outcome::Failed, Then::Hold(hold)),
    ];
    store.finish(worker(1), &ends, None, now()).await.unwrap();
    let ids = all.each_ref().map(|task| task.id);
    let known = store.known(&ids).await.unwrap();
    let mut names: Vec<&str> = known.values().map(|(_, name)| name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["done", "held", "planned", "waiting"]);
    assert_eq!(known[&ids[0]], (all[0].task_type.clone(), "done".to_owned()));
    assert!(store.known(&[]).await.unwrap().is_empty());
}

pub async fn what_cannot_be_is_refused(kind: Kind) {
    let place = Place::new(kind).await;
    let long = "ü".repeat(151);
    for bad in [
        NewTask::new("", "n", ""),
        NewTask::new("T", long.clone(), ""),
        NewTask::new(long, "n", ""),
        NewTask::new("T", "a\0b", ""),
        NewTask { attempts: 0, ..task("n") },
    ] {
        let error = place.store.enqueue(&bad, now()).await.unwrap_err();
        assert!(matches!(error, Error::Invalid(_)), "{error:?}");
    }
    let longest = NewTask::new("ü".repeat(150), "'\"\\%ü€😀", "{\"a\": \"'\\\\ €😀\"}");
    place.store.enqueue(&longest, now()).await.unwrap();
    let tasks = claim(&place.store, worker(1), 1).await;
    assert_eq!(tasks[0].task_type, longest.task_type);
    assert_eq!(tasks[0].name, longest.name);
    assert_eq!(tasks[0].data, longest.data);
}

pub async fn the_limit_counts_waiting_running_and_retries(kind: Kind) {
    let place = Place::new(kind).await;
    let store = &place.store;
    let limited = || NewTask { max_parallel: 2, ..task("limited") };
    let three = [limited(), limited(), limited()];
    let added = store.enqueue_many(&three, now()).await.unwrap();
    assert_eq!(added, [Added::Added, Added::Added, Added::LimitReached]);
    let running = claim(store, worker(1), 1).await;
    assert_eq!(store.enqueue(&limited(), now()).await.unwrap(), Added::LimitReached);
    assert_eq!(
        store.enqueue(&NewTask { max_parallel: 1, ..task("other") }, now()).await.unwrap(),
        Added::Added
    );

    let hold = Hold { state: HeldState::Retry, due: Some(now()), reason: "no".into() };
    let ended = Finished { row: running[0].row, execution: None, then: Then::Hold(hold) };
    store.finish(worker(1), &[ended], None, now()).await.unwrap();
    assert_eq!(
        store.enqueue(&limited(), now()).await.unwrap(),
        Added::LimitReached,
        "it will come back"
    );

    let waiting = claim(store, worker(1), 1).await;
    let ended = Finished { row: waiting[0].row, execution: None, then: Then::Delete };
    store.finish(worker(1), &[ended], None, now()).await.unwrap();
    assert_eq!(store.enqueue(&limited(), now()).await.unwrap(), Added::Added);
}

pub async fn sixteen_adders_under_a_limit_of_one(kind: Kind) {
    let place = Place::new(kind).await;
    let stores: Vec<_> = (0..16).map(|_| place.another()).collect();
    for round in 0..5 {
        let mut adders = tokio::task::JoinSet::new();
        for store in stores.clone() {
            let name = format!("round {round}");
            adders.spawn(async move {
                let task = NewTask { max_parallel: 1, ..task(&name) };
                store.enqueue(&task, now()).await.unwrap()
            });
        }
        let all = adders.join_all().await;
        let added = all.iter().filter(|added| **added == Added::Added).count();
        assert_eq!(added, 1, "{all:?}");
        assert_eq!(place.count(&format!("scheduler_task WHERE name = 'round {round}'")).await, 1);
    }
}

pub async fn in_the_callers_transaction(kind: Kind) {
    let place = Place::new(kind).await;
    macro_rules! adds {
        ($pool:ty) => {{
            let pool = <$pool>::connect(&place.url).await.unwrap();
            let mut undone = pool.begin().await.unwrap();
            place.store.enqueue_in(&mut *undone, &task("undone"), now()).await.unwrap();
            undone.rollback().await.unwrap();
            let mut kept = pool.begin().await.unwrap();
            let limited = NewTask { max_parallel: 1, ..task("kept") };
            assert_eq!(
                place.store.enqueue_in(&mut *kept, &limited, now()).await.unwrap(),
                Added::Added
            );
            let another = NewTask { id: task_store::TaskId::draw(), ..limited };
            let added = place.store.enqueue_in(&mut *kept, &another, now()).await.unwrap();
            assert_eq!(added, Added::LimitReached);
            assert_eq!(
                names(&claim(&place.store, worker(1), 9).await),
                [""; 0],
                "not before the commit"
            );
            kept.commit().await.unwrap();
        }};
    }
    match kind {
        // SQLite has one writer, so the claim before the commit would wait for the transaction.
        Kind::Sqlite => {
            let pool = sqlx::SqlitePool::connect(&place.url).await.unwrap();
            let mut kept = pool.begin().await.unwrap();
            place.store.enqueue_in(&mut *kept, &task("kept"), now()).await.unwrap();
            kept.commit().await.unwrap();
        }
        Kind::Postgres => adds!(sqlx::PgPool),
        Kind::MariaDb => adds!(sqlx::MySqlPool),
    }
    assert_eq!(names(&claim(&place.store, worker(1), 9).await), ["kept"]);
}

/// The statements that the README gives to other programs, as they stand there.
pub async fn as_another_program_does(kind: Kind) {
    let place = Place::new(kind).await;
    let readme = include_str!("../../README.md");
    let mut blocks =
        readme.split("```sql\n").skip(1).map(|block| block.split("```").next().unwrap());
    let (now_block, later) = (blocks.next().unwrap(), blocks.next().unwrap());
    let (elsewhere, postgres) = now_block.split_once("-- PostgreSQL").unwrap();
    let statement = if kind == Kind::Postgres { postgres } else { elsewhere };
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words(statement).contains(&words(task_store::plain_sql(place.store.dialect()))));

    place.sql(statement).await;
    place.sql(later).await;
    let tasks = claim(&place.store, worker(1), 9).await;
    assert_eq!(names(&tasks), ["photo 7"]);
    assert_eq!(tasks[0].attempts, 1);
    assert_eq!(tasks[0].data, "{\"file\": \"7.jpg\"}");
    let due = place.store.planned().await.unwrap().next.unwrap();
    assert_eq!(due.to_string(), "2030-01-01T06:00:00Z");
    assert_eq!(place.store.move_due(due, 9).await.unwrap(), 1);
}

/// Ids that the database draws do not meet: more than the square root of what 30 bits of chance can tell apart.
pub async fn a_hundred_thousand_by_other_programs(kind: Kind) {
    let place = Place::new(kind).await;
    place.sql(task_store::plain_sql(place.store.dialect())).await;
    let double = "INSERT INTO scheduler_task (task_type, name, task_data) \
                  SELECT task_type, name, task_data FROM scheduler_task";
    for _ in 0..17 {
        place.sql(double).await;
    }
    assert_eq!(place.store.counts().await.unwrap()[0].waiting, 1 << 17);
}
