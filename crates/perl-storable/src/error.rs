//! Why an image cannot be read, or a value cannot be written. Reading errors
//! name the byte they were met at, counted from the start of the image.

use thiserror::Error;

/// Why an image cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Error {
    /// The image ends too early, or a length in it is larger than what is left.
    #[error("byte {offset}: {left} bytes left, expected at least {wanted} for {expected}")]
    Truncated {
        /// Where the missing part should begin.
        offset: usize,
        /// Bytes needed.
        wanted: usize,
        /// Bytes there.
        left: usize,
        /// What the bytes are needed for.
        expected: &'static str,
    },
    /// The bytes are there, but say something else than the format allows.
    #[error("byte {offset}: found {found}, expected {expected}")]
    Unexpected {
        /// Where it was found.
        offset: usize,
        /// What was found.
        found: String,
        /// What would have been right.
        expected: &'static str,
    },
    /// Well-formed, but not plain data: code, tied variables, hooks and the like.
    #[error("byte {offset}: found {what}, expected plain data")]
    Unsupported {
        /// Where its mark is.
        offset: usize,
        /// What it is.
        what: &'static str,
    },
    /// A reference to a structure that contains it.
    #[error(
        "byte {offset}: found a reference to the enclosing structure of byte {target}, expected data without cycles"
    )]
    Cycle {
        /// Where the reference is.
        offset: usize,
        /// Where the structure begins.
        target: usize,
    },
    /// More data than the [`Limits`](crate::Limits) allow.
    #[error("byte {offset}: more than the limit of {limit} {what}")]
    Limit {
        /// Where the limit was passed.
        offset: usize,
        /// What is limited: levels, values or bytes of text.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
}

impl Error {
    /// The byte of the image the error was met at.
    pub fn offset(&self) -> usize {
        match self {
            Self::Truncated { offset, .. }
            | Self::Unexpected { offset, .. }
            | Self::Unsupported { offset, .. }
            | Self::Cycle { offset, .. }
            | Self::Limit { offset, .. } => *offset,
        }
    }
}

/// Why a value cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FreezeError {
    /// Perl freezes what a reference points to: an array, a hash, a referenced or a blessed value.
    #[error("found {found}, expected an array, a hash or a reference")]
    NotAReference {
        /// What stands where a reference must be.
        found: &'static str,
    },
    /// Nested deeper than [`MAX_DEPTH`](crate::MAX_DEPTH).
    #[error("nested deeper than {limit} levels")]
    TooDeep {
        /// The limit.
        limit: usize,
    },
    /// A string, key, array or hash too long for the format's 31-bit lengths.
    #[error("length {length}, expected at most {}", i32::MAX)]
    TooLong {
        /// Its length.
        length: usize,
    },
}
