//! Fire times: each fired once, all recorded.

use jiff::Timestamp;
use task_store::{
    FireAction, FireOutcome, FireRequest, LockKey, NewTask, Replanned, RunStatus, Store,
};

use crate::claiming::claim;
use crate::finishing::done;
use crate::place::{Kind, Place, after, names, now, task, worker};

pub fn request(due: i64, action: FireAction<'_>) -> FireRequest<'_> {
    FireRequest {
        task_type: "Cron",
        name: "Backup",
        due: after(due),
        last_due: after(due),
        instants: 1,
        follows: Some(after(due - 60)),
        action,
        node: 1,
    }
}

/// Decides one instant.
pub async fn one(store: &Store, request: &FireRequest<'_>, now: Timestamp) -> FireOutcome {
    store.fire(std::slice::from_ref(request), now).await.unwrap()[0]
}

pub async fn each_instant_once(kind: Kind) {
    let place = Place::new(kind).await;
    let store = &place.store;
    let run = NewTask { max_parallel: 1, ..NewTask::new("Cron", "Backup", "{}") };
    assert_eq!(one(store, &request(0, FireAction::Run(&run)), now()).await, FireOutcome::Done);
    assert_eq!(
        one(store, &request(0, FireAction::Run(&run)), now()).await,
        FireOutcome::Taken(now())
    );
    let blocked = NewTask { max_parallel: 1, ..NewTask::new("Cron", "Backup", "{}") };
    let outcome = one(store, &request(60, FireAction::Run(&blocked)), after(60)).await;
    assert_eq!(outcome, FireOutcome::LimitReached);
    for due in [120, 180, 240] {
        let outcome = one(store, &request(due, FireAction::Miss("down")), after(300)).await;
        assert_eq!(outcome, FireOutcome::Done);
    }
    let outcome = one(store, &request(180, FireAction::Miss("down")), after(300)).await;
    assert_eq!(outcome, FireOutcome::Taken(after(240)), "inside of a range");
    let skip = request(300, FireAction::Skip("paused"));
    assert_eq!(one(store, &skip, after(300)).await, FireOutcome::Done);

    let occurrences = store.cron_runs("Cron", "Backup", now(), 100).await.unwrap();
    let told: Vec<_> = occurrences
        .iter()
        .map(|o| (o.due, o.last_due, o.instants, o.status, o.reason.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            (after(0), after(0), 1, RunStatus::Ran, ""),
            (after(60), after(60), 1, RunStatus::Skipped, "limit reached"),
            (after(120), after(240), 3, RunStatus::Missed, "down"),
            (after(300), after(300), 1, RunStatus::Skipped, "paused"),
        ]
    );
    assert_eq!(occurrences[0].task, Some(run.id));
    let tasks = claim(store, worker(1), 9).await;
    assert_eq!(names(&tasks), ["Backup"]);
    let mut end = done(&tasks, worker(1));
    let execution = end[0].execution.as_mut().unwrap();
    execution.ended = execution.started + jiff::SignedDuration::from_secs(7);
    store.finish(worker(1), &end, None, after(301)).await.unwrap();
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
                let outcome =
                    one(&store, &request(minute * 60, FireAction::Run(&run)), now()).await;
                mine += usize::from(outcome == FireOutcome::Done);
            }
            mine
        });
    }
    assert_eq!(nodes.join_all().await.iter().sum::<usize>(), 30);
    assert_eq!(place.count("scheduler_task").await, 30);
    assert_eq!(place.count("otrsd_occurrence").await, 30);
}

/// The fire times of a paused cron task are skipped, whatever a node asks for.
pub async fn paused(kind: Kind) {
    let place = Place::new(kind).await;
    let store = &place.store;
    assert!(store.pause_cron("Cron", "Backup", "paused by root", now()).await.unwrap());
    assert!(!store.pause_cron("Cron", "Backup", "again", now()).await.unwrap());
    for due in [0, 60] {
        let run = task("Backup");
        assert_eq!(
            one(store, &request(due, FireAction::Run(&run)), now()).await,
            FireOutcome::Paused
        );
    }
    let pauses = store.cron_pauses("Cron").await.unwrap();
    assert_eq!((pauses.len(), pauses[0].reason.as_str()), (1, "paused by root"));
    assert!(store.resume_cron("Cron", "Backup").await.unwrap());
    assert!(!store.resume_cron("Cron", "Backup").await.unwrap());
    let run = task("Backup");
    assert_eq!(one(store, &request(120, FireAction::Run(&run)), now()).await, FireOutcome::Done);
    let all = store.cron_runs("Cron", "Backup", now(), 9).await.unwrap();
    let told: Vec<_> = all.iter().map(|it| (it.instants, it.status, it.reason.as_str())).collect();
    assert_eq!(told, [(2, RunStatus::Skipped, "paused by root"), (1, RunStatus::Ran, "")]);
    assert_eq!(place.count("scheduler_task").await, 1);
}

