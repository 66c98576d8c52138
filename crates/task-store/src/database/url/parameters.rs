//! The parameters of a URL: which there may be, and what they say.

use std::fmt::Write as _;

use crate::database::error::{Error, Result};

/// The parameters that a URL of PostgreSQL may have; `options[NAME]` too.
pub(super) const POSTGRES: &[&str] = &[
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "ssl-ca",
    "ssl-cert",
    "ssl-key",
    "ssl-mode",
    "ssl-root-cert",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "statement-cache-capacity",
    "target_session_attrs",
    "user",
];

/// The parameters that a URL of MariaDB or MySQL may have.
pub(super) const MARIADB: &[&str] = &[
    "charset",
    "collation",
    "socket",
    "ssl-ca",
    "ssl-cert",
    "ssl-key",
    "ssl-mode",
    "sslca",
    "sslcert",
    "sslkey",
    "sslmode",
    "statement-cache-capacity",
    "time-zone",
    "timezone",
];

/// How strictly a server's certificate is verified.
pub(super) const MODES: [&str; 2] = ["ssl-mode", "sslmode"];

/// The authorities that may have signed it.
pub(super) const ROOTS: [&str; 4] = ["ssl-ca", "ssl-root-cert", "sslca", "sslrootcert"];

/// Which server is wanted: ours is always one that takes writes.
const ATTRIBUTES: &str = "target_session_attrs";

pub(super) const ENCODE: &str =
    "in a user or password, : is %3A, / is %2F, @ is %40, ? is %3F, # is %23";

/// Percent-encoded bytes as they are.
pub(super) fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let code = tail.get(..2).filter(|_| *first == b'%').and_then(|it| str::from_utf8(it).ok());
        let byte = code.and_then(|code| u8::from_str_radix(code, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

pub(super) fn invalid<T>(what: impl Into<String>) -> Result<T> {
    Err(Error::Invalid(format!("the URL of the database: {}", what.into())))
}

/// The names and values, of which each name is known.
pub(super) fn parameters<'a>(query: &'a str, known: &[&str]) -> Result<Vec<(&'a str, &'a str)>> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let mut parameters = Vec::new();
    for (name, value) in pairs {
        let is_option = name.starts_with("options[") && known.contains(&"options");
        if !known.contains(&name) && !is_option {
            if query.contains('@') {
                return invalid(format!(
                    "a parameter is not known, or a ? is no parameter's; {ENCODE}"
                ));
            }
            let nearest = nearest(name, known).map_or_else(
                || format!("known are {}", known.join(", ")),
                |nearest| format!("did you mean {nearest}?"),
            );
            return invalid(format!("the parameter {name} is not known; {nearest}"));
        }
        parameters.push((name, value));
    }
    Ok(parameters)
}

/// The query as the driver knows it.
pub(super) fn query_of(parameters: &[(&str, &str)]) -> Result<String> {
    let mut query = String::new();
    for (name, value) in parameters {
        if *name != ATTRIBUTES {
            query.push(if query.is_empty() { '?' } else { '&' });
            let _ = write!(query, "{name}={value}");
        } else if !matches!(*value, "any" | "primary" | "read-write") {
            return invalid(format!(
                "{ATTRIBUTES}: tasks are written, so it is read-write, with or without this parameter"
            ));
        }
    }
    Ok(query)
}

/// The known name that was meant, it seems.
fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let far = name.len() / 3 + 1;
    let near = known.iter().map(|it| (distance(name, it), *it)).filter(|(steps, _)| *steps <= far);
    near.min().map(|(_, it)| it)
}

/// How many letters must be changed, added or left out.
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, letter) in one.bytes().enumerate() {
        let mut corner = line;
        row[0] = line + 1;
        for (column, other) in other.bytes().enumerate() {
            let change = corner + usize::from(letter != other);
            corner = row[column + 1];
            row[column + 1] = change.min(corner + 1).min(row[column] + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}
