//! Rows that hold whatever the database lets in, written by other programs: each is set aside alone, and everything
//! else flows.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use task_store::{
    Filter, Finished, FireAction, FireOutcome, FireRequest, HeldState, Hold, MAX_DATA_SIZE,
    NewTask, Outcome, Search, State, Store, Task, TaskId, Then,
};

use crate::claiming::claim;
use crate::finishing::finished;
use crate::place::{Kind, Place, after, now, task, worker};

/// What another program may write, in SQL. Most columns take only some of it.
const VALUES: &[&str] = &[
    "NULL",
    "''",
    "0",
    "1",
    "-1",
    "32767",
    "-32768",
    "2147483648",
    "9223372036854775807",
    "-9223372036854775808",
    "100700004711",
    "1e300",
    "-0.5",
    "'abc'",
    "'12abc'",
    "'0000-00-00 00:00:00'",
    "'2026-00-15 00:00:00'",
    "'2026-13-45 99:99:99'",
    "'2026-07-01T11:00:00Z'",
    "'2026-07-01 11:00'",
    "'1782903600'",
    "'tomorrow'",
    "'infinity'",
    "'-infinity'",
    "'0044-03-15 00:00:00 BC'",
    "'9999-12-31 23:59:59'",
    "'294276-12-31 23:59:59'",
    "'\u{fc}\u{1f600}\u{202e}'",
    "'a''b\"c\\d %s {}'",
    "'\n\t\u{1}'",
];
/// As SQLite and MariaDB write bytes.
const BYTES: &[&str] = &["x'ff00fe'", "x'6d00fc'", "x''", "CAST(x'ff6100' AS CHAR(3))"];

/// A table with its columns, the values of a good row, and the column that tells its rows apart.
pub struct Table {
    pub name: &'static str,
    pub row: &'static [(&'static str, &'static str)],
    pub key: &'static str,
}

/// `#` stands for a number of the row's own.
pub const TABLES: &[Table] = &[
    Table {
        name: "scheduler_task",
        row: &[
            ("ident", "#"),
            ("name", "'odd'"),
            ("task_type", "'Odd'"),
            ("task_data", "'{}'"),
            ("attempts", "1"),
            ("lock_key", "0"),
            ("lock_time", "NULL"),
            ("lock_update_time", "NULL"),
            ("create_time", "'2026-07-01 11:00:00'"),
        ],
        key: "ident",
    },
    Table {
        name: "scheduler_future_task",
        row: &[
            ("ident", "#"),
            ("execution_time", "'2026-07-01 11:30:00'"),
            ("name", "'odd'"),
            ("task_type", "'Odd'"),
            ("task_data", "'{}'"),
            ("attempts", "1"),
            ("lock_key", "0"),
            ("lock_time", "NULL"),
            ("create_time", "'2026-07-01 11:00:00'"),
        ],
        key: "ident",
    },
    Table {
        name: "scheduler_recurrent_task",
        row: &[
            ("name", "'#'"),
            ("task_type", "'Cron'"),
            ("last_execution_time", "'2026-07-01 11:00:00'"),
            ("last_worker_task_id", "7"),
            ("last_worker_status", "1"),
            ("last_worker_running_time", "1"),
            ("lock_key", "0"),
            ("lock_time", "NULL"),
            ("create_time", "'2026-07-01 11:00:00'"),
            ("change_time", "'2026-07-01 11:00:00'"),
        ],
        key: "name",
    },
    Table {
        name: "otrsd_held",
        row: &[
            ("ident", "#"),
            ("task_type", "'Odd'"),
            ("name", "'odd'"),
            ("task_data", "'{}'"),
            ("attempts", "1"),
            ("priority", "0"),
            ("create_time", "'2026-07-01 11:00:00'"),
            ("state", "'retry'"),
            ("due", "1782903600000000"),
            ("held", "1782903600000000"),
            ("reason", "'because'"),
        ],
        key: "ident",
    },
    Table {
        name: "otrsd_execution",
        row: &[
            ("ident", "#"),
            ("task_type", "'Odd'"),
            ("name", "'odd'"),
            ("node", "1"),
            ("lock_key", "100110000001"),
            ("outcome", "'failed'"),
            ("started", "1782903600000000"),
            ("ended", "1782903600000001"),
            ("cpu", "1"),
            ("peak_memory", "1"),
            ("error", "'why'"),
            ("output", "NULL"),
        ],
        key: "ident",
    },
    Table {
        name: "otrsd_occurrence",
        row: &[
            ("task_type", "'Cron'"),
            ("name", "'#'"),
            ("due", "1782903600000000"),
            ("last_due", "1782903600000000"),
            ("instants", "1"),
            ("outcome", "'missed'"),
            ("reason", "''"),
            ("ident", "NULL"),
            ("node", "1"),
            ("decided", "1782903600000000"),
        ],
        key: "name",
    },
    Table {
        name: "otrsd_instance",
        row: &[
            ("lock_key", "#"),
            ("node", "2"),
            ("host", "'beta'"),
            ("pid", "7"),
            ("started", "1782903600000000"),
            ("beats", "1"),
            ("beat", "1782903600000000"),
            ("slots", "5"),
        ],
        key: "lock_key",
    },
    Table {
        name: "otrsd_limit",
        row: &[("task_type", "'Odd'"), ("name", "'#'"), ("touched", "1")],
        key: "name",
    },
    Table {
        name: "otrsd_cancel",
        row: &[("ident", "#"), ("asked", "1"), ("by_whom", "'somebody'")],
        key: "ident",
    },
    Table {
        name: "otrsd_cron_pause",
        row: &[("task_type", "'Cron'"), ("name", "'#'"), ("since", "1"), ("reason", "'rest'")],
        key: "name",
    },
    Table {
        name: "otrsd_pause",
        row: &[("task_type", "'Paused#'"), ("node", "7"), ("since", "1"), ("reason", "'rest'")],
        key: "task_type",
    },
    Table {
        name: "otrsd_schema",
        row: &[("name", "'schedule Cron #'"), ("value", "'[\"backup\", \"@daily\"]'")],
        key: "name",
    },
];