pub async fn counted_by_fate_and_lag(kind: Kind) {
    let place = Place::new(kind).await;
    let store = &place.store;
    // Due, and when that was fired: too early by its clock, at once, and late.
    for (due, fired) in [(0, -1), (60, 60), (120, 126), (180, 580)] {
        let run = task("Backup");
        let run = request(due, FireAction::Run(&run));
        assert_eq!(one(store, &run, after(fired)).await, FireOutcome::Done);
    }
    for due in [240, 300] {
        let missed = request(due, FireAction::Miss("down"));
        assert_eq!(one(store, &missed, after(900)).await, FireOutcome::Done);
    }
    let names = ["Backup", "Other"].map(str::to_owned);
    let told = async |from| {
        let mut all = store.cron_tally("Cron", &names, after(from)).await.unwrap();
        all.sort_by_key(|it| it.bucket);
        all.into_iter()
            .map(|it| (it.name, it.status, it.reason, it.bucket, it.instants, it.lag))
            .collect::<Vec<_>>()
    };
    let ran = |bucket, instants, lag| {
        ("Backup".to_owned(), RunStatus::Ran, String::new(), Some(bucket), instants, lag)
    };
    let missed = ("Backup".to_owned(), RunStatus::Missed, "down".to_owned(), None, 2, 0);
    assert_eq!(
        told(0).await,
        [missed.clone(), ran(0, 2, 0), ran(8, 1, 6_000_000), ran(10, 1, 400_000_000)]
    );
    assert_eq!(told(180).await, [missed, ran(10, 1, 400_000_000)]);
    assert!(store.cron_tally("Cron", &names[1..], now()).await.unwrap().is_empty());
    assert!(store.cron_tally("Cron", &[], now()).await.unwrap().is_empty());
}

pub async fn old_ones_are_forgotten(kind: Kind) {
    let place = Place::new(kind).await;
    let store = &place.store;
    assert_eq!(store.oldest_cron_run().await.unwrap(), None);
    for due in [0, 60, 120] {
        let run = task("Backup");
        assert_eq!(
            one(store, &request(due, FireAction::Run(&run)), now()).await,
            FireOutcome::Done
        );
    }
    assert_eq!(store.oldest_cron_run().await.unwrap(), Some(after(0)));
    assert_eq!(store.forget_cron_runs(after(120)).await.unwrap(), 2);
    assert_eq!(store.forget_cron_runs(after(999)).await.unwrap(), 1);
    // The row remembers the last one.
    assert_eq!(store.recurrents("Cron").await.unwrap()[0].last_due, Some(after(120)));
}

