//! `status`: the daemon and its modules at a glance.

use jiff::Timestamp;

use super::{
    Failure, Program,
    failure::DEGRADED,
    table::{Cell, Table},
    terminal::{self, Colour, Paint, print},
};
use crate::{
    clock,
    ops::daemon,
    supervisor::status::{Earlier, ModuleStatus, Status},
    text::time::{age, local},
};

pub(super) fn show(program: &Program, json: bool) -> Result<(), Failure> {
    let place = program.find_daemon()?;
    let status = match daemon::status(&place) {
        Ok(status) => status,
        Err(failure) => {
            if json {
                let node_id = place.node_id;
                let none = serde_json::json!({
                    "pid": null, "node_id": node_id, "started": null, "modules": [],
                });
                print(&format!("{none:#}\n"));
            }
            return Err(failure.into());
        }
    };
    if json {
        let text = serde_json::to_string_pretty(&status).map_err(anyhow::Error::from)?;
        print(&format!("{text}\n"));
    } else {
        print(&table(&status, clock::now_utc(), Paint::for_stdout(), terminal::width()));
    }
    if status.degraded.is_some() || status.degraded().next().is_some() {
        return Err(Failure { code: DEGRADED, text: String::new() });
    }
    Ok(())
}

fn table(status: &Status, now: Timestamp, paint: Paint, width: Option<usize>) -> String {
    let Status { version, pid, node_id, started, .. } = status;
    let state = if status.stopping { "stopping" } else { "running" };
    let mut text = format!(
        "otrsd {version} is {state}: PID {pid}, node {node_id}, since {} ({}), {} MB\n",
        local(*started),
        age(*started, now),
        status.rss_kb.div_ceil(1024),
    );
    if let Some(why) = &status.degraded {
        text.push_str(&paint.paint(Colour::Red, &format!("It is degraded: {why}\n")));
    }
    if let Some(error) = &status.configuration_error {
        let note = format!("The configuration on disk is not in use:\n{error}\n");
        text.push_str(&paint.paint(Colour::Red, &note));
    }
    for problem in &status.configuration_problems {
        text.push_str(&paint.paint(Colour::Yellow, &format!("warning: {problem}")));
        text.push('\n');
    }
    if status.modules.is_empty() {
        text.push_str("No module is registered: see DaemonModules in the settings.\n");
        return text;
    }
    let degraded = status.degraded().count();
    let running = status.modules.iter().filter(|module| module.state == "running").count();
    let down = status.modules.len() - running - degraded;
    for (count, how) in [(down, "not running"), (degraded, "degraded")] {
        if count > 0 {
            let verb = if count == 1 { "is" } else { "are" };
            let note = format!("{count} of {} modules {verb} {how}.\n", status.modules.len());
            text.push_str(&paint.paint(Colour::Yellow, &note));
        }
    }
    let header = ["module", "state", "PID", "since", "restarts", "memory", "last exit"];
    let mut table = Table::new(&header)
        .right(&["PID", "since", "restarts", "memory"])
        .optional(&["memory", "restarts"]);
    for module in &status.modules {
        row(&mut table, module, now);
    }
    text.push('\n');
    text.push_str(&table.render(paint, width));
    text
}

fn row(table: &mut Table, module: &ModuleStatus, now: Timestamp) {
    let colour = match module.state.as_str() {
        "running" => Colour::Green,
        "refused" | "waiting" => Colour::Red,
        _ => Colour::Yellow,
    };
    let exit = module.last_exit.as_ref();
    table.row(vec![
        Cell::from(&module.name),
        Cell::coloured(&module.state, Some(colour)),
        Cell::from(module.pid.map_or_else(String::new, |pid| pid.to_string())),
        Cell::from(module.since.map_or_else(String::new, |since| age(since, now))),
        Cell::from(module.restarts.to_string()),
        Cell::from(module.rss_kb.map_or_else(String::new, |kb| format!("{:.1} MB", megabytes(kb)))),
        Cell::from(exit.map_or_else(String::new, |it| format!("{} ago: {it}", age(it.at, now)))),
    ]);
    if let Some(note) = &module.note {
        table.note(note);
    }
    for Earlier { pid, note } in &module.draining {
        let note = note.as_deref().unwrap_or("finishes its work");
        table.note(&format!("its predecessor (PID {pid}) {note}"));
    }
}

fn megabytes(kb: u64) -> f64 {
    f64::from(u32::try_from(kb).unwrap_or(u32::MAX)) / 1024.0
}
