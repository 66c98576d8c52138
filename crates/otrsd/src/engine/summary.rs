//! The two tables of the original's worker: waiting tasks and running tasks.

use std::collections::BTreeMap;

use anyhow::Context as _;
use jiff::Timestamp;
use task_store::{Entry, Filter, LockKey, State, Store, wall_clock};

use crate::module::{Column, Summary};

/// The maximum number of rows shown: a console cannot display a million.
const ROWS: u32 = 200;

pub(crate) async fn of(store: &Store, now: Timestamp) -> anyhow::Result<Vec<Summary>> {
    let waiting = list(store, State::Waiting).await?;
    let running = list(store, State::Running).await?;
    Ok(vec![
        Summary {
            header: "Unhandled Worker Tasks:".to_owned(),
            columns: vec![
                Column::new("Name", "Name", 40),
                Column::new("Type", "Type", 20),
                Column::new("CreateTime", "Create Time", 20),
            ],
            rows: waiting.iter().map(|entry| waits(store, entry)).collect(),
            no_data_message: "There are currently no tasks waiting to be executed.".to_owned(),
        },
        Summary {
            header: "Handled Worker Tasks:".to_owned(),
            columns: vec![
                Column::new("Name", "Name", 40),
                Column::new("Type", "Type", 20),
                Column::new("NodeID", "NID", 4),
                Column::new("ProcessID", "PID", 9),
                Column::new("CurrentDuration", "Duration", 20),
            ],
            rows: running.iter().map(|entry| runs(entry, now)).collect(),
            no_data_message: "There are currently no tasks being executed.".to_owned(),
        },
    ])
}

/// One page of the tasks in a state.
pub(crate) async fn list(store: &Store, state: State) -> anyhow::Result<Vec<Entry>> {
    let filter = Filter { state, task_type: "", name: "", text: "", after: 0, limit: ROWS };
    store.list(&filter).await.context("cannot list the tasks")
}

/// A time in the format of the original's columns.
pub(crate) fn time(store: &Store, time: Option<Timestamp>) -> String {
    time.map(|time| wall_clock(time, store.time_zone())).unwrap_or_default()
}

pub(crate) fn row<const N: usize>(cells: [(&str, String); N]) -> BTreeMap<String, String> {
    cells.into_iter().map(|(name, text)| (name.to_owned(), text)).collect()
}

fn waits(store: &Store, entry: &Entry) -> BTreeMap<String, String> {
    row([
        ("Name", entry.name.clone()),
        ("Type", entry.task_type.clone()),
        ("CreateTime", time(store, entry.created)),
    ])
}

fn runs(entry: &Entry, now: Timestamp) -> BTreeMap<String, String> {
    let (node, process) = match entry.lock {
        LockKey::Ours(owner) => (owner.node(), owner.instance()),
        LockKey::Perl { node, pid } => (node, pid),
        LockKey::Free | LockKey::Inserting | LockKey::Other(_) => (0, 0),
    };
    let age = entry.locked.map(|since| now.duration_since(since).as_secs().max(0).unsigned_abs());
    row([
        ("Name", entry.name.clone()),
        ("Type", entry.task_type.clone()),
        ("NodeID", format!("{node:03}")),
        ("ProcessID", format!("{process:08}")),
        ("CurrentDuration", age.map(duration).unwrap_or_default()),
    ])
}

/// A duration in whole seconds, worded as in the original's tables.
pub(crate) fn duration(seconds: u64) -> String {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a row holds seconds of an INTEGER, which a float represents exactly"
    )]
    let of = |unit: u64| seconds as f64 / unit as f64;
    match seconds {
        0 => "< 1 Second".to_owned(),
        1..60 => format!("{:.1} Second(s)", of(1)),
        60..3600 => format!("{:.1} Minute(s)", of(60)),
        3600..86_400 => format!("{:.1} Hour(s)", of(3600)),
        _ => format!("{:.1} Day(s)", of(86_400)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_the_originals() {
        for (seconds, expected) in [
            (0, "< 1 Second"),
            (1, "1.0 Second(s)"),
            (59, "59.0 Second(s)"),
            (60, "1.0 Minute(s)"),
            (62, "1.0 Minute(s)"),
            (90, "1.5 Minute(s)"),
            (3599, "60.0 Minute(s)"),
            (3610, "1.0 Hour(s)"),
            (86_399, "24.0 Hour(s)"),
            (129_600, "1.5 Day(s)"),
        ] {
            assert_eq!(duration(seconds), expected, "{seconds}");
        }
    }
}