/// Many cron tasks in one transaction: what of each was missed, and what runs; one of them is taken, one busy,
/// one at its limit.
pub async fn many_at_once(kind: Kind) {
    let place = Place::new(kind).await;
    let store = &place.store;
    let names: Vec<String> = (0..40).map(|number| format!("task {number:02}")).collect();
    let runs: Vec<_> = names.iter().map(|name| NewTask { max_parallel: 1, ..task(name) }).collect();
    store.enqueue(&NewTask { max_parallel: 1, ..task("task 03") }, now()).await.unwrap();
    let earlier = FireRequest { name: "task 01", ..request(120, FireAction::Skip("paused")) };
    assert_eq!(one(store, &earlier, now()).await, FireOutcome::Done);
    store.first_seen("Cron", &[("task 02", now())], now()).await.unwrap();
    place
        .sql("UPDATE scheduler_recurrent_task SET lock_key = 100200000815 WHERE name = 'task 02'")
        .await;
    let mut requests = Vec::new();
    for (name, run) in names.iter().zip(&runs) {
        for missed in [0, 60] {
            requests.push(FireRequest { name, ..request(missed, FireAction::Miss("down")) });
        }
        requests.push(FireRequest { name, ..request(120, FireAction::Run(run)) });
    }
    let outcomes = store.fire(&requests, after(120)).await.unwrap();
    let busy = FireOutcome::Busy(LockKey::Perl { node: 2, pid: 815 });
    let (done, taken) = (FireOutcome::Done, FireOutcome::Taken(after(120)));
    for (number, found) in outcomes.chunks(3).enumerate() {
        let expected = match number {
            1 => [taken; 3],
            2 => [busy; 3],
            3 => [done, done, FireOutcome::LimitReached],
            _ => [done; 3],
        };
        assert_eq!(found, expected, "{number}");
    }
    let told = async |name| -> Vec<_> {
        let all = store.cron_runs("Cron", name, now(), 9).await.unwrap();
        all.iter().map(|it| (it.due, it.last_due, it.instants, it.status)).collect()
    };
    let missed = (after(0), after(60), 2, RunStatus::Missed);
    assert_eq!(told("task 07").await, [missed, (after(120), after(120), 1, RunStatus::Ran)]);
    assert_eq!(told("task 03").await, [missed, (after(120), after(120), 1, RunStatus::Skipped)]);
    assert_eq!(told("task 02").await, []);
    let queue = claim(store, worker(1), 99).await;
    assert_eq!(queue.len(), 38, "37 of these, and one that was there");
    let rows = store.recurrents("Cron").await.unwrap();
    assert!(
        rows.iter().filter(|row| row.name != "task 02").all(|row| row.last_due == Some(after(120)))
    );
    let of = |name: &str| rows.iter().find(|row| row.name == name).unwrap().last_task;
    assert_eq!(
        of("task 07"),
        queue.iter().find(|task| task.name == "task 07").map(|task| task.row)
    );
    assert_eq!(of("task 03"), None);
    // A range in the database goes on.
    let longer = [180, 240]
        .map(|due| FireRequest { name: "task 01", ..request(due, FireAction::Skip("paused")) });
    assert_eq!(store.fire(&longer, after(240)).await.unwrap(), [done; 2]);
    assert_eq!(told("task 01").await, [(after(120), after(240), 3, RunStatus::Skipped)]);
}

/// Nodes that fire the same times of many cron tasks, each in an order of its own.
pub async fn many_by_three_nodes(kind: Kind) {
    let place = Place::new(kind).await;
    let mut nodes = tokio::task::JoinSet::new();
    for node in 0..3 {
        let store = place.another();
        nodes.spawn(async move {
            let mut mine = 0;
            for minute in 0..10 {
                let mut names: Vec<String> =
                    (0..30).map(|number| format!("task {number}")).collect();
                names.rotate_left(node * 7);
                let runs: Vec<_> = names.iter().map(|name| task(name)).collect();
                let requests: Vec<_> = names
                    .iter()
                    .zip(&runs)
                    .map(|(name, run)| FireRequest {
                        name,
                        ..request(minute * 60, FireAction::Run(run))
                    })
                    .collect();
                let outcomes = store.fire(&requests, now()).await.unwrap();
                mine += outcomes.iter().filter(|it| **it == FireOutcome::Done).count();
            }
            mine
        });
    }
    assert_eq!(nodes.join_all().await.iter().sum::<usize>(), 300);
    assert_eq!(place.count("scheduler_task").await, 300);
    assert_eq!(place.count("otrsd_occurrence").await, 300);
}

/// The row shows the wall clock of the installation, where an hour comes twice.
pub async fn last_due_in_the_repeated_hour(kind: Kind) {
    let place = Place::home(kind).await;
    let store = &place.store;
    for due in ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"] {
        let due: Timestamp = due.parse().unwrap();
        let run = task("Backup");
        let wanted = FireRequest { due, last_due: due, ..request(0, FireAction::Run(&run)) };
        assert_eq!(one(store, &wanted, due).await, FireOutcome::Done);
        assert_eq!(store.recurrents("Cron").await.unwrap()[0].last_due, Some(due));
    }
    // A node of the original went on.
    place
        .sql("UPDATE scheduler_recurrent_task SET last_execution_time = '2026-10-25 03:30:00'")
        .await;
    let theirs = "2026-10-25T02:30:00Z".parse().ok();
    assert_eq!(store.recurrents("Cron").await.unwrap()[0].last_due, theirs);
}

