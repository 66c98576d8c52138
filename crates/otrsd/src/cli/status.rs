//! status: the daemon and its modules at a glance.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::{
    Failure, Program, client,
    terminal::{Colour, Paint, print},
    time::{age, local},
};
use crate::{
    clock,
    supervisor::status::{Earlier, ModuleStatus, Status},
};

pub(super) fn show(program: &Program, json: bool) -> Result<(), Failure> {
    let place = program.find_daemon()?;
    let status = match client::status(&place) {
        Ok(status) => status,
        Err(failure) => {
            if json {
                let node_id = place.node_id;
                let none = serde_json::json!({
                    "pid": null, "node_id": node_id, "started": null, "modules": [],
                });
                print(&format!("{none:#}\n"));
            }
            return Err(failure);
        }
    };
    if json {
        let text = serde_json::to_string_pretty(&status).map_err(anyhow::Error::from)?;
        print(&format!("{text}\n"));
    } else {
        print(&table(&status, clock::wall(), Paint::for_stdout()));
    }
    Ok(())
}

fn table(status: &Status, now: Timestamp, paint: Paint) -> String {
    let Status { version, pid, node_id, started, .. } = status;
    let state = if status.stopping { "stopping" } else { "running" };
    let mut text = format!(
        "otrsd {version} is {state}: PID {pid}, node {node_id}, since {} ({}), {} MB\n",
        local(*started),
        age(*started, now),
        status.rss_kb.div_ceil(1024),
    );
    if let Some(error) = &status.configuration_error {
        let note = format!("The configuration on disk is not in use:\n{error}\n");
        text.push_str(&paint.paint(Colour::Red, &note));
    }
    if status.modules.is_empty() {
        text.push_str("No module is registered: see DaemonModules in the settings.\n");
        return text;
    }
    let down = status.modules.iter().filter(|module| module.state != "running").count();
    if down > 0 {
        let note = format!("{down} of {} modules are not running.\n", status.modules.len());
        text.push_str(&paint.paint(Colour::Yellow, &note));
    }
    let width = status.modules.iter().map(|module| module.name.len()).max().unwrap_or(0).max(6);
    let _ = writeln!(
        text,
        "\n{:width$}  {:8}  {:>7}  {:>7}  {:>8}  {:>7}  last exit",
        "module", "state", "PID", "since", "restarts", "memory"
    );
    for module in &status.modules {
        row(&mut text, module, width, now, paint);
    }
    text
}

fn row(text: &mut String, module: &ModuleStatus, width: usize, now: Timestamp, paint: Paint) {
    let dash = || "-".to_owned();
    let state = format!("{:8}", module.state);
    let state = match module.state.as_str() {
        "running" => paint.paint(Colour::Green, &state),
        "refused" | "waiting" => paint.paint(Colour::Red, &state),
        _ => paint.paint(Colour::Yellow, &state),
    };
    let pid = module.pid.map_or_else(dash, |pid| pid.to_string());
    let since = module.since.map_or_else(dash, |since| age(since, now));
    let memory = module.rss_kb.map_or_else(dash, |kb| format!("{:.1} MB", megabytes(kb)));
    let exit = module
        .last_exit
        .as_ref()
        .map_or_else(dash, |exit| format!("{} ago: {exit}", age(exit.at, now)));
    let _ = writeln!(
        text,
        "{:width$}  {state}  {pid:>7}  {since:>7}  {:>8}  {memory:>7}  {exit}",
        module.name, module.restarts
    );
    if let Some(note) = &module.note {
        let _ = writeln!(text, "{:width$}  {note}", "");
    }
    for Earlier { pid, note } in &module.draining {
        let note = note.as_deref().unwrap_or("ends what it began");
        let _ = writeln!(text, "{:width$}  its earlier life (PID {pid}) {note}", "");
    }
}

fn megabytes(kb: u64) -> f64 {
    f64::from(u32::try_from(kb).unwrap_or(u32::MAX)) / 1024.0
}
