//! The dialect of cronie's crontabs, with an optional field for seconds in front.

use crate::bits::Bits;
use crate::error::Error;
use crate::field::Field;
use crate::schedule::Schedule;
use crate::times::{DayRule, Times};

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

pub(crate) fn parse(text: &str) -> Result<Schedule, Error> {
    let fields: Vec<&str> = text.split_ascii_whitespace().collect();
    match fields[..] {
        [name] if name.starts_with('@') => nickname(name).and_then(|fields| schedule("0", fields)),
        [minute, hour, day, month, weekday] => schedule("0", [minute, hour, day, month, weekday]),
        [second, minute, hour, day, month, weekday] => {
            schedule(second, [minute, hour, day, month, weekday])
        }
        _ => Err(Error::FieldCount {
            text: text.to_owned(),
            found: fields.len(),
            expected: "five, six with seconds first, or one @name",
        }),
    }
}

fn nickname(name: &str) -> Result<[&'static str; 5], Error> {
    let problem = match name {
        "@hourly" => return Ok(["0", "*", "*", "*", "*"]),
        "@daily" | "@midnight" => return Ok(["0", "0", "*", "*", "*"]),
        "@weekly" => return Ok(["0", "0", "*", "*", "0"]),
        "@monthly" => return Ok(["0", "0", "1", "*", "*"]),
        "@yearly" | "@annually" => return Ok(["0", "0", "1", "1", "*"]),
        "@reboot" => "names no time: a schedule has no host that boots",
        _ => "is no name of a schedule",
    };
    Err(Error::Nickname { text: name.to_owned(), problem })
}

fn schedule(second: &str, fields: [&str; 5]) -> Result<Schedule, Error> {
    let [minute, hour, day, month, weekday] = fields;
    let open = |text: &str| text.starts_with('*');
    let mut weekdays = set(Field::DayOfWeek, weekday)?;
    if weekdays.has(7) {
        weekdays = Bits(weekdays.0 & 0x7f | 1);
    }
    let times = Times {
        seconds: set(Field::Second, second)?,
        minutes: set(Field::Minute, minute)?,
        hours: set(Field::Hour, hour)?,
        days: set(Field::DayOfMonth, day)?,
        months: set(Field::Month, month)?,
        weekdays,
        day_rule: if open(day) || open(weekday) { DayRule::Both } else { DayRule::Either },
    };
    if !times.possible() {
        return Err(Error::Impossible { days: day.to_owned(), months: month.to_owned() });
    }
    Ok(Schedule {
        times,
        wildcard: open(second) || open(minute) || open(hour),
        moves_skipped: false,
    })
}

/// The values of one field, never empty.
fn set(field: Field, text: &str) -> Result<Bits, Error> {
    let mut bits = Bits::default();
    for element in text.split(',') {
        let (first, last, step) = range(field, element).map_err(|problem| Error::Field {
            field,
            text: text.to_owned(),
            problem,
            allowed: allowed(field),
        })?;
        (first..=last).step_by(step).for_each(|value| bits.insert(value));
    }
    Ok(bits)
}

/// First, last and step of one element of a list.
fn range(field: Field, element: &str) -> Result<(u32, u32, usize), String> {
    if element.contains('~') {
        return Err("random ranges (~) would differ from node to node".to_owned());
    }
    let (body, step) = match element.split_once('/') {
        Some((body, step)) => (body, step_width(step)?),
        None => (element, 1),
    };
    if body == "*" {
        return Ok((*field.values().start(), *field.values().end(), step));
    }
    let Some((first, last)) = body.split_once('-') else {
        if element.contains('/') {
            return Err(format!("a step needs * or a range before it, not {body:?}"));
        }
        let value = value(field, body)?;
        return Ok((value, value, 1));
    };
    let (first, last) = (value(field, first)?, value(field, last)?);
    // The week may end on Sunday in either notation.
    let last = if field == Field::DayOfWeek && last == 0 && first > 0 { 7 } else { last };
    if first > last {
        return Err(format!("the range {body} runs backwards"));
    }
    Ok((first, last, step))
}

fn step_width(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("a step of 0".to_owned()),
        Ok(width) if is_number(text) => Ok(width),
        _ => Err(format!("step {text:?} is no number")),
    }
}

/// A number or a name, checked against the field.
fn value(field: Field, text: &str) -> Result<u32, String> {
    let named = |names: &[&str]| names.iter().position(|name| name.eq_ignore_ascii_case(text));
    let value = match field {
        _ if is_number(text) => text.parse().ok(),
        Field::Month => named(&MONTHS).and_then(|n| u32::try_from(n + 1).ok()),
        Field::DayOfWeek => named(&WEEKDAYS).and_then(|n| u32::try_from(n).ok()),
        _ => None,
    };
    match value {
        Some(value) if field.values().contains(&value) => Ok(value),
        _ if text.is_empty() => Err("a value is missing".to_owned()),
        _ => Err(format!("{text:?} is no {field}")),
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn allowed(field: Field) -> &'static str {
    match field {
        Field::Second | Field::Minute => "0-59, *, a-b, */step, a-b/step, separated by commas",
        Field::Hour => "0-23, *, a-b, */step, a-b/step, separated by commas",
        Field::DayOfMonth => "1-31, *, a-b, */step, a-b/step, separated by commas",
        Field::Month => "1-12 or jan-dec, *, a-b, */step, a-b/step, separated by commas",
        Field::DayOfWeek => "0-7 or sun-sat, *, a-b, */step, a-b/step, separated by commas",
    }
}
