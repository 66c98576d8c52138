//! What the error codes of the databases mean: whether an administrator must act, whether waiting helps, and whether
//! anything can have been changed.

use std::borrow::Cow;

use sqlx::error::{DatabaseError, ErrorKind};
use sqlx::mysql::MySqlDatabaseError;
use sqlx::postgres::{PgDatabaseError, PgSeverity};

use crate::database::error::Error;

/// What to do about a pooler that gives each transaction, or each statement, another session.
pub(crate) const POOLED: &str = "a pooler before the server shares its sessions; set its pool mode to session \
    (PgBouncer: pool_mode = session) for this database, or name the server itself in DatabaseURL";

/// What the caller of a statement can do about the error of a server, or of SQLite.
pub(crate) fn meaning(error: &dyn DatabaseError) -> Error {
    let text = error.message().to_owned();
    if error.kind() == ErrorKind::UniqueViolation {
        return Error::Duplicate(text);
    }
    let code = error.code().unwrap_or(Cow::Borrowed(""));
    if let Some(error) = error.try_downcast_ref::<MySqlDatabaseError>() {
        return of_mariadb(error.number(), text);
    }
    if let Some(error) = error.try_downcast_ref::<PgDatabaseError>() {
        let ends = matches!(error.severity(), PgSeverity::Fatal | PgSeverity::Panic);
        return of_postgres(&code, ends, text);
    }
    of_sqlite(&code, text)
}

/// By SQLSTATE. An error that ends the session may come after a commit, any other one undoes the transaction.
fn of_postgres(code: &str, ends_session: bool, text: String) -> Error {
    match code {
        "40001" | "40P01" | "55P03" => Error::Conflict(text),
        "42P07" => Error::Duplicate(text),
        "42P01" | "42703" | "42704" | "3F000" => Error::Schema(text),
        "25006" => Error::NotWritable(text),
        // The names of prepared statements belong to a session.
        "26000" | "42P05" => Error::Refused(format!("{text}: {POOLED}")),
        "08P01" if text.contains("statement pooling mode") => {
            Error::Refused(format!("{text}: {POOLED}"))
        }
        // Cancelled by a deadline.
        "57014" => Error::Unavailable(text),
        _ => match code.get(..2) {
            Some("08" | "57" | "58") if ends_session => Error::Disconnected(text),
            // No memory, no disk, too many connections, shutting down.
            Some("08" | "53" | "57" | "58") => Error::Unavailable(text),
            _ => Error::Refused(text),
        },
    }
}

/// By error number, the same in MariaDB and MySQL. Galera's certification failure is 1213 too.
fn of_mariadb(number: u16, text: String) -> Error {
    match number {
        1020 | 1205 | 1213 | 3572 => Error::Conflict(text),
        1054 | 1146 => Error::Schema(text),
        // A node of Galera that lost its cluster; --read-only; a transaction that only reads; InnoDB's own.
        1047 | 1290 | 1792 | 1836 => Error::NotWritable(text),
        // Cut off or shut down in the middle of it.
        1030 | 1053 | 1158..=1161 | 1317 | 1927 | 2006 | 2013 | 4031 => Error::Disconnected(text),
        // Too many connections, no memory, disk full, a commit that Galera undid, a deadline.
        1021 | 1028 | 1040 | 1041 | 1114 | 1180 | 1203 | 1969 | 3024 => Error::Unavailable(text),
        _ => Error::Refused(text),
    }
}

/// By primary result code; sqlx gives the extended one.
fn of_sqlite(code: &str, text: String) -> Error {
    match code.parse::<i32>().unwrap_or(1) & 0xff {
        1 if text.starts_with("no such table") || text.contains("no such column") => {
            Error::Schema(text)
        }
        1 if text.contains("has no column named") => Error::Schema(text),
        5 | 6 => Error::Conflict(text),
        // What was written of a commit may be found later.
        9 | 10 => Error::Disconnected(text),
        7 | 13 | 14 | 17 => Error::Unavailable(text),
        _ => Error::Refused(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The name of a variant.
    fn kind(error: &Error) -> String {
        let text = format!("{error:?}");
        text.split(['(', ' ']).next().unwrap_or_default().to_owned()
    }

    #[test]
    fn what_an_error_of_postgres_means_in_a_commit() {
        for (code, ends_session, text, expected) in [
            ("40001", false, "", "Conflict"),
            ("55P03", false, "", "Conflict"),
            ("25006", false, "", "NotWritable"),
            ("57014", false, "", "Unavailable"),
            ("53100", false, "", "Unavailable"),
            ("53300", true, "", "Unavailable"),
            // While it waits for a standby, a commit has happened already.
            ("57P01", true, "", "UnknownOutcome"),
            ("57P02", true, "", "UnknownOutcome"),
            ("08006", true, "", "UnknownOutcome"),
            ("58030", true, "", "UnknownOutcome"),
            ("58030", false, "", "Unavailable"),
            ("26000", false, "", "Refused"),
            ("42P05", false, "", "Refused"),
            ("08P01", false, "transaction blocks not allowed in statement pooling mode", "Refused"),
            ("42501", false, "", "Refused"),
        ] {
            let error = of_postgres(code, ends_session, text.into()).in_commit();
            assert_eq!(kind(&error), expected, "{code}");
        }
    }

    #[test]
    fn what_an_error_of_mariadb_means_in_a_commit() {
        for (number, expected) in [
            (1205, "Conflict"),
            (1213, "Conflict"),
            (1047, "NotWritable"),
            (1290, "NotWritable"),
            (1792, "NotWritable"),
            (1836, "NotWritable"),
            (1180, "Unavailable"),
            (1040, "Unavailable"),
            (1114, "Unavailable"),
            (1969, "Unavailable"),
            (1053, "UnknownOutcome"),
            (1317, "UnknownOutcome"),
            (1927, "UnknownOutcome"),
            (2013, "UnknownOutcome"),
            (1142, "Refused"),
        ] {
            assert_eq!(kind(&of_mariadb(number, String::new()).in_commit()), expected, "{number}");
        }
    }

    #[test]
    fn what_an_error_of_sqlite_means_in_a_commit() {
        for (code, expected) in
            [(5, "Conflict"), (13, "Unavailable"), (10, "UnknownOutcome"), (8, "Refused")]
        {
            let error = of_sqlite(&code.to_string(), String::new()).in_commit();
            assert_eq!(kind(&error), expected, "{code}");
        }
    }
}
