//! The rest of an image's limits while it is read.

use crate::error::Error;
use crate::limits::{Limits, MAX_DEPTH};

/// The limits, and the part that is used.
pub(crate) struct Budget {
    limits: Limits,
    values: usize,
    bytes: usize,
}

impl Budget {
    pub(crate) fn new(limits: Limits) -> Self {
        let limits = Limits { depth: limits.depth.min(MAX_DEPTH), ..limits };
        Self { limits, values: 0, bytes: 0 }
    }

    /// Checks the number of open levels.
    pub(crate) fn depth(&self, levels: usize, offset: usize) -> Result<(), Error> {
        within(levels, self.limits.depth, "levels", offset)
    }

    /// Counts one more scalar, array or hash.
    pub(crate) fn value(&mut self, offset: usize) -> Result<(), Error> {
        self.values = self.values.saturating_add(1);
        within(self.values, self.limits.values, "values", offset)
    }

    /// Counts more bytes of strings.
    pub(crate) fn bytes(&mut self, count: usize, offset: usize) -> Result<(), Error> {
        self.bytes = self.bytes.saturating_add(count);
        within(self.bytes, self.limits.bytes, "bytes of strings", offset)
    }
}

fn within(used: usize, limit: usize, what: &'static str, offset: usize) -> Result<(), Error> {
    if used > limit { Err(Error::Limit { offset, what, limit }) } else { Ok(()) }
}
