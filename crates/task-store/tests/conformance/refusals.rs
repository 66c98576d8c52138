//! What the database refuses about one task: the others flow, nothing is lost, and nothing runs twice.

use std::collections::{BTreeMap, BTreeSet};

use task_store::{
    Claim, Finish, Finished, FireAction, FireOutcome, FireRequest, HeldState, Hold, Instead,
    NewTask, Outcome, Store, Task, TaskId, Then,
};

use crate::finishing::{execution, finished};
use crate::place::{Kind, Place, after, now, task, worker};

/// Statements on which the database says no for rows of this name.
const NAME: &str = "refused";
const REFUSALS: [(&str, &str); 7] = [
    ("INSERT", "otrsd_execution"),
    ("UPDATE", "scheduler_task"),
    ("DELETE", "scheduler_task"),
    ("INSERT", "otrsd_held"),
    ("INSERT", "scheduler_task"),
    ("DELETE", "scheduler_future_task"),
    ("INSERT", "otrsd_occurrence"),
];

/// A trigger that refuses a statement about such a row, and how to drop it.
fn refusal(kind: Kind, number: usize) -> [String; 2] {
    let (verb, table) = REFUSALS[number];
    let row = if verb == "DELETE" { "OLD" } else { "NEW" };
    let name = format!("refusal_{number}");
    match kind {
        Kind::Sqlite => [
            format!(
                "CREATE TRIGGER {name} BEFORE {verb} ON {table} WHEN {row}.name = '{NAME}' \
                 BEGIN SELECT RAISE(ABORT, 'not this one'); END"
            ),
            format!("DROP TRIGGER {name}"),
        ],
        Kind::Postgres => [
            format!(
                "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \
                 $$ BEGIN RAISE EXCEPTION 'not this one'; END $$; \
                 CREATE TRIGGER {name} BEFORE {verb} ON {table} FOR EACH ROW WHEN ({row}.name = '{NAME}') \
                 EXECUTE FUNCTION refuse()"
            ),
            format!("DROP TRIGGER {name} ON {table}"),
        ],
        Kind::MariaDb => [
            format!(
                "CREATE TRIGGER {name} BEFORE {verb} ON {table} FOR EACH ROW IF {row}.name = '{NAME}' \
                 THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not this one'; END IF"
            ),
            format!("DROP TRIGGER {name}"),
        ],
    }
}

/// A worker of tests: it remembers what it ran, and what it could not write down.
#[derive(Default)]
struct Worker {
    ran: BTreeMap<TaskId, usize>,
    kept: Vec<Finished>,
}

impl Worker {
    /// Claims, runs and ends until there is nothing to do.
    async fn work(&mut self, store: &Store) {
        for _ in 0..50 {
            let planned = store.planned().await.unwrap().next;
            let mut moved = 0;
            if planned.is_some_and(|due| due <= after(60)) {
                moved += store.move_due(after(60), 20).await.unwrap();
            }
            if store.next_retry().await.unwrap().is_some_and(|due| due <= after(60)) {
                moved += store.release_due(after(60), 20).await.unwrap();
            }
            let holding: Vec<i64> = self.kept.iter().map(|end| end.row).collect();
            let claim = Claim {
                owner: worker(1),
                slots: 7,
                from_start: true,
                except: &[],
                holding: &holding,
            };
            let tasks = store.claim(&claim, now()).await.unwrap();
            if tasks.is_empty() && moved == 0 {
                return;
            }
            let ends: Vec<Finished> = tasks.iter().map(|task| self.run(task)).collect();
            self.write(store, ends).await;
        }
        panic!("there is always something to do: {:?}", store.left_out());
    }

    /// The first run of a task that is to be tried again fails.
    fn run(&mut self, task: &Task) -> Finished {
        let times = self.ran.entry(task.id).or_default();
        *times += 1;
        let hold = |state, due| Then::Hold(Hold { state, due, reason: "because".into() });
        let (outcome, then) = match (task.data.as_str(), *times) {
            ("retry", 1) => (Outcome::Failed, hold(HeldState::Retry, Some(now()))),
            ("fail", _) => (Outcome::Failed, hold(HeldState::Failed, None)),
            _ => (Outcome::Success, Then::Delete),
        };
        finished(task, worker(1), outcome, then)
    }

