//! What an image has left of its limits while it is read.

use crate::error::Error;
use crate::limits::{Limits, MAX_DEPTH};

/// The limits, and what is used of them.
pub(crate) struct Budget {
    limits: Limits,
    depth: usize,
    values: usize,
    bytes: usize,
}

impl Budget {
    pub(crate) fn new(limits: Limits) -> Self {
        let limits = Limits { depth: limits.depth.min(MAX_DEPTH), ..limits };
        Self { limits, depth: 0, values: 0, bytes: 0 }
    }

    /// One level deeper.
    pub(crate) fn enter(&mut self, offset: usize) -> Result<(), Error> {
        spend(&mut self.depth, 1, self.limits.depth, "levels", offset)
    }

    pub(crate) fn leave(&mut self) {
        self.depth -= 1;
    }

    /// One more scalar, array or hash.
    pub(crate) fn value(&mut self, offset: usize) -> Result<(), Error> {
        spend(&mut self.values, 1, self.limits.values, "values", offset)
    }

    /// So many more bytes of strings.
    pub(crate) fn bytes(&mut self, count: usize, offset: usize) -> Result<(), Error> {
        spend(&mut self.bytes, count, self.limits.bytes, "bytes of strings", offset)
    }
}

fn spend(
    used: &mut usize,
    count: usize,
    limit: usize,
    what: &'static str,
    offset: usize,
) -> Result<(), Error> {
    *used = used.saturating_add(count);
    if *used > limit { Err(Error::Limit { offset, what, limit }) } else { Ok(()) }
}
