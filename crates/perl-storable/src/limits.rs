//! Limits that keep a small hostile image from becoming a large value.

/// The maximum levels of nesting that are read or written. A reference and what it refers to are one level each, so
/// this is an array in an array 512 times. A stock Perl 5.36 freezes the same depth, and the limit keeps recursion
/// (reading, writing, comparing, dropping) within a small stack.
pub const MAX_DEPTH: usize = 1024;

/// The limits of the value of one image. Shared data is read as copies, so the value can be far larger than its image:
/// the limits apply to the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Levels of nesting; at most [`MAX_DEPTH`].
    pub depth: usize,
    /// Scalars, references, arrays and hashes together.
    pub values: usize,
    /// Bytes of all strings, keys and class names together.
    pub bytes: usize,
}

impl Default for Limits {
    /// [`MAX_DEPTH`] levels, 1,000,000 values, 64 MiB of strings: more than any task needs, within a daemon's memory.
    fn default() -> Self {
        Self { depth: MAX_DEPTH, values: 1_000_000, bytes: 64 << 20 }
    }
}
