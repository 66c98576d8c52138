//! cron next: when a schedule is due, and what changes of the clocks do to it.

use clap::{Args, Subcommand, ValueEnum};
use cron_events::{Dialect, Occurrence, Schedule};
use jiff::{Timestamp, tz::TimeZone};

use super::{
    Failure, Program,
    table::Table,
    terminal::{Paint, print},
    time,
};
use crate::{clock, config::cron_tasks};

#[derive(Debug, Subcommand)]
pub(super) enum CronCommand {
    /// Show when a cron task or a schedule is due.
    Next(Next),
}

#[derive(Args, Debug)]
pub(super) struct Next {
    /// The name of a cron task.
    #[arg(required_unless_present = "schedule", conflicts_with_all = ["schedule", "time_zone", "dialect"])]
    name: Option<String>,
    /// A schedule instead, for example '*/10 8-17 * * mon-fri'.
    #[arg(long, value_name = "EXPR")]
    schedule: Option<String>,
    /// Backwards.
    #[arg(long)]
    previous: bool,
    /// Beginning then: RFC 3339, in your zone, or a distance like +7d; now, if not given.
    #[arg(long, value_name = "TIME", value_parser = time::argument, allow_hyphen_values = true)]
    from: Option<Timestamp>,
    /// How many due instants.
    #[arg(short = 'n', value_name = "N", default_value_t = 5)]
    number: usize,
    /// The time zone of the schedule, for example Europe/Berlin.
    #[arg(long, value_name = "TZ", default_value = "UTC")]
    time_zone: String,
    /// Whose rules the schedule is read by.
    #[arg(long, value_enum, default_value = "vixie")]
    dialect: DialectName,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum DialectName {
    /// As the original reads its settings.
    Perl,
    /// As cronie reads a crontab; six fields begin with seconds.
    Vixie,
}

pub(super) fn run(program: &Program, CronCommand::Next(next): &CronCommand) -> Result<(), Failure> {
    let (schedule, zone) = asked(program, next)?;
    let from = next.from.unwrap_or_else(clock::wall);
    let found: Vec<_> = if next.previous {
        schedule.preceding(from, &zone).take(next.number).collect()
    } else {
        schedule.following(from, &zone).take(next.number).collect()
    };
    if next.json {
        let all: Vec<_> = found.iter().map(|due| object(due, &zone)).collect();
        let text = serde_json::to_string_pretty(&all).map_err(anyhow::Error::from)?;
        print(&format!("{text}\n"));
        return Ok(());
    }
    let mut table = Table::new(&["due", "UTC", "note"]);
    for due in &found {
        let note = due.note.map(|note| note.to_string()).unwrap_or_default();
        let utc = due.instant.to_string();
        table.row(vec![civil(due, &zone).into(), utc.into(), note.into()]);
    }
    print(&table.render(0, Paint::for_stdout()));
    Ok(())
}

fn asked(program: &Program, next: &Next) -> Result<(Schedule, TimeZone), Failure> {
    if let Some(text) = &next.schedule {
        let dialect = match next.dialect {
            DialectName::Perl => Dialect::Perl,
            DialectName::Vixie => Dialect::Vixie,
        };
        let schedule = Schedule::parse(text, dialect);
        let zone = TimeZone::get(&next.time_zone).map_err(|_| {
            let name = &next.time_zone;
            Failure::usage(format!("this machine's time-zone database knows no '{name}'"))
        })?;
        return Ok((schedule.map_err(|error| Failure::usage(error.to_string()))?, zone));
    }
    let name = next.name.as_deref().unwrap_or_default();
    let tasks = cron_tasks::read(&program.load()?.settings).tasks;
    let task = tasks.into_iter().find(|task| task.name == name).ok_or_else(|| {
        Failure::failed(format!("no cron task '{name}' that can run; see otrsd check"))
    })?;
    Ok((task.schedule, task.zone))
}

/// What the clocks of the schedule's zone show.
fn civil(due: &Occurrence, zone: &TimeZone) -> String {
    due.instant.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
}

fn object(due: &Occurrence, zone: &TimeZone) -> serde_json::Value {
    serde_json::json!({
        "due": due.instant.to_string(),
        "civil": civil(due, zone),
        "note": due.note.map(|note| note.to_string()),
    })
}
