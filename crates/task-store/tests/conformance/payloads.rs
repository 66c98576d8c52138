//! Data arrive as they were given, whatever way their task takes.

use std::collections::HashMap;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use task_store::{HeldState, Hold, NewTask, Outcome, Payload, Task, TaskId, Then, decode};

use crate::claiming::claim;
use crate::finishing::finished;
use crate::place::{Kind, Place, now, worker};

/// Any JSON text: numbers of any size and precision, texts in every notation, keys that stand twice, white space.
fn json() -> impl Strategy<Value = String> {
    let number = "-?(0|[1-9][0-9]{0,40})(\\.[0-9]{1,30})?([eE][+-]?[0-9]{1,4})?";
    let leaf = prop_oneof![
        number,
        text(),
        prop::sample::select(vec![
            "null",
            "true",
            "false",
            r#""\u00e9\ud83d\ude00""#,
            r#""\ud800""#,
            r#""\/""#
        ])
        .prop_map(str::to_owned),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        let member = (prop_oneof![Just("\"twice\"".to_owned()), text()], space(), inner.clone());
        let member = member.prop_map(|(key, space, value)| format!("{key}{space}:{value}"));
        prop_oneof![
            (space(), prop::collection::vec(inner, 0..6)).prop_map(|(space, parts)| format!(
                "[{space}{}]",
                parts.join(&format!("{space},"))
            )),
            (space(), prop::collection::vec(member, 0..6)).prop_map(|(space, parts)| format!(
                "{{{}{space}}}",
                parts.join(&format!(",{space}"))
            )),
        ]
    })
}

fn text() -> impl Strategy<Value = String> {
    any::<String>().prop_map(|text| serde_json::Value::from(text).to_string())
}

fn space() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["", " ", "\n", "\t", " \r\n  "])
}

fn holds(tasks: &[Task], given: &HashMap<TaskId, String>) {
    assert_eq!(tasks.len(), given.len());
    for task in tasks {
        assert_eq!(task.data, given[&task.id]);
        assert_eq!(decode(&task.data).unwrap().text(), given[&task.id]);
    }
}

/// Added at once or planned, claimed, held, and claimed again.
pub async fn arrive_as_given(kind: Kind) {
    let place = Place::new(kind).await;
    let store = &place.store;
    let mut runner = TestRunner::deterministic();
    let mut given = HashMap::new();
    let mut tasks = Vec::new();
    for number in 0..400 {
        let text = json().new_tree(&mut runner).unwrap().current();
        let payload: Payload = format!("\n{text} ").parse().unwrap();
        let task = NewTask::new("T", number.to_string(), payload.text());
        given.insert(task.id, text);
        tasks.push(task);
    }
    store.enqueue_many(&tasks[..200], now()).await.unwrap();
    store.schedule_at(&tasks[200..], now(), now()).await.unwrap();
    store.move_due(now(), 1000).await.unwrap();
    let claimed = claim(store, worker(1), 1000).await;
    holds(&claimed, &given);
    let hold = Hold { state: HeldState::Retry, due: Some(now()), reason: "not yet".into() };
    let ends: Vec<_> = claimed
        .iter()
        .map(|task| finished(task, worker(1), Outcome::Failed, Then::Hold(hold.clone())))
        .collect();
    store.finish(worker(1), &ends, None, now()).await.unwrap();
    for task in &tasks[..20] {
        assert_eq!(store.data(task.id).await.unwrap().as_ref(), given.get(&task.id));
    }
    store.release_due(now(), 1000).await.unwrap();
    holds(&claim(store, worker(1), 1000).await, &given);
}