pub async fn first_seen_and_busy(kind: Kind) {
    let place = Place::new(kind).await;
    let store = &place.store;
    let seen =
        async |names: &[(&str, Timestamp)]| store.first_seen("Cron", names, now()).await.unwrap();
    seen(&[("Backup", now())]).await;
    seen(&[]).await;
    // Of two that come together each is remembered once, as it was first seen.
    seen(&[("Other", after(60)), ("Backup", after(60))]).await;
    let rows = store.recurrents("Cron").await.unwrap();
    let known: Vec<_> = rows.iter().map(|row| (row.name.as_str(), row.last_due)).collect();
    assert_eq!(known, [("Backup", Some(now())), ("Other", Some(after(60)))]);
    place
        .sql("UPDATE scheduler_recurrent_task SET lock_key = 100200000815 WHERE name = 'Backup'")
        .await;
    let run = task("Backup");
    let busy = LockKey::Perl { node: 2, pid: 815 };
    let wanted = request(60, FireAction::Run(&run));
    assert_eq!(one(store, &wanted, now()).await, FireOutcome::Busy(busy));
    assert!(!store.forget_recurrent("Cron", "Backup").await.unwrap());
    let seen = store.locks().await.unwrap();
    assert!(store.free(&seen[0]).await.unwrap());
    assert_eq!(one(store, &wanted, now()).await, FireOutcome::Done);
    assert!(store.forget_recurrent("Cron", "Backup").await.unwrap());
}

/// In a home a Perl node may have fired: the row says so. In the hour that comes twice it does not.
pub async fn beside_perl(kind: Kind) {
    let place = Place::home(kind).await;
    let store = &place.store;
    store.first_seen("Cron", &[("Backup", after(0))], now()).await.unwrap();
    place
        .sql("UPDATE scheduler_recurrent_task SET last_execution_time = '2026-07-01 14:01:00'")
        .await;
    let run = task("Backup");
    let outcome = one(store, &request(60, FireAction::Run(&run)), after(60)).await;
    assert_eq!(outcome, FireOutcome::RanElsewhere);
    assert_eq!(place.count("scheduler_task").await, 0);

    for due in ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"] {
        let due = due.parse().unwrap();
        let run = task("Backup");
        let twice = FireRequest { due, last_due: due, ..request(0, FireAction::Run(&run)) };
        assert_eq!(one(store, &twice, due).await, FireOutcome::Done, "{due}");
        assert_eq!(one(store, &twice, due).await, FireOutcome::Taken(due), "{due}");
    }
    assert_eq!(place.count("scheduler_task").await, 2);
}

/// The original's row went beyond a fire time that was planned before and fired late: it runs once.
pub async fn behind_perl(kind: Kind) {
    let place = Place::home(kind).await;
    let store = &place.store;
    store.first_seen("Cron", &[("Backup", after(0))], now()).await.unwrap();
    place
        .sql("UPDATE scheduler_recurrent_task SET last_execution_time = '2026-07-01 14:02:00'")
        .await;
    let run = task("Backup");
    let outcome = one(store, &request(60, FireAction::Run(&run)), after(60)).await;
    assert_eq!(outcome, FireOutcome::RanElsewhere);
    assert_eq!(place.count("scheduler_task").await, 0);
    assert_eq!(store.recurrents("Cron").await.unwrap()[0].last_due, Some(after(120)));
}

/// What a manager plans after minute `last` at minute `now`: the newest instant runs, the others were missed.
async fn plan(store: &Store, last: i64, now: i64) -> Vec<FireOutcome> {
    let run = task("Backup");
    let missed = FireRequest {
        due: after(60 * (last + 1)),
        last_due: after(60 * (now - 1)),
        instants: (now - 1 - last).unsigned_abs(),
        follows: Some(after(60 * last)),
        ..request(0, FireAction::Miss("away"))
    };
    let run = request(60 * now, FireAction::Run(&run));
    let requests = if missed.instants == 0 { vec![run] } else { vec![missed, run] };
    store.fire(&requests, after(60 * now)).await.unwrap()
}

/// The minutes of all occurrences, in their order: first, last, how many.
async fn minutes(store: &Store) -> Vec<(i64, i64, u64, RunStatus)> {
    let all = store.cron_runs("Cron", "Backup", now(), 99).await.unwrap();
    let minute = |time: Timestamp| time.duration_since(now()).as_mins();
    all.iter().map(|it| (minute(it.due), minute(it.last_due), it.instants, it.status)).collect()
}

