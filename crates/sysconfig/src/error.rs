//! Why a whole file cannot be used.

use std::fmt;
use std::sync::Arc;

/// A file that cannot be used at all. Displayed as `file:line:column: what`, or `file: what` where the fault has no
/// position in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The file, as it was given.
    pub file: Arc<str>,
    /// Line and column (in characters), both counted from 1.
    pub at: Option<(u32, u32)>,
    /// What was found and what was expected.
    pub what: String,
}

impl Error {
    pub(crate) fn of_file(file: &str, what: impl Into<String>) -> Self {
        Self { file: Arc::from(file), at: None, what: shorten(what.into()) }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            Some((line, column)) => write!(f, "{}:{line}:{column}: {}", self.file, self.what),
            None => write!(f, "{}: {}", self.file, self.what),
        }
    }
}

impl std::error::Error for Error {}

/// A fault at a byte offset of the cleaned text, before the setting or file that it concerns is known.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) at: usize,
    pub(crate) what: String,
}

impl Fault {
    pub(crate) fn new(at: usize, what: impl Into<String>) -> Self {
        Self { at, what: shorten(what.into()) }
    }
}

/// Removes the middle of a long text: what a message quotes may be as long as the file.
pub(crate) fn shorten(text: String) -> String {
    const HEAD: usize = 160;
    const TAIL: usize = 320;
    if text.len() <= HEAD + TAIL {
        return text;
    }
    let (head, tail) = (text.floor_char_boundary(HEAD), text.ceil_char_boundary(text.len() - TAIL));
    format!("{}…{}", &text[..head], &text[tail..])
}