    async fn write(&mut self, store: &Store, ends: Vec<Finished>) {
        let Finish { ours, refused, .. } =
            store.finish(worker(1), &ends, None, after(1)).await.unwrap();
        assert!(ours.iter().all(|ours| *ours), "{ends:?}");
        let kept: BTreeSet<i64> =
            refused.iter().filter(|it| it.instead == Instead::Kept).map(|it| it.row).collect();
        self.kept.extend(ends.into_iter().filter(|end| kept.contains(&end.row)));
    }
}

/// Any set of such refusals, while tasks of every fate flow.
pub async fn of_single_tasks(kind: Kind) {
    let place = Place::new(kind).await;
    let store = &place.store;
    for round in 0..12_u32 {
        // Each alone, then some together by chance.
        let set: Vec<usize> = (0..6)
            .filter(|number| if round < 6 { *number == round as usize } else { fastrand::bool() })
            .collect();
        let (good, refused) = add(store).await;
        for number in &set {
            place.sql(&refusal(kind, *number)[0]).await;
        }
        // As another life of the daemon, which has left out nothing yet.
        let mut life = Worker::default();
        life.work(&place.another()).await;
        for (id, runs) in &good {
            let told = format!("round {round} {set:?} {id}");
            assert_eq!(life.ran.get(id), Some(runs), "{told}");
            assert_eq!(store.executions(*id).await.unwrap().len(), *runs, "{told}");
        }
        let places = place.count("scheduler_task").await
            + place.count("scheduler_future_task").await
            + place.count("otrsd_held").await;
        for number in &set {
            place.sql(&refusal(kind, *number)[1]).await;
        }
        let kept = std::mem::take(&mut life.kept);
        life.write(&place.another(), kept).await;
        assert!(life.kept.is_empty(), "round {round} {set:?}");
        // What was quarantined may be tried again by whoever mended that.
        let many = i64::from(u32::MAX);
        store.retry_all(HeldState::Quarantined, "", after(many), 100).await.unwrap();
        life.work(&place.another()).await;
        for id in &refused {
            let ends = store.executions(*id).await.unwrap().len();
            let held = store.get(*id).await.unwrap();
            assert!(ends > 0 || held.is_some(), "round {round} {set:?}: {id} of {places} is lost");
        }
        assert_eq!(place.count("scheduler_task").await, 0, "round {round} {set:?}");
        place.sql("DELETE FROM otrsd_held").await;
    }
}

/// Tasks of every fate: the good ones with how often they run, and those that are refused.
async fn add(store: &Store) -> (Vec<(TaskId, usize)>, Vec<TaskId>) {
    let (mut good, mut refused) = (Vec::new(), Vec::new());
    for number in 0..6 {
        for (data, runs) in [("", 1), ("retry", 2), ("fail", 1)] {
            let name = if number == 3 { NAME } else { "good" };
            let new = NewTask::new("Echo", name, data);
            if number % 2 == 0 {
                store.enqueue(&new, now()).await.unwrap();
            } else {
                store.schedule_at(std::slice::from_ref(&new), now(), now()).await.unwrap();
            }
            if number == 3 { refused.push(new.id) } else { good.push((new.id, runs)) }
        }
    }
    (good, refused)
}

/// An id that is held already, added again by another program.
pub async fn of_an_id_that_is_held(kind: Kind) {
    let place = Place::new(kind).await;
    let store = &place.store;
    let twice = task("twice");
    let mut life = Worker::default();
    store.enqueue(&NewTask { data: "fail".into(), ..twice.clone() }, now()).await.unwrap();
    life.work(store).await;
    let again = NewTask { data: "retry".into(), ..twice.clone() };
    store.enqueue(&again, now()).await.unwrap();
    store.enqueue(&task("good"), now()).await.unwrap();
    life.ran.clear();
    life.work(store).await;
    assert_eq!(life.ran.len(), 2);
    assert_eq!(place.count("scheduler_task").await, 0);
    assert_eq!(place.count("otrsd_held").await, 2);
    let rows = store.quarantined_rows(9).await.unwrap();
    assert!(rows[0].contains("its end (failed) cannot be written down"), "{rows:?}");
}

