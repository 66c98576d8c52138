//! The common notation of statements, made into the text of a dialect. Pure.
//!
//! `?` is a value, `?t` a time as text, `IN (?*)` and `NOT IN (?*)` a list. Texts of statements are constants
//! of this crate and have no question marks in literals.

use std::fmt::Write as _;

use crate::database::{Argument, Dialect};

/// The statement as the dialect wants it.
pub(super) fn render(sql: &str, dialect: Dialect, arguments: &[Argument<'_>]) -> String {
    let mut text = String::with_capacity(sql.len() + 16);
    let mut rest = sql;
    for (position, argument) in arguments.iter().enumerate() {
        let Some((before, after)) = rest.split_once('?') else { break };
        text.push_str(before);
        rest = match after.as_bytes().first() {
            Some(b'*') => {
                list(&mut text, dialect, position + 1, argument.len());
                // The list's closing parenthesis was the notation's.
                after.get(2..).unwrap_or_default()
            }
            Some(b't') => {
                time(&mut text, dialect, position + 1);
                &after[1..]
            }
            _ => {
                value(&mut text, dialect, position + 1);
                after
            }
        };
    }
    text.push_str(rest);
    text
}

/// How many placeholders a list has where each value needs one: the next power of two, so that lists of
/// all lengths make few different statements.
pub(super) fn padded(length: usize) -> usize {
    length.next_power_of_two()
}

fn value(text: &mut String, dialect: Dialect, position: usize) {
    match dialect {
        Dialect::Postgres => {
            let _ = write!(text, "${position}");
        }
        Dialect::Sqlite => {
            let _ = write!(text, "?{position}");
        }
        Dialect::MariaDb => text.push('?'),
    }
}

/// PostgreSQL wants texts to be told to be times.
fn time(text: &mut String, dialect: Dialect, position: usize) {
    match dialect {
        Dialect::Postgres => {
            let _ = write!(text, "CAST(${position} AS timestamp)");
        }
        _ => value(text, dialect, position),
    }
}

/// After `IN (` or `NOT IN (`.
fn list(text: &mut String, dialect: Dialect, position: usize, length: usize) {
    match dialect {
        Dialect::Postgres => {
            for (of_sql, of_postgres) in [(" NOT IN (", " <> ALL("), (" IN (", " = ANY(")] {
                if let Some(kept) = text.strip_suffix(of_sql).map(str::len) {
                    text.truncate(kept);
                    text.push_str(of_postgres);
                    break;
                }
            }
            let _ = write!(text, "${position})");
        }
        Dialect::Sqlite => {
            let _ = write!(text, "SELECT value FROM json_each(?{position}))");
        }
        Dialect::MariaDb => {
            text.push_str(&vec!["?"; padded(length)].join(","));
            text.push(')');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::render;
    use crate::database::{Argument, Dialect};

    #[test]
    fn each_dialect_gets_its_placeholders() {
        let sql = "UPDATE t SET a = ?t WHERE b = ? AND id IN (?*) AND n NOT IN (?*) AND c = ?";
        let names = ["x".to_owned()];
        let arguments = [
            Argument::from("2026-01-01 00:00:00"),
            Argument::from(1),
            Argument::from(&[1, 2, 3][..]),
            Argument::from(&names[..]),
            Argument::from(2),
        ];
        for (dialect, expected) in [
            (
                Dialect::Postgres,
                "UPDATE t SET a = CAST($1 AS timestamp) WHERE b = $2 AND id = ANY($3) AND n <> ALL($4) AND c = $5",
            ),
            (
                Dialect::Sqlite,
                "UPDATE t SET a = ?1 WHERE b = ?2 AND id IN (SELECT value FROM json_each(?3)) \
                 AND n NOT IN (SELECT value FROM json_each(?4)) AND c = ?5",
            ),
            (
                Dialect::MariaDb,
                "UPDATE t SET a = ? WHERE b = ? AND id IN (?,?,?,?) AND n NOT IN (?) AND c = ?",
            ),
        ] {
            assert_eq!(render(sql, dialect, &arguments), expected, "{dialect:?}");
        }
    }
}