/// Each value in each column of each table, beside good tasks, which are all done.
pub async fn any_value_in_any_column(kind: Kind) {
    beside_odd_rows(&Place::new(kind).await).await;
}

pub async fn beside_odd_rows(place: &Place) {
    let store = &place.store;
    let mut number = 200_110_000_000_i64;
    let mut odd_names = Vec::new();
    for table in TABLES {
        let good = good_tasks(store).await;
        let mut statements = Vec::new();
        for (column, _) in table.row {
            let bytes = BYTES.iter().filter(|_| place.kind != Kind::Postgres);
            for value in VALUES.iter().chain(bytes) {
                // A pause of all types is one.
                if table.name == "otrsd_pause" && *column == "task_type" && *value == "''" {
                    continue;
                }
                number += 1;
                odd_names.push(number.to_string());
                statements.extend(odd(table, number, &[(column, (*value).to_owned())]));
            }
        }
        let taken = place.try_all(&statements).await;
        assert!(taken > statements.len() / 2, "{}: {taken} of {}", table.name, statements.len());
        flows(store, &good, &odd_names, table.name).await;
        odd_names.clear();
    }
    nothing_waits(store).await;
}

/// The good tasks are done, a good cron task is fired, and everything can be looked at.
pub async fn flows(store: &Store, good: &[TaskId], odd_names: &[String], beside: &str) {
    work(store).await;
    for id in good {
        let ends = store.executions(*id).await.unwrap();
        let ends: Vec<Outcome> = ends.iter().map(|it| it.outcome).collect();
        assert_eq!(ends, [Outcome::Success], "beside odd rows of {beside}");
    }
    fire(store, odd_names).await;
    look(store).await;
}

pub async fn nothing_waits(store: &Store) {
    work(store).await;
    let waiting = State::Waiting;
    let filter =
        Filter { state: waiting, task_type: "", name: "", text: "", after: i64::MIN, limit: 100 };
    assert_eq!(store.list(&filter).await.unwrap(), [], "what cannot run is set aside");
}

