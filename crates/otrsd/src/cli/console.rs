//! `list` and `summary`: the original's console commands, in its layout.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use tokio::{runtime, time::timeout};

use super::{
    Failure, Program,
    terminal::{Colour, Paint, print},
};
use crate::{
    config::{Configuration, modules::ModuleSpec},
    module::{ModuleContext, Summary, process, registry::Registry},
};

/// A module that takes longer is left out, and reported.
const DEADLINE: Duration = Duration::from_secs(30);

pub(super) fn run(program: &Program, name: &str, arguments: &[String]) -> Result<(), Failure> {
    match (name, arguments) {
        ("Maint::Daemon::List", []) => list(program, false),
        ("Maint::Daemon::Summary", []) => summary(program, None, false),
        ("Maint::Daemon::Summary", [module]) => summary(program, Some(module), false),
        _ => Err(Failure::usage(
            "unknown console command; known are Maint::Daemon::List and Maint::Daemon::Summary [MODULE]",
        )),
    }
}

pub(super) fn list(program: &Program, json: bool) -> Result<(), Failure> {
    let configuration = program.load()?;
    let mut names: Vec<_> = configuration.modules.iter().map(|spec| &spec.name).collect();
    names.sort();
    if json {
        let text = serde_json::to_string_pretty(&names).map_err(anyhow::Error::from)?;
        print(&format!("{text}\n"));
        return Ok(());
    }
    let paint = Paint::for_stdout();
    let mut text = paint.paint(Colour::Yellow, "Listing system daemons...") + "\n";
    for name in names {
        let _ = writeln!(text, "  {name}");
    }
    print(&(text + &paint.paint(Colour::Green, "Done.") + "\n"));
    Ok(())
}

pub(super) fn summary(program: &Program, module: Option<&str>, json: bool) -> Result<(), Failure> {
    let configuration = program.load()?;
    let specs = match module {
        None => in_console_order(&configuration),
        Some(name) => {
            vec![configuration.module(name).ok_or_else(|| unknown(&configuration, name))?]
        }
    };
    let (summaries, errors) = collect(&configuration, &specs, &program.registry)?;
    if json {
        let by_name: BTreeMap<_, _> = summaries.into_iter().collect();
        let text = serde_json::to_string_pretty(&by_name).map_err(anyhow::Error::from)?;
        print(&format!("{text}\n"));
    } else {
        let whose = module.map_or("all daemons".to_owned(), |name| format!("'{name}'"));
        let tables = summaries.iter().flat_map(|(_, tables)| tables);
        print(&page(&whose, tables, Paint::for_stdout()));
    }
    if errors.is_empty() { Ok(()) } else { Err(Failure::failed(errors.join("\n"))) }
}

fn unknown(configuration: &Configuration, name: &str) -> Failure {
    let refused = configuration.refused.iter().find(|refused| refused.name == name);
    Failure::failed(match refused {
        Some(refused) => refused.problem.to_string(),
        None => format!("no module {name} is registered; otrsd list shows those that are"),
    })
}

/// The order of the original: other modules by name, then the scheduler's.
fn in_console_order(configuration: &Configuration) -> Vec<&ModuleSpec> {
    const LAST: [&str; 4] = [
        "SchedulerFutureTaskManager",
        "SchedulerCronTaskManager",
        "SchedulerGenericAgentTaskManager",
        "SchedulerTaskWorker",
    ];
    let place =
        |name: &str| LAST.iter().position(|last| *last == name).map_or(0, |place| place + 1);
    let mut specs: Vec<_> = configuration.modules.iter().collect();
    specs.sort_by_key(|spec| (place(&spec.name), spec.name.clone()));
    specs
}

/// A module's name and its tables.
type Told<'a> = (&'a str, Vec<Summary>);

/// Constructs the modules in this process and queries each; a module that fails does not affect the others.
fn collect<'a>(
    configuration: &Configuration,
    specs: &[&'a ModuleSpec],
    registry: &Registry,
) -> anyhow::Result<(Vec<Told<'a>>, Vec<String>)> {
    let (mut summaries, mut errors) = (Vec::new(), Vec::new());
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    for spec in specs {
        let settings = configuration.settings.clone();
        let context = ModuleContext::for_summary(spec.name.clone(), settings);
        let asked = runtime.block_on(async {
            timeout(DEADLINE, process::construct(registry, spec, context)?.summary()).await?
        });
        match asked {
            Ok(tables) => summaries.push((spec.name.as_str(), tables)),
            Err(error) => errors.push(format!("{} has no summary: {error:#}", spec.name)),
        }
    }
    Ok((summaries, errors))
}

fn page<'a>(whose: &str, tables: impl Iterator<Item = &'a Summary>, paint: Paint) -> String {
    let title = paint.paint(Colour::Yellow, &format!("Gathering summary for {whose}..."));
    let mut text = format!("\n{title}\n\n");
    for table in tables {
        let _ = writeln!(text, "  {}", paint.paint(Colour::Yellow, &table.header));
        if table.rows.is_empty() {
            let _ = writeln!(text, "    {}\n", table.no_data_message);
        } else {
            let _ = writeln!(text, "{}", grid(table, paint));
        }
    }
    text + &paint.paint(Colour::Green, "Done.") + "\n"
}

/// The original's table: columns as wide as their widest cell, two spaces of indentation.
fn grid(table: &Summary, paint: Paint) -> String {
    let head: Vec<&str> = table.columns.iter().map(|column| column.display_name.as_str()).collect();
    let cell =
        |row: &'_ BTreeMap<String, String>, name: &str| row.get(name).cloned().unwrap_or_default();
    let rows: Vec<Vec<String>> = table
        .rows
        .iter()
        .map(|row| table.columns.iter().map(|column| cell(row, &column.name)).collect())
        .collect();
    let width = |index: usize| {
        let cells = rows.iter().map(|row| row[index].chars().count());
        cells.chain([head[index].chars().count()]).max().unwrap_or(0).max(1)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let dashes: Vec<String> = widths.iter().map(|width| "-".repeat(width + 2)).collect();
    let border = format!("  +{}+\n", dashes.join("+"));
    let line = |cells: Vec<String>| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| {
            let padding = width.saturating_sub(cell.chars().count());
            format!("| {}{:padding$} ", state_colour(cell, paint), "")
        });
        format!("  {}|\n", padded.collect::<String>())
    };
    let mut text = border.clone() + &line(head.iter().map(ToString::to_string).collect()) + &border;
    for row in rows {
        text.push_str(&line(row));
    }
    text + &border
}

fn state_colour(cell: &str, paint: Paint) -> String {
    match cell {
        "Success" => paint.paint(Colour::Green, cell),
        "N/A" => paint.paint(Colour::Yellow, cell),
        "Fail" => paint.paint(Colour::Red, cell),
        _ => cell.to_owned(),
    }
}
