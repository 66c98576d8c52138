//! A task's data on the command line: JSON, in the argument, a file or standard input.

use std::{
    fs::File,
    io::{self, Read},
};

use task_store::{Payload, PayloadError};

use crate::cli::{Failure, table::one_line};

/// Anything larger belongs in a file whose name is the task's data.
const MOST: u64 = 16 * 1024 * 1024;
/// How much of a bad line is shown on either side of the error.
const CONTEXT: usize = 50;

/// Reads the argument of `--data`.
///
/// # Errors
///
/// A file that cannot be read, too much data, or invalid JSON: with the location, and a mark below it.
pub(in crate::cli) fn read(argument: &str) -> Result<Payload, Failure> {
    let (source, text) = match argument.strip_prefix('@') {
        Some(path) => {
            let unread = |error: io::Error| Failure::failed(format!("--data: {path}: {error}"));
            let file = File::open(path).map_err(unread)?;
            (path.to_owned(), limited(file).map_err(unread)?)
        }
        None if argument == "-" => {
            let unread =
                |error: io::Error| Failure::failed(format!("--data: standard input: {error}"));
            ("standard input".to_owned(), limited(io::stdin().lock()).map_err(unread)?)
        }
        None => ("argument".to_owned(), argument.to_owned()),
    };
    text.parse().map_err(|error| {
        Failure::usage(match error {
            PayloadError::Json(error) => complaint(&source, &text, &error),
            other => format!("--data: {source}: {other}"),
        })
    })
}

fn limited(source: impl Read) -> io::Result<String> {
    let mut text = String::new();
    source.take(MOST + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MOST {
        let most = format!("more than {} MiB of data", MOST / 1024 / 1024);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, most));
    }
    Ok(text)
}

/// What, where, and the line with a mark below the location.
fn complaint(source: &str, text: &str, error: &serde_json::Error) -> String {
    let (row, column) = (error.line(), error.column());
    let what = error.to_string();
    let what = what.split(" at line ").next().unwrap_or_default();
    let line = text.lines().nth(row.saturating_sub(1)).unwrap_or_default();
    // serde_json counts bytes, up to the last that it has read.
    let before = line.get(..column.saturating_sub(1)).unwrap_or(line).chars().count();
    let first = before.saturating_sub(CONTEXT);
    let part: String = line.chars().skip(first).take(2 * CONTEXT).map(tame).collect();
    let mark = " ".repeat(before - first);
    let line = one_line(&part, 2 * CONTEXT);
    format!(
        "--data: {source}, line {row}, column {column}: invalid JSON: {what}\n  {line}\n  {mark}^"
    )
}

/// Replaces characters that would move the mark.
fn tame(character: char) -> char {
    if character.is_control() { ' ' } else { character }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_json_is_pointed_at() {
        for (text, expected) in [
            (
                "{\"a\": 1,\n \"b\": x}",
                "--data: argument, line 2, column 7: invalid JSON: expected value\n   \"b\": x}\n        ^",
            ),
            (
                "{'a': 1}",
                "--data: argument, line 1, column 2: invalid JSON: key must be a string\n  {'a': 1}\n   ^",
            ),
            (
                "[\"ü\", ]",
                "--data: argument, line 1, column 8: invalid JSON: expected value\n  [\"ü\", ]\n        ^",
            ),
            (
                "[1",
                "--data: argument, line 1, column 2: invalid JSON: EOF while parsing a list\n  [1\n   ^",
            ),
            (
                "",
                "--data: argument, line 1, column 0: invalid JSON: EOF while parsing a value\n  \n  ^",
            ),
        ] {
            assert_eq!(read(text).unwrap_err().text, expected, "{text}");
        }
    }

    #[test]
    fn what_is_json_stays_as_it_is_written() {
        for text in [
            "12345678901234567890123",
            "1e999",
            "-0.10",
            r#"{"b": 1, "a" :2, "b":3}"#,
            r#""\ud800""#,
        ] {
            assert_eq!(read(&format!("\n {text} ")).unwrap().text(), text);
        }
    }

    #[test]
    fn depth_and_long_lines_are_no_trouble() {
        let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(read(&nested(127)).is_ok());
        let too_deep = read(&nested(100_000)).unwrap_err().text;
        assert_eq!(
            too_deep,
            "--data: argument: the payload has more than 127 levels of arrays and objects"
        );
        let long = format!("[{} x]", "1, ".repeat(1000));
        let complaint = read(&long).unwrap_err().text;
        let lines: Vec<_> = complaint.lines().collect();
        assert_eq!(lines[1].find('x'), lines[2].find('^'), "{complaint}");
        assert!(complaint.len() < 400, "{complaint}");
    }
}
