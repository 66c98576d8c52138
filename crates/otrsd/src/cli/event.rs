//! `event fire`: fires an event.

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use task_store::Added;

use super::{
    Failure, Program, database, task,
    terminal::{print, print_json},
};
use crate::{
    clock,
    ops::{
        event::{self, Fired},
        task::title,
    },
    text::time::local,
};

#[derive(Debug, Subcommand)]
pub(super) enum EventCommand {
    /// Enqueue the tasks that the settings register for an event: all of them or none.
    Fire(Fire),
}

#[derive(Args, Debug)]
pub(super) struct Fire {
    /// Name of the event.
    name: String,
    /// Data of the event: JSON, a file (@FILE), or standard input (-).
    #[arg(long, value_name = "JSON|@FILE|-", default_value = "null", hide_default_value = true)]
    data: String,
    /// Print a JSON array of objects: "setting", "task" (null if its limit is reached), "type", "name", "due".
    #[arg(long)]
    json: bool,
}

pub(super) fn run(
    program: &Program,
    EventCommand::Fire(fire): &EventCommand,
) -> Result<(), Failure> {
    let data = task::read_data(&fire.data)?;
    database::ask(program, async |database| {
        let (store, settings) = (&database.store, &database.configuration.settings);
        let fired = event::fire(store, settings, &fire.name, &data, clock::now_utc()).await?;
        if fire.json {
            let all: Vec<Value> = fired.iter().map(object).collect();
            return Ok(print_json(&all)?);
        }
        if fired.is_empty() {
            print("no filter matches: nothing was enqueued\n");
        }
        for it in &fired {
            print(&line(it));
        }
        Ok(())
    })
}

fn line(fired: &Fired) -> String {
    let Fired { setting, task, due, added } = fired;
    let title = title(&task.task_type, &task.name);
    let what = match (added, due) {
        (Added::LimitReached, _) => format!("limit reached: {title}"),
        (Added::Added, None) => format!("{}  {title}", task.id),
        (Added::Added, Some(due)) => format!("{}  {title}, {}", task.id, local(*due)),
    };
    format!("{what}  ({setting})\n")
}

fn object(fired: &Fired) -> Value {
    let Fired { setting, task, due, added } = fired;
    json!({
        "setting": setting,
        "task": (*added == Added::Added).then(|| task.id.to_string()),
        "type": task.task_type,
        "name": task.name,
        "due": due.map(|due| due.to_string()),
    })
}