/// A good row, and its changes, that of its key last.
pub fn odd(table: &Table, number: i64, changes: &[(&str, String)]) -> Vec<String> {
    let number = number.to_string();
    let columns: Vec<&str> = table.row.iter().map(|(column, _)| *column).collect();
    let of = |value: &str| value.replace('#', &number);
    let values: Vec<String> = table.row.iter().map(|(_, value)| of(value)).collect();
    let key = table.row.iter().find(|(name, _)| *name == table.key).unwrap().1;
    let mut insert = format!("INSERT INTO {} ({})", table.name, columns.join(", "));
    write!(insert, " VALUES ({})", values.join(", ")).unwrap();
    let update = |(column, value): &(&str, String)| {
        format!("UPDATE {} SET {column} = {value} WHERE {} = {}", table.name, table.key, of(key))
    };
    let of_key = |change: &&(&str, String)| change.0 == table.key;
    let others = changes.iter().filter(|it| !of_key(it));
    std::iter::once(insert).chain(others.chain(changes.iter().filter(of_key)).map(update)).collect()
}

pub async fn good_tasks(store: &Store) -> Vec<TaskId> {
    let (at_once, later) = ([task("at once"), task("at once too")], [task("later")]);
    store.enqueue_many(&at_once, now()).await.unwrap();
    store.schedule_at(&later, now(), now()).await.unwrap();
    let again = task("again");
    store.enqueue(&again, now()).await.unwrap();
    let mine: Vec<Task> = claim(store, worker(1), 500).await;
    let ends: Vec<Finished> = mine.iter().map(|task| retried(task, &again)).collect();
    store.finish(worker(1), &ends, None, now()).await.unwrap();
    at_once.iter().chain(&later).chain([&again]).map(|task| task.id).collect()
}

/// One of them fails at first, and the ledger says nothing of it.
fn retried(task: &Task, again: &NewTask) -> Finished {
    let hold = Hold { state: HeldState::Retry, due: Some(now()), reason: "not yet".into() };
    let then = if task.id == again.id { Then::Hold(hold) } else { Then::Free };
    Finished { row: task.row, execution: None, then }
}

/// As the daemon does, until nothing is to be done.
async fn work(store: &Store) {
    store.quarantine_endless_retries(now()).await.unwrap();
    for _ in 0..100 {
        let planned = store.planned().await.unwrap();
        if planned.is_damaged {
            store.quarantine_planned(now()).await.unwrap();
        }
        let moved = store.move_due(after(60), 100).await.unwrap();
        if store.next_retry().await.unwrap().is_some_and(|due| due <= after(60)) {
            store.release_due(after(60), 100).await.unwrap();
        }
        for lock in store.locks().await.unwrap() {
            store.free(&lock).await.unwrap();
        }
        let mine = claim(store, worker(1), 50).await;
        if mine.is_empty() && moved == 0 {
            return;
        }
        let ends: Vec<Finished> = mine.iter().map(end).collect();
        let finish = store.finish(worker(1), &ends, None, after(60)).await.unwrap();
        assert!(finish.ours.iter().all(|ours| *ours), "{finish:?}");
    }
    panic!("there is always something to do: {:?}", store.left_out());
}

fn end(task: &Task) -> Finished {
    match task.damage.clone() {
        None => finished(task, worker(1), Outcome::Success, Then::Delete),
        Some(reason) => {
            assert!(reason.starts_with("table scheduler_task, row "), "{reason}");
            let hold = Hold { state: HeldState::Quarantined, due: None, reason };
            Finished { row: task.row, execution: None, then: Then::Hold(hold) }
        }
    }
}

