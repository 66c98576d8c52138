//! Limits that keep a small hostile image from becoming a large value.

/// Levels of nesting that are read or written at most; a reference and what it
/// refers to are one level each, so this is an array in an array 512 times.
/// It is as deep as a stock Perl 5.36 freezes, and keeps recursion (reading,
/// writing, comparing, dropping) within a small stack.
pub const MAX_DEPTH: usize = 1024;

/// What one image may become. Shared data is read as copies, so the value can
/// be far larger than its image: it is the value that is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Levels of nesting; no more than [`MAX_DEPTH`] count.
    pub depth: usize,
    /// Scalars, references, arrays and hashes together.
    pub values: usize,
    /// Bytes of all strings, keys and class names together.
    pub bytes: usize,
}

impl Default for Limits {
    /// [`MAX_DEPTH`] levels, 1,000,000 values, 64 MiB of strings: beyond any task, within a daemon's memory.
    fn default() -> Self {
        Self { depth: MAX_DEPTH, values: 1_000_000, bytes: 64 << 20 }
    }
}
