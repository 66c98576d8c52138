//! `db status`: the tables, their contents, and the workers that use them.

use std::fmt::Write as _;

use serde_json::json;
use task_store::{Count, Dialect, Instance, Pause, SCHEMA_VERSION, SchemaStatus};

use crate::{
    cli::{
        Failure,
        database::Database,
        table::{Cell, Table},
        terminal::{Colour, Paint, print, print_json, width},
    },
    config::database::shown,
    ops::worker::described,
    text::time::local,
};

/// The data of `db status`.
struct Shown {
    database: String,
    dialect: &'static str,
    schema: SchemaStatus,
    counts: Vec<Count>,
    instances: Vec<Instance>,
    pauses: Vec<Pause>,
}

pub(super) async fn run(database: &Database, json: bool) -> Result<(), Failure> {
    let store = &database.store;
    let schema = store.schema_status(&database.identity).await?;
    let mut shown = Shown {
        database: shown(&database.configuration.settings),
        dialect: match store.dialect() {
            Dialect::Sqlite => "SQLite",
            Dialect::Postgres => "PostgreSQL",
            Dialect::MariaDb => "MariaDB or MySQL",
        },
        schema,
        counts: Vec::new(),
        instances: Vec::new(),
        pauses: Vec::new(),
    };
    if shown.schema.missing.is_empty() {
        shown.counts = store.counts().await?;
        shown.instances = store.instances().await?;
        shown.pauses = store.pauses().await?;
    }
    if json {
        print_json(&as_json(&shown))?;
    } else {
        print(&page(&shown, Paint::for_stdout()));
    }
    if shown.schema.is_current() { Ok(()) } else { Err(Failure { code: 4, text: String::new() }) }
}

fn as_json(shown: &Shown) -> serde_json::Value {
    let moved = shown.schema.moved.as_ref().map(|moved| {
        json!({ "remembered_hosts": moved.remembered.hosts, "present_hosts": moved.present.hosts })
    });
    let tasks = shown.counts.iter().map(|count| {
        json!({
            "type": count.task_type, "waiting": count.waiting, "running": count.running,
            "future": count.future, "retry": count.retry, "failed": count.failed,
            "quarantined": count.quarantined, "no-handler": count.no_handler,
        })
    });
    let workers = shown.instances.iter().map(|it| {
        json!({
            "node": it.owner.node(), "instance": it.owner.instance(), "host": it.host,
            "pid": it.pid, "slots": it.slots, "started": it.started, "last_sign": it.beat,
        })
    });
    let pauses = shown.pauses.iter().map(|it| {
        json!({
            "type": Some(&it.task_type).filter(|it| !it.is_empty()),
            "node": Some(it.node).filter(|it| *it > 0),
            "since": it.since, "reason": it.reason,
        })
    });
    json!({
        "database": shown.database,
        "dialect": shown.dialect,
        "version": shown.schema.version,
        "needed_version": SCHEMA_VERSION,
        "is_current": shown.schema.is_current(),
        "missing": shown.schema.missing,
        "moved": moved,
        "tasks": tasks.collect::<Vec<_>>(),
        "workers": workers.collect::<Vec<_>>(),
        "pauses": pauses.collect::<Vec<_>>(),
    })
}

fn page(shown: &Shown, paint: Paint) -> String {
    let mut text = format!("{} ({})\n", shown.database, shown.dialect);
    text.push_str(&paint.paint(
        if shown.schema.is_current() { Colour::Green } else { Colour::Red },
        &verdict(&shown.schema),
    ));
    text.push('\n');
    if let Some(moved) = &shown.schema.moved {
        let warning = format!(
            "This database belongs to {}, not to {}{}: it was copied or restored, and no worker claims \
             its tasks. To run them here, use otrsd db adopt.",
            moved.remembered, moved.present, moved.difference
        );
        let _ = writeln!(text, "{}", paint.paint(Colour::Red, &warning));
    }
    for pause in &shown.pauses {
        let since =
            pause.since.map_or_else(String::new, |since| format!(" since {}", local(since)));
        let note = format!("Paused: {}{since}", described(&pause.task_type, pause.node));
        let _ = writeln!(text, "{}", paint.paint(Colour::Yellow, &note));
    }
    if shown.schema.missing.is_empty() {
        text.push('\n');
        text.push_str(&tasks(&shown.counts, paint));
        text.push('\n');
        text.push_str(&workers(&shown.instances, paint));
    }
    text
}

/// The state of the tables, and what to do.
pub(super) fn verdict(schema: &SchemaStatus) -> String {
    match (schema.version, schema.missing.as_slice()) {
        (None, _) => "There are no tables: run otrsd db migrate.".to_owned(),
        (Some(version), []) if version == SCHEMA_VERSION => {
            format!("The tables are up to date, version {version}.")
        }
        (Some(version), []) if version > SCHEMA_VERSION => format!(
            "The tables have version {version}, but this program knows only {SCHEMA_VERSION}: use a newer one."
        ),
        (Some(version), []) => format!(
            "The tables have version {version}, but {SCHEMA_VERSION} is needed: run otrsd db migrate."
        ),
        (_, missing) => format!("Missing tables: {}. Run otrsd db migrate.", missing.join(", ")),
    }
}

fn tasks(counts: &[Count], paint: Paint) -> String {
    if counts.is_empty() {
        return "No tasks.\n".to_owned();
    }
    let header =
        ["type", "waiting", "running", "future", "retry", "failed", "quarantined", "no handler"];
    let mut table = Table::new(&header).right(&[
        "waiting",
        "running",
        "future",
        "retry",
        "failed",
        "quarantined",
        "no handler",
    ]);
    for count in counts {
        let calm = [count.waiting, count.running, count.future, count.retry];
        let bad = [count.failed, count.quarantined, count.no_handler];
        let red = |number: u64| Some(Colour::Red).filter(|_| number > 0);
        let mut row = vec![Cell::from(&count.task_type)];
        row.extend(calm.map(|number| Cell::from(number.to_string())));
        row.extend(bad.map(|number| Cell::coloured(&number.to_string(), red(number))));
        table.row(row);
    }
    table.render(paint, width())
}

fn workers(instances: &[Instance], paint: Paint) -> String {
    if instances.is_empty() {
        return "No worker is registered.\n".to_owned();
    }
    let header = ["worker on", "node", "PID", "instance", "slots", "since", "last heartbeat"];
    let mut table = Table::new(&header)
        .right(&["node", "PID", "instance", "slots"])
        .optional(&["instance", "PID", "since"]);
    for it in instances {
        table.row(vec![
            Cell::from(&it.host),
            Cell::from(it.owner.node().to_string()),
            Cell::from(it.pid.to_string()),
            Cell::from(it.owner.instance().to_string()),
            Cell::from(it.slots.to_string()),
            Cell::from(it.started.map_or_else(String::new, local)),
            Cell::from(it.beat.map_or_else(String::new, local)),
        ]);
    }
    table.render(paint, width())
}