/// Another node fired some of what this one planned: nothing of the rest goes through, and no instant is lost.
pub async fn taken_in_part(kind: Kind) {
    let place = Place::new(kind).await;
    let (one, two) = (&place.store, place.another());
    assert_eq!(plan(one, 0, 36).await, [FireOutcome::Done; 2]);
    let taken = FireOutcome::Taken(after(60 * 36));
    assert_eq!(plan(&two, 20, 52).await, [taken; 2]);
    let known = [(1, 35, 35, RunStatus::Missed), (36, 36, 1, RunStatus::Ran)];
    assert_eq!(minutes(one).await, known);
    assert_eq!(plan(&two, 36, 52).await, [FireOutcome::Done; 2]);
    let rest = [(37, 51, 15, RunStatus::Missed), (52, 52, 1, RunStatus::Ran)];
    assert_eq!(minutes(one).await, [known, rest].concat());
    assert_eq!(plan(one, 36, 52).await, [FireOutcome::Taken(after(60 * 52)); 2]);
    assert_eq!(place.count("scheduler_task").await, 2);
}

/// Two managers wait for a row that another program holds, each with a plan of its own time.
pub async fn by_two_who_waited_for_the_row(kind: Kind) {
    let place = Place::new(kind).await;
    place.store.first_seen("Cron", &[("Backup", now())], now()).await.unwrap();
    let held = place.hold("UPDATE scheduler_recurrent_task SET change_time = create_time").await;
    let mut managers = tokio::task::JoinSet::new();
    for now in [36, 52] {
        let store = place.another();
        managers.spawn(async move {
            let mut last = 0;
            while last < now {
                for outcome in plan(&store, last, now).await {
                    last = match outcome {
                        FireOutcome::Taken(until) => until.duration_since(after(0)).as_mins(),
                        _ => now,
                    };
                }
            }
        });
    }
    place.until_waiting(2).await;
    drop(held);
    managers.join_all().await;
    let all = minutes(&place.store).await;
    let follow = all.windows(2).all(|pair| pair[0].1 + 1 == pair[1].0);
    assert!(follow && all[0].0 == 1 && all[all.len() - 1].1 == 52, "{all:?}");
    assert_eq!(all.iter().map(|it| it.2).sum::<u64>(), 52, "{all:?}");
}

/// A recurrent row that was deleted is made anew, and what was fired before is not fired again.
pub async fn without_its_row(kind: Kind) {
    let place = Place::new(kind).await;
    let store = &place.store;
    assert_eq!(plan(store, 0, 36).await, [FireOutcome::Done; 2]);
    place.sql("DELETE FROM scheduler_recurrent_task").await;
    assert_eq!(plan(store, 35, 36).await, [FireOutcome::Taken(after(60 * 36))]);
    assert_eq!(plan(store, 36, 37).await, [FireOutcome::Done]);
    assert_eq!(place.count("scheduler_recurrent_task").await, 1);
    assert_eq!(place.count("scheduler_task").await, 2);
}

/// The memory of schedules, and rows that move to where a changed one begins.
pub async fn a_changed_schedule_is_remembered(kind: Kind) {
    let place = Place::new(kind).await;
    let store = &place.store;
    assert!(store.planned_by("Cron").await.unwrap().is_empty());
    store.first_seen("Cron", &[("Backup", now()), ("Ünï", now())], now()).await.unwrap();
    let schedules = vec![("Backup", "vixie UTC 0 3 * * *".to_owned()), ("Ünï", "a\"b".to_owned())];
    let first = Replanned { schedules: schedules.clone(), ..Replanned::default() };
    store.replan("Cron", &first, now()).await.unwrap();
    store.replan("Cron", &first, now()).await.unwrap();
    let all = schedules.into_iter().map(|(name, text)| (name.to_owned(), text)).collect();
    assert_eq!(store.planned_by("Cron").await.unwrap(), all);
    assert!(store.planned_by("GenericAgent").await.unwrap().is_empty());

    let changed = Replanned {
        schedules: vec![("Backup", "vixie UTC 0 4 * * *".to_owned())],
        begins: vec![("Backup", after(3600))],
        gone: vec!["Ünï"],
    };
    store.replan("Cron", &changed, after(4000)).await.unwrap();
    let known = store.planned_by("Cron").await.unwrap();
    assert_eq!(known, [("Backup".to_owned(), "vixie UTC 0 4 * * *".to_owned())].into());
    let rows = store.recurrents("Cron").await.unwrap();
    let last: Vec<_> = rows.iter().map(|row| (row.name.as_str(), row.last_due)).collect();
    assert_eq!(last, [("Backup", Some(after(3600))), ("Ünï", Some(now()))]);
    assert!(store.cron_runs("Cron", "Backup", now(), 9).await.unwrap().is_empty());
}
