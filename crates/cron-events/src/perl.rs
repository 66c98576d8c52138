//! The dialect of the Perl modules `Schedule::Cron::Events` and `Set::Crontab`. The habits that
//! look like mistakes are theirs; each one is held by the tables in `tests/oracle`.

use crate::bits::Bits;
use crate::error::Error;
use crate::field::Field;
use crate::schedule::Schedule;
use crate::times::{DayRule, Times};

const ALLOWED: &str = "numbers, *, a-b, each with /step, and !n, <n, >n, separated by commas";

/// More values than `!n` can take away again in a text of the longest length allowed: a range that
/// still has values beyond its field after so many is refused, however long it is.
const MOST_VALUES: usize = 1_024;

pub(crate) fn parse(text: &str) -> Result<Schedule, Error> {
    let fields: Vec<&str> = text.split_whitespace().collect();
    if let Some(what) = other_than_schedule(text) {
        return Err(Error::NotASchedule { text: text.to_owned(), what });
    }
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
    Ok(Schedule { times, wildcard: minute.starts_with('*') || hour.starts_with('*') })
}

/// Lines of a crontab which the module passes over.
fn other_than_schedule(text: &str) -> Option<&'static str> {
    if text.trim_start().starts_with('#') {
        return Some("a comment");
    }
    let name = text.find(|c: char| !c.is_alphanumeric() && c != '_')?;
    let value = text[name..].strip_prefix('=')?;
    (name > 0 && value.starts_with(|c: char| !c.is_whitespace())).then_some("a variable setting")
}

/// One field as the set of its values; only the day fields may come out empty.
fn set(field: Field, text: &str) -> Result<Bits, Error> {
    let mut values = expand(field, text)?;
    if field == Field::DayOfWeek && values.last() == Some(&7) {
        values.pop();
        values.insert(0, 0);
    }
    let (first, last) = match field {
        Field::DayOfWeek => (0, 6),
        field => (*field.values().start(), *field.values().end()),
    };
    if let Some(beyond) = values.last().filter(|&&value| value > u64::from(last)) {
        let problem = match field {
            // The module turns one 7 into Sunday and stumbles over the second.
            Field::DayOfWeek if *beyond == 7 => "7 is named twice".to_owned(),
            _ => format!("{beyond} is above {}", field.values().end()),
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

/// The values a text names, in ascending order, those beyond the field included.
fn expand(field: Field, text: &str) -> Result<Vec<u64>, Error> {
    // The module counts day of month and month from 0, and drops the 0 at the end.
    let all = 0..=u64::from(*field.values().end());
    let mut list = Vec::new();
    let (mut bounds, mut excluded) = (Vec::new(), Vec::new());
    for element in text.split(',') {
        let (body, step) = split_step(element);
        if let Some(number) = body.strip_prefix('!').filter(|n| is_number(n)) {
            excluded.push(source_number(number));
        } else if let Some(number) = body.strip_prefix(['<', '>']).filter(|n| is_number(n)) {
            bounds.push((body.starts_with('<'), source_number(number)));
        } else if let Some((first, last)) = pick(body, *all.end()) {
            if first.max(last) > i64::MAX.unsigned_abs() {
                return Err(error(field, text, format!("{body} is above {}", all.end())));
            }
            if first <= last {
                let step = step_width(step).map_err(|problem| error(field, text, problem))?;
                list.extend((first..=last).step_by(step).take(MOST_VALUES));
            }
        }
    }
    // The conditions of a field are one Perl expression: one of them broken, and none holds.
    if let Some(bounds) = all_or_none(bounds, |(below, n)| n.map(|n| (below, n))) {
        let holds =
            |value: u64| bounds.iter().all(|&(below, n)| if below { value < n } else { value > n });
        list.extend(all.clone().filter(|&value| !bounds.is_empty() && holds(value)));
    }
    if !excluded.is_empty() {
        let from = if list.is_empty() { all.collect() } else { list };
        let excluded = all_or_none(excluded, |n| n);
        list = from;
        list.retain(|value| excluded.as_ref().is_some_and(|n| !n.contains(value)));
    }
    list.sort_unstable();
    Ok(list)
}

/// `body/step`; without digits after the last slash, the slash is part of an element to ignore.
fn split_step(element: &str) -> (&str, Option<&str>) {
    match element.rsplit_once('/') {
        Some((body, step)) if is_number(step) => (body, Some(step)),
        _ => (element, None),
    }
}

/// "0" is no step to Perl, "00" is the number 0.
fn step_width(step: Option<&str>) -> Result<usize, &'static str> {
    match step {
        None | Some("0") => Ok(1),
        Some(step) => match decimal(step) {
            0 => Err("a step of 0"),
            width => Ok(usize::try_from(width).unwrap_or(usize::MAX)),
        },
    }
}

/// First and last of a number, a star or a range.
fn pick(body: &str, end: u64) -> Option<(u64, u64)> {
    match body.split_once('-') {
        _ if body == "*" => Some((0, end)),
        _ if is_number(body) => Some((decimal(body), decimal(body))),
        Some((a, b)) if is_number(a) && is_number(b) => Some((decimal(a), decimal(b))),
        _ => None,
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Too large for 64 bits is too large for any field.
fn decimal(digits: &str) -> u64 {
    digits.parse().unwrap_or(u64::MAX)
}

/// A number that Perl read as source code: with a leading 0 it is octal, or no number at all.
fn source_number(digits: &str) -> Option<u64> {
    match digits.strip_prefix('0') {
        Some(octal) if octal.bytes().any(|digit| digit > b'7') => None,
        Some(octal) if !octal.is_empty() => Some(u64::from_str_radix(octal, 8).unwrap_or(u64::MAX)),
        _ => Some(decimal(digits)),
    }
}

fn all_or_none<T, U>(items: Vec<T>, read: impl Fn(T) -> Option<U>) -> Option<Vec<U>> {
    items.into_iter().map(read).collect()
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