/// What no handler can know: the ledger has another encoding, or is shorter.
pub async fn of_what_a_task_printed(kind: Kind) {
    let place = Place::new(kind).await;
    let store = &place.store;
    place
        .sql(match kind {
            Kind::Sqlite => {
                "CREATE TRIGGER short BEFORE INSERT ON otrsd_execution \
                 WHEN length(NEW.output) > 10 BEGIN SELECT RAISE(ABORT, 'too long'); END"
            }
            Kind::Postgres => {
                "ALTER TABLE otrsd_execution ADD CHECK (octet_length(output) = length(output))"
            }
            Kind::MariaDb => "ALTER TABLE otrsd_execution MODIFY output TEXT CHARACTER SET latin1",
        })
        .await;
    store.enqueue_many(&[task("a"), task("b"), task("c")], now()).await.unwrap();
    let claim = Claim { owner: worker(1), slots: 9, from_start: true, except: &[], holding: &[] };
    let tasks = store.claim(&claim, now()).await.unwrap();
    let mut ends: Vec<Finished> = tasks
        .iter()
        .map(|task| finished(task, worker(1), Outcome::Success, Then::Delete))
        .collect();
    let mut printed = execution(&tasks[1], worker(1), Outcome::Success);
    printed.output = Some("a long word \u{2192} \u{1f600}".into());
    ends[1].execution = Some(printed);
    let finish = store.finish(worker(1), &ends, None, after(1)).await.unwrap();
    assert_eq!(finish.ours, [true; 3]);
    assert_eq!((finish.refused[0].row, finish.refused[0].instead), (tasks[1].row, Instead::Short));
    assert_eq!(place.count("scheduler_task").await, 0);
    assert_eq!(place.count("otrsd_execution WHERE outcome = 'success'").await, 3);
}

/// A ledger that takes nothing is no task's fault: no end is written, none is quarantined, and all are once it
/// takes them.
pub async fn of_everything(kind: Kind) {
    let place = Place::new(kind).await;
    let store = &place.store;
    store.enqueue_many(&[task("a"), task("b")], now()).await.unwrap();
    let claim = Claim { owner: worker(1), slots: 9, from_start: true, except: &[], holding: &[] };
    let tasks = store.claim(&claim, now()).await.unwrap();
    let ends: Vec<Finished> = tasks
        .iter()
        .map(|task| finished(task, worker(1), Outcome::Success, Then::Delete))
        .collect();
    let [refuse, take] = match kind {
        Kind::Sqlite => [
            "CREATE TRIGGER no BEFORE INSERT ON otrsd_execution BEGIN SELECT RAISE(ABORT, 'no'); END",
            "DROP TRIGGER no",
        ],
        Kind::Postgres => [
            "ALTER TABLE otrsd_execution ADD CONSTRAINT no CHECK (node < 0) NOT VALID",
            "ALTER TABLE otrsd_execution DROP CONSTRAINT no",
        ],
        Kind::MariaDb => [
            "ALTER TABLE otrsd_execution ADD CONSTRAINT no CHECK (node < 0)",
            "ALTER TABLE otrsd_execution DROP CONSTRAINT no",
        ],
    };
    place.sql(refuse).await;
    for ends in [&ends[..], &ends[..1]] {
        store.finish(worker(1), ends, None, after(1)).await.unwrap_err();
        assert_eq!(place.count("otrsd_held").await, 0);
    }
    place.sql(take).await;
    let finish = store.finish(worker(1), &ends, None, after(2)).await.unwrap();
    assert_eq!((finish.ours, finish.refused), (vec![true; 2], vec![]));
}

/// One cron task whose runs cannot be recorded.
pub async fn of_one_cron_task(kind: Kind) {
    let place = Place::new(kind).await;
    let store = &place.store;
    let runs = ["before", NAME, "behind"].map(|name| NewTask::new("Cron", name, "{}"));
    let all: Vec<FireRequest<'_>> = runs
        .iter()
        .flat_map(|run| {
            let one = |due: i64, action| FireRequest {
                task_type: "Cron",
                name: &run.name,
                due: after(due),
                last_due: after(due),
                instants: 1,
                follows: Some(after(due - 60)),
                action,
                node: 1,
            };
            [one(0, FireAction::Miss("the host was off")), one(60, FireAction::Run(run))]
        })
        .collect();
    let [refuse, take] = refusal(kind, 6);
    place.sql(&refuse).await;
    let outcomes = store.fire(&all, after(60)).await.unwrap();
    assert_eq!(outcomes, {
        let (done, no) = (FireOutcome::Done, FireOutcome::Refused);
        [done, done, no, no, done, done]
    });
    let left_out = store.left_out();
    assert_eq!(left_out[0].row, "'refused'", "{left_out:?}");
    assert_eq!(place.count("scheduler_task").await, 2);
    place.sql(&take).await;
    assert_eq!(store.fire(&all[2..4], after(60)).await.unwrap(), [FireOutcome::Done; 2]);
    assert_eq!(place.count("scheduler_task").await, 3);
}
