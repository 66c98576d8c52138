//! `cron next`: the fire times of a cron task, of a schedule, or of all cron tasks, with the effects of clock changes.

use std::iter;

use clap::{Args, ValueEnum};
use cron_events::{Dialect, Occurrence, Schedule};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde_json::json;
use task_store::later;

use super::{calendar::Calendar, civil, note};
use crate::{
    cli::{Failure, Program, terminal::is_printed},
    clock,
    config::{
        cron_tasks::{self, CronTask},
        time_zone,
    },
    ops,
    text::{escape::one_line, time},
};

#[derive(Args, Debug)]
pub(in crate::cli) struct Next {
    /// Name of a cron task.
    #[arg(required_unless_present_any = ["schedule", "all"])]
    #[arg(conflicts_with_all = ["schedule", "all", "time_zone", "dialect"])]
    name: Option<String>,
    /// A schedule instead, for example '*/10 8-17 * * mon-fri'.
    #[arg(long, value_name = "EXPR", conflicts_with = "all")]
    schedule: Option<String>,
    /// All cron tasks, in order of time; one day unless --to or -n is given.
    #[arg(long, conflicts_with_all = ["previous", "time_zone", "dialect"])]
    all: bool,
    /// Go back in time.
    #[arg(long)]
    previous: bool,
    /// Start: RFC 3339, local time, or an offset such as +7d [default: now].
    #[arg(long, value_name = "TIME", value_parser = time::argument, allow_hyphen_values = true)]
    from: Option<Timestamp>,
    /// End, inclusive.
    #[arg(long, value_name = "TIME", value_parser = time::argument, allow_hyphen_values = true)]
    to: Option<Timestamp>,
    /// Maximum number of fire times [default: 5, without --to].
    #[arg(short = 'n', value_name = "N")]
    number: Option<usize>,
    /// Time zone of the schedule, for example Europe/Berlin.
    #[arg(long, value_name = "TZ", default_value = "UTC")]
    time_zone: String,
    /// Rules for reading the schedule.
    #[arg(long, value_enum, default_value = "vixie")]
    dialect: DialectName,
    /// Print a JSON array of objects: "name" (null for a schedule), "due" (UTC), "civil" (in its zone), "note".
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum DialectName {
    /// The original's rules.
    Perl,
    /// cronie's rules; with six fields, the first is seconds.
    Vixie,
}

/// The output is written in pieces of this size.
const PIECE: usize = 64 << 10;
const USUAL: usize = 5;
const A_DAY: SignedDuration = SignedDuration::from_hours(24);

pub(super) fn run(program: &Program, next: &Next) -> Result<(), Failure> {
    let from = next.from.unwrap_or_else(clock::now_utc);
    if next.to.is_some_and(|to| (to < from) != next.previous && to != from) {
        return Err(Failure::usage("--to is before --from"));
    }
    if next.all {
        let tasks = cron_tasks::read(&program.load()?.settings).tasks;
        if tasks.is_empty() {
            return Err(Failure::failed("no cron task can run; see otrsd check"));
        }
        let to = next.to.or_else(|| next.number.is_none().then(|| later(from, A_DAY)));
        let all = Calendar::new(&tasks, from);
        let all = all.map(|(task, due)| (Some(task.name.as_str()), &task.zone, due));
        print(next, limited(all, next.number, to, false));
        return Ok(());
    }
    let (name, schedule, zone) = asked(program, next)?;
    let following: Box<dyn Iterator<Item = Occurrence>> = if next.previous {
        Box::new(schedule.preceding(from, &zone))
    } else {
        Box::new(schedule.following(from, &zone))
    };
    let all = following.zip(iter::repeat((name.as_deref(), &zone)));
    let all = all.map(|(due, (name, zone))| (name, zone, due));
    let number = next.number.or_else(|| next.to.is_none().then_some(USUAL));
    print(next, limited(all, number, next.to, next.previous));
    Ok(())
}

type Line<'a> = (Option<&'a str>, &'a TimeZone, Occurrence);

fn limited<'a>(
    all: impl Iterator<Item = Line<'a>>,
    number: Option<usize>,
    to: Option<Timestamp>,
    backwards: bool,
) -> impl Iterator<Item = Line<'a>> {
    let is_in = move |due: &Occurrence| match to {
        Some(to) if backwards => due.instant >= to,
        Some(to) => due.instant <= to,
        None => true,
    };
    all.take_while(move |(.., due)| is_in(due)).take(number.unwrap_or(usize::MAX))
}

/// Prints in pieces: a year of many cron tasks is never held in memory as a whole.
fn print<'a>(next: &Next, lines: impl Iterator<Item = Line<'a>>) {
    let mut text = if next.json { "[".to_owned() } else { head(next.all) };
    for (number, (name, zone, due)) in lines.enumerate() {
        if next.json {
            text.push_str(if number == 0 { "\n  " } else { ",\n  " });
            text.push_str(&object(name, zone, &due).to_string());
        } else {
            text.push_str(&line(name.filter(|_| next.all), zone, &due));
        }
        if text.len() >= PIECE && !is_printed(&std::mem::take(&mut text)) {
            return;
        }
    }
    text.push_str(if next.json { "\n]\n" } else { "" });
    is_printed(&text);
}

fn head(with_name: bool) -> String {
    let name = if with_name { format!("{:40}  ", "name") } else { String::new() };
    format!("{:27}  {:20}  {name}note\n", "due", "UTC")
}

fn line(name: Option<&str>, zone: &TimeZone, due: &Occurrence) -> String {
    let name = name.map(|name| format!("{:40}  ", one_line(name, 40))).unwrap_or_default();
    let (due, utc, note) = (civil(due, zone), due.instant.to_string(), note(due));
    format!("{due:27}  {utc:20}  {name}{note}").trim_end().to_owned() + "\n"
}

fn object(name: Option<&str>, zone: &TimeZone, due: &Occurrence) -> serde_json::Value {
    json!({
        "name": name,
        "due": due.instant.to_string(),
        "civil": civil(due, zone),
        "note": due.note.map(|note| note.to_string()),
    })
}

fn asked(program: &Program, next: &Next) -> Result<(Option<String>, Schedule, TimeZone), Failure> {
    let Some(text) = &next.schedule else {
        let name = next.name.as_deref().unwrap_or_default();
        let CronTask { name, schedule, zone, .. } =
            ops::cron::find(&program.load()?.settings, name)?;
        return Ok((Some(name), schedule, zone));
    };
    let dialect = match next.dialect {
        DialectName::Perl => Dialect::Perl,
        DialectName::Vixie => Dialect::Vixie,
    };
    let schedule = Schedule::parse(text, dialect);
    let zone = time_zone(&next.time_zone).map_err(|_| {
        let name = &next.time_zone;
        Failure::usage(format!("this machine's time-zone database knows no '{name}'"))
    })?;
    Ok((None, schedule.map_err(|error| Failure::usage(error.to_string()))?, zone))
}
