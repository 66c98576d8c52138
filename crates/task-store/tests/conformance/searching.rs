//! The ledger searched from its end, and counted.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use task_store::{BUCKETS, Found, Outcome, Search, Tally};

use crate::place::{Kind, Place, after, now};

const ROWS: i64 = 9000;

/// A ledger whose row `n` ended `n` seconds after `now`, most after a millisecond and a half.
async fn ledger(kind: Kind) -> Place {
    let place = Place::new(kind).await;
    let begin = now().as_microsecond();
    for first in (1..=ROWS).step_by(1000) {
        let rows: Vec<String> = (first..first + 1000)
            .map(|n| {
                let ended = begin + n * 1_000_000;
                let (outcome, error) = if n % 1000 == 7 { ("failed", "'no 50% Ä_x'") } else { ("success", "NULL") };
                let (task_type, micros) = if n % 3000 == 7 { ("Rare", 3_000_000) } else { ("Usual", 1500) };
                let (started, node) = (ended - micros, 1 + n % 2);
                format!("({n}, {n}, '{task_type}', 'task {n}', {node}, 0, '{outcome}', {started}, {ended}, 250, NULL, {error}, 'out')")
            })
            .collect();
        let into = "otrsd_execution (id, ident, task_type, name, node, lock_key, outcome, started, ended, cpu, peak_memory, error, output)";
        place.sql(&format!("INSERT INTO {into} VALUES {}", rows.join(", "))).await;
    }
    place
}

fn search() -> Search<'static> {
    Search { limit: 100, budget: Duration::from_mins(1), ..Search::default() }
}

fn rows(found: &Found) -> Vec<i64> {
    found.executions.iter().map(|(row, _)| *row).collect()
}

pub async fn by_everything(kind: Kind) {
    let place = ledger(kind).await;
    let store = &place.store;
    let failed = [8007, 7007, 6007, 5007, 4007, 3007, 2007, 1007, 7];
    for (wanted, found) in [
        (Search { outcome: "failed", ..search() }, &failed[..]),
        (Search { outcome: "unsuccessful", ..search() }, &failed),
        (Search { text: "50% ä_", ..search() }, if kind == Kind::Sqlite { &[] } else { &failed }),
        (Search { text: "50% ", ..search() }, &failed),
        (Search { text: "50_", ..search() }, &[5007][..0]),
        (Search { text: "TASK 8999", ..search() }, &[8999]),
        (Search { name: "task 8999", ..search() }, &[8999]),
        (Search { task_type: "Rare", ..search() }, &[6007, 3007, 7]),
        (Search { task_type: "Rare", node: 1, ..search() }, &[]),
        (Search { before: Some(3), ..search() }, &[2, 1]),
        (Search { from: Some(after(8998)), ..search() }, &[9000, 8999, 8998]),
        (Search { from: Some(after(3)), to: Some(after(6)), ..search() }, &[5, 4, 3]),
        (Search { to: Some(after(1)), ..search() }, &[]),
    ] {
        let all = store.search(&wanted).await.unwrap();
        assert_eq!(rows(&all), found, "{wanted:?}");
        assert_eq!(all.searched_to, None, "{wanted:?}");
    }
    let one = store.search(&Search { outcome: "failed", limit: 1, ..search() }).await.unwrap();
    let (_, execution) = &one.executions[0];
    assert_eq!(
        (execution.outcome, execution.error.as_deref()),
        (Outcome::Failed, Some("no 50% Ä_x"))
    );
    assert_eq!((execution.output.as_deref(), execution.node), (None, 2));
    assert_eq!(one.searched_to, Some(8007));
}

/// However little time there is, going on finds all.
pub async fn in_parts(kind: Kind) {
    let place = ledger(kind).await;
    let store = &place.store;
    let mut wanted = Search { task_type: "Rare", limit: 2, budget: Duration::ZERO, ..search() };
    let (mut all, mut parts) = (Vec::new(), 0);
    loop {
        let found = store.search(&wanted).await.unwrap();
        all.extend(rows(&found));
        parts += 1;
        wanted.before = found.searched_to;
        if wanted.before.is_none() {
            break;
        }
    }
    assert_eq!(all, [6007, 3007, 7]);
    assert!(parts > 3, "{parts}");
    place.sql("DELETE FROM otrsd_execution").await;
    assert_eq!(store.search(&search()).await.unwrap(), Found::default());
    assert_eq!(store.ledger_rows().await.unwrap(), None);
}

pub async fn a_time_has_its_row(kind: Kind) {
    let place = ledger(kind).await;
    place.sql("DELETE FROM otrsd_execution WHERE id < 100 OR (id > 200 AND id < 400)").await;
    for (time, row) in [
        (now(), 100),
        (after(150), 150),
        (after(150) + SignedDuration::from_millis(1), 151),
        (after(300), 201),
        (after(401), 401),
        (after(9001), 9001),
        (Timestamp::MAX, 9001),
    ] {
        let found = place.store.row_at(time).await.unwrap();
        // Rows that are gone stand for the next one.
        let is_same = found == row || (201..=400).contains(&found) && row == 201;
        assert!(is_same || found <= 100 && row == 100, "{time}: {found}");
    }
}

pub async fn tallied(kind: Kind) {
    let place = ledger(kind).await;
    let store = &place.store;
    let all = store.tally(0, ROWS).await.unwrap();
    let sum = |of: &dyn Fn(&&Tally) -> bool| all.iter().filter(of).map(|it| it.count).sum::<u64>();
    assert_eq!(sum(&|_| true), 9000);
    assert_eq!(sum(&|it| it.outcome == Outcome::Failed), 9);
    assert_eq!(sum(&|it| it.node == 1), 4500);
    let rare: Vec<&Tally> = all.iter().filter(|it| it.task_type == "Rare").collect();
    assert_eq!(
        (rare.len(), rare[0].count, rare[0].micros, rare[0].longest),
        (1, 3, 9_000_000, 3_000_000)
    );
    assert_eq!((BUCKETS[rare[0].bucket], rare[0].cpu), (5000, 750));
    let usual = all.iter().find(|it| it.task_type == "Usual").unwrap();
    assert_eq!(BUCKETS[usual.bucket], 2);
    assert_eq!(store.tally(10, 12).await.unwrap().iter().map(|it| it.count).sum::<u64>(), 2);
    assert_eq!(store.tally(ROWS, ROWS).await.unwrap(), []);
    let mut rows = store.tally_names("Rare", 0, ROWS, 2).await.unwrap();
    rows.sort_by(|a, b| a.name.cmp(&b.name));
    let names: Vec<&str> = rows.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["task 3007", "task 6007"]);
    assert_eq!(store.oldest_waiting().await.unwrap(), None);
    store.enqueue_many(&["one", "two"].map(crate::place::task), after(5)).await.unwrap();
    assert_eq!(store.oldest_waiting().await.unwrap(), Some(after(5)));
}
