//! The lists of the Perl module `Set::Crontab`: `1,2-4,*/3,!13,>9,<15`; anything else is ignored.

/// More values than the `!n` of a text of maximum length can remove: a range that still has values beyond its field
/// after this number is refused, however long it is.
const MOST_VALUES: usize = 1_024;

/// The values from 0 to `end` that a text names, in ascending order, including repeated ones and those beyond `end`.
/// The error is the problem in words.
pub(crate) fn expand(text: &str, end: u64) -> Result<Vec<u64>, String> {
    let Elements { mut picked, bounds, excluded } = elements(text, end)?;
    let all = 0..=end;
    // The conditions of a field were one Perl expression: if one of them is invalid, none holds.
    if !bounds.is_empty() {
        let holds = |value: u64| bounds.iter().all(|bound| bound.holds(value));
        picked.extend(all.clone().filter(|&value| holds(value)));
    }
    if !excluded.is_empty() {
        if picked.is_empty() {
            picked.extend(all);
        }
        picked.retain(|&value| excluded.iter().all(|n| n.is_some_and(|n| n != value)));
    }
    picked.sort_unstable();
    Ok(picked)
}

/// The elements of a list by kind; a number that Perl could not read is left out.
#[derive(Default)]
struct Elements {
    picked: Vec<u64>,
    bounds: Vec<Bound>,
    excluded: Vec<Option<u64>>,
}

enum Bound {
    Below(Option<u64>),
    Above(Option<u64>),
}

impl Bound {
    fn holds(&self, value: u64) -> bool {
        match self {
            Bound::Below(number) => number.is_some_and(|number| value < number),
            Bound::Above(number) => number.is_some_and(|number| value > number),
        }
    }
}

fn elements(text: &str, end: u64) -> Result<Elements, String> {
    let mut elements = Elements::default();
    for element in text.split(',') {
        let (body, step) = split_step(element);
        let after = |sign| body.strip_prefix(sign).filter(|number| is_number(number));
        if let Some(number) = after('!') {
            elements.excluded.push(source_number(number));
        } else if let Some(number) = after('<') {
            elements.bounds.push(Bound::Below(source_number(number)));
        } else if let Some(number) = after('>') {
            elements.bounds.push(Bound::Above(source_number(number)));
        } else if let Some((first, last)) = range(body, end) {
            if first.max(last) > i64::MAX.unsigned_abs() {
                return Err(format!("{body} is above {end}"));
            }
            if first <= last {
                let values = (first..=last).step_by(step_width(step)?);
                elements.picked.extend(values.take(MOST_VALUES));
            }
        }
    }
    Ok(elements)
}

/// `body/step`; without digits after the last slash, the slash is part of an element that is ignored.
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

/// The first and the last value of a number, a star or a range.
fn range(body: &str, end: u64) -> Option<(u64, u64)> {
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

/// A number too large for 64 bits is too large for any field.
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
