//! The dialect of the Perl module `Schedule::Cron::Events`: its lines and fields. The quirks that look like mistakes
//! are those of the module; the table in `tests/oracle` covers each of them.

use crate::bits::Bits;
use crate::error::Error;
use crate::field::Field;
use crate::schedule::Schedule;
use crate::set_crontab;
use crate::times::{DayRule, Times};

const ALLOWED: &str = "numbers, *, a-b, each with /step, and !n, <n, >n, separated by commas";

pub(crate) fn parse(text: &str) -> Result<Schedule, Error> {
    if let Some(what) = other_than_schedule(text) {
        return Err(Error::NotASchedule { text: text.to_owned(), what });
    }
    let fields: Vec<&str> = text.split_whitespace().collect();
    let [minute, hour, day, month, weekday, ..] = fields[..] else {
        let (found, expected) = (fields.len(), "five");
        return Err(Error::FieldCount { text: text.to_owned(), found, expected });
    };
    let times = Times {
        seconds: Bits(1),
        minutes: set(Field::Minute, minute)?,
        hours: set(Field::Hour, hour)?,
        // A bare star leaves the day to the other field; two of them leave every day of the month.
        days: if day == "*" && weekday != "*" {
            Bits::default()
        } else {
            set(Field::DayOfMonth, day)?
        },
        months: set(Field::Month, month)?,
        weekdays: if weekday == "*" { Bits::default() } else { set(Field::DayOfWeek, weekday)? },
        day_rule: DayRule::Either,
    };
    if times.days.is_empty() && times.weekdays.is_empty() {
        let field = if day == "*" { Field::DayOfWeek } else { Field::DayOfMonth };
        let text = if day == "*" { weekday } else { day };
        return Err(error(field, text, nothing_left(field)));
    }
    if !times.possible() {
        return Err(Error::Impossible { days: day.to_owned(), months: month.to_owned() });
    }
    Ok(Schedule {
        times,
        wildcard: minute.starts_with('*') || hour.starts_with('*'),
        moves_skipped: false,
    })
}

/// Lines of a crontab that the module skips.
fn other_than_schedule(text: &str) -> Option<&'static str> {
    if text.trim_start().starts_with('#') {
        return Some("a comment");
    }
    let name = text.find(|c: char| !c.is_alphanumeric() && c != '_')?;
    let value = text[name..].strip_prefix('=')?;
    (name > 0 && value.starts_with(|c: char| !c.is_whitespace())).then_some("a variable setting")
}

/// The values of one field; only the day fields may be empty.
fn set(field: Field, text: &str) -> Result<Bits, Error> {
    // The module counts every field from 0, and drops the 0 of day of month and month at the end.
    let end = *field.values().end();
    let mut values =
        set_crontab::expand(text, u64::from(end)).map_err(|problem| error(field, text, problem))?;
    if field == Field::DayOfWeek && values.last() == Some(&7) {
        values.pop();
        values.insert(0, 0);
    }
    let (first, last) = match field {
        Field::DayOfWeek => (0, 6),
        field => (*field.values().start(), end),
    };
    if let Some(beyond) = values.last().filter(|&&value| value > u64::from(last)) {
        let problem = match field {
            // The module converts one 7 to Sunday and fails on the second.
            Field::DayOfWeek if *beyond == 7 => "7 is named twice".to_owned(),
            _ => format!("{beyond} is above {end}"),
        };
        return Err(error(field, text, problem));
    }
    let bits: Bits =
        values.iter().filter_map(|&v| u32::try_from(v).ok()).filter(|&v| v >= first).collect();
    if bits.is_empty() && !matches!(field, Field::DayOfMonth | Field::DayOfWeek) {
        return Err(error(field, text, nothing_left(field)));
    }
    Ok(bits)
}

fn nothing_left(field: Field) -> String {
    let values = field.values();
    format!(
        "names no value from {} to {} (names of months and days do not count in this dialect)",
        values.start(),
        values.end()
    )
}

fn error(field: Field, text: &str, problem: impl Into<String>) -> Error {
    Error::Field { field, text: text.to_owned(), problem: problem.into(), allowed: ALLOWED }
}
