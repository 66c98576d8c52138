//! `task show`: everything that is known of one task.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::{Map, Value, json};
use task_store::{Entry, Execution, Payload, decode};

use super::{
    colour,
    record::{entry_json, execution_json},
};
use crate::{
    cli::{
        Failure,
        database::Database,
        table::{lines, one_line},
        terminal::{Paint, print, print_json},
    },
    config::task_types::attempts,
    ops::task::{find, holder},
    text::{
        json::pretty,
        time::{costs, local},
    },
};

/// The JSON output. The data is as it was given.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    task: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a Payload>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data_error: Option<&'a str>,
    executions: Vec<Value>,
}

pub(super) async fn run(database: &Database, id: &str, json: bool) -> Result<(), Failure> {
    let store = &database.store;
    let id = find::id(store, id).await?;
    let mut entry = store.get(id).await?;
    if let Some(entry) = &mut entry {
        let settings = &database.configuration.settings;
        entry.attempts = attempts(settings, &entry.task_type, entry.attempts);
    }
    let executions = store.executions(id).await?;
    let column = if entry.is_some() { store.data(id).await? } else { None };
    if entry.is_none() && executions.is_empty() {
        return Err(find::unknown(id).into());
    }
    let data = column.map(|column| decode(&column).map_err(|error| error.to_string()));
    if json {
        return Ok(print_json(&as_json(entry.as_ref(), &executions, data.as_ref()))?);
    }
    let mut text = head(entry.as_ref(), &executions, Paint::for_stdout());
    match &data {
        Some(Ok(data)) => block(&mut text, "data", &pretty(data.text())),
        Some(Err(error)) => block(&mut text, "data", &format!("cannot be read: {error}")),
        None => {}
    }
    for execution in &executions {
        tell(&mut text, execution, Paint::for_stdout());
    }
    print(&text);
    Ok(())
}

fn as_json<'a>(
    entry: Option<&Entry>,
    executions: &[Execution],
    data: Option<&'a Result<Payload, String>>,
) -> Shown<'a> {
    let task = match (entry, executions.last()) {
        (Some(entry), _) => entry_json(entry),
        (None, Some(last)) => json!({
            "id": last.id.to_string(), "type": last.task_type, "name": last.name, "state": "done",
        }),
        (None, None) => json!({}),
    };
    Shown {
        task: task.as_object().cloned().unwrap_or_default(),
        data: data.and_then(|data| data.as_ref().ok()),
        data_error: data.and_then(|data| data.as_ref().err()).map(String::as_str),
        executions: executions.iter().map(execution_json).collect(),
    }
}

fn head(entry: Option<&Entry>, executions: &[Execution], paint: Paint) -> String {
    let mut text = String::new();
    let mut field = |name: &str, value: &str| {
        let value = if value.is_empty() { "-" } else { value };
        let _ = writeln!(text, "{name:9} {}", one_line(value, 2000));
    };
    let painted = |word: &str| colour(word).map_or(word.to_owned(), |it| paint.paint(it, word));
    match (entry, executions.last()) {
        (Some(entry), _) => {
            field("id", &entry.id.to_string());
            field("type", &entry.task_type);
            field("name", &entry.name);
            field("added", &entry.created.map_or_else(String::new, local));
            field("attempts", &entry.attempts.to_string());
            if let Some(due) = entry.due {
                field("due", &local(due));
            }
            if entry.lock != task_store::LockKey::Free {
                field("run by", &holder(entry.lock));
            }
            if !entry.reason.is_empty() {
                field("reason", &entry.reason);
            }
            let _ = writeln!(text, "state     {}", painted(entry.state.as_str()));
        }
        (None, Some(last)) => {
            field("id", &last.id.to_string());
            field("type", &last.task_type);
            field("name", &last.name);
            let _ = writeln!(text, "state     done: {}", painted(last.outcome.as_str()));
        }
        (None, None) => {}
    }
    text
}

fn tell(text: &mut String, execution: &Execution, paint: Paint) {
    let outcome = execution.outcome.as_str();
    let painted = colour(outcome).map_or(outcome.to_owned(), |it| paint.paint(it, outcome));
    let _ = write!(text, "\n{}  {painted}", local(execution.started));
    if execution.node > 0 {
        let [took, cpu, memory] = costs(execution);
        let _ = write!(text, " on node {} after {took}", execution.node);
        for (what, cost) in [("CPU", cpu), ("memory", memory)] {
            if !cost.is_empty() {
                let _ = write!(text, ", {what} {cost}");
            }
        }
    }
    text.push('\n');
    for (name, told) in [("error", &execution.error), ("output", &execution.output)] {
        if let Some(told) = told.as_deref().filter(|told| !told.trim().is_empty()) {
            block(text, name, told);
        }
    }
}

/// A text of several lines under its name.
fn block(text: &mut String, name: &str, told: &str) {
    let _ = writeln!(text, "{name}");
    for line in lines(told) {
        let _ = writeln!(text, "    {line}");
    }
}
