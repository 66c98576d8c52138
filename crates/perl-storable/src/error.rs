//! The errors of reading an image and of writing a value. Reading errors contain the offset of the byte, counted from
//! the start of the image.

use thiserror::Error;

/// Why an image cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Error {
    /// The image ends too early, or a length in it exceeds the rest.
    #[error("byte {offset}: {left} bytes left, expected at least {wanted} for {expected}")]
    Truncated {
        /// The offset at which the missing part should begin.
        offset: usize,
        /// Bytes needed.
        wanted: usize,
        /// Bytes left.
        left: usize,
        /// What the bytes are needed for.
        expected: &'static str,
    },
    /// The bytes have a value that the format does not allow.
    #[error("byte {offset}: found {found}, expected {expected}")]
    Unexpected {
        /// The offset of the value.
        offset: usize,
        /// What was found.
        found: String,
        /// What was expected.
        expected: &'static str,
    },
    /// Well-formed, but not plain data: code, tied variables, hooks and the like.
    #[error("byte {offset}: found {what}, expected plain data")]
    Unsupported {
        /// The offset of its mark.
        offset: usize,
        /// What it is.
        what: &'static str,
    },
    /// A reference to a structure that contains it.
    #[error(
        "byte {offset}: found a reference to the enclosing structure of byte {target}, expected data without cycles"
    )]
    Cycle {
        /// The offset of the reference.
        offset: usize,
        /// The offset of the structure.
        target: usize,
    },
    /// More data than the [`Limits`](crate::Limits) allow.
    #[error("byte {offset}: more than the limit of {limit} {what}")]
    Limit {
        /// The offset at which the limit was exceeded.
        offset: usize,
        /// What is limited: levels, values or bytes of text.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
}

impl Error {
    /// The offset in the image at which the error occurred.
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
    /// The value is no reference. Perl freezes what a reference points to: an array, a hash, a referenced or a blessed
    /// value.
    #[error("found {found}, expected an array, a hash or a reference")]
    NotAReference {
        /// What is in place of the reference.
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