/// A good cron task among odd ones is fired.
async fn fire(store: &Store, odd_names: &[String]) {
    let (run, due) = (NewTask::new("Cron", "good", "{}"), after(fastrand::i64(100..1_000_000)));
    let good = FireRequest {
        task_type: "Cron",
        name: "good",
        due,
        last_due: due,
        instants: 1,
        follows: None,
        action: FireAction::Run(&run),
        node: 1,
    };
    let newest = store.cron_runs("Cron", "good", now(), 1000).await.unwrap();
    if newest.iter().any(|it| it.last_due >= due) {
        return;
    }
    let others = odd_names.iter().map(|name| FireRequest {
        name,
        action: FireAction::Miss("nobody was there"),
        ..good.clone()
    });
    let all: Vec<FireRequest<'_>> = std::iter::once(good.clone()).chain(others).collect();
    let outcomes = store.fire(&all, now()).await.unwrap();
    assert_eq!(outcomes[0], FireOutcome::Done);
    store.recurrents("Cron").await.unwrap();
    store.newest_cron_runs("Cron").await.unwrap();
    let names: Vec<String> = all.iter().map(|it| it.name.to_owned()).collect();
    store.cron_tally("Cron", &names, now()).await.unwrap();
    store.cron_pauses("Cron").await.unwrap();
}

/// Whoever looks at anything sees the rest, and of no row more than a part.
async fn look(store: &Store) {
    let held = [HeldState::Retry, HeldState::Failed, HeldState::Quarantined, HeldState::NoHandler];
    let states = [State::Waiting, State::Running, State::Future].into_iter();
    let mut ids = BTreeSet::new();
    for state in states.chain(held.map(State::Held)) {
        let filter = Filter { state, task_type: "", name: "", text: "", after: 0, limit: 1000 };
        let list = store.list(&filter).await.unwrap();
        for entry in &list {
            small(&[&entry.task_type, &entry.name], WORD);
            small(&[&entry.reason], PROSE);
        }
        ids.extend(list.iter().map(|entry| entry.id));
    }
    for id in ids.iter().rev().take(20) {
        store.get(*id).await.unwrap();
        store.explain(*id).await.unwrap();
        let data = store.data(*id).await.unwrap();
        assert!(data.is_none_or(|data| data.len() <= MAX_DATA_SIZE));
    }
    small(store.counts().await.unwrap().iter().map(|it| &it.task_type), WORD);
    small(store.instances().await.unwrap().iter().map(|it| &it.host), PROSE);
    small(store.pauses().await.unwrap().iter().map(|it| &it.reason), PROSE);
    small(store.cancel_requests().await.unwrap().iter().map(|it| &it.1), PROSE);
    small(store.planned_by("Cron").await.unwrap().values(), PROSE);
    small(&store.quarantined_rows(1000).await.unwrap(), PROSE);
    store.oldest_waiting().await.unwrap();
    store.failures(0, 1000).await.unwrap();
    for (_, it) in store.done("", "", None, 1000).await.unwrap() {
        small(&[&it.task_type, &it.name], WORD);
        small(it.error.as_slice(), PROSE);
        small(it.output.as_slice(), 5 * PROSE);
    }
    store.tally(0, i64::MAX).await.unwrap();
    store.tally_names("Odd", 0, i64::MAX, 9).await.unwrap();
    store.row_at(now()).await.unwrap();
    store.forget(0, 1000, &|_, _| false).await.unwrap();
    store.oldest_cron_run().await.unwrap();
    store.search(&Search::default()).await.unwrap();
    store.known(&ids.iter().copied().collect::<Vec<_>>()).await.unwrap();
    store.history(&ids.iter().copied().collect::<Vec<_>>()).await.unwrap();
    store.last_executions(&ids.iter().copied().collect::<Vec<_>>()).await.unwrap();
    store.identity().await.unwrap().unwrap();
}

/// The most bytes of a type or name, and of a reason.
const WORD: usize = 604;
const PROSE: usize = 4 * 4000;

fn small<'t, T: AsRef<str> + 't>(texts: impl IntoIterator<Item = &'t T>, most: usize) {
    for text in texts {
        // A character that is replaced takes up to three bytes for one.
        let (text, most) = (text.as_ref(), 3 * most);
        assert!(text.len() <= most, "{} bytes of {most}", text.len());
    }
}
