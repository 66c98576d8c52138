//! A cursor over an image that never reads past its end.

use crate::error::Error;

/// The byte order of lengths and numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Big-endian: `nfreeze` and `nstore`.
    Network,
    /// That of a little-endian machine with 64-bit integers: `freeze` and `store`.
    Native,
}

/// The image, and the position in it.
pub(crate) struct Reader<'a> {
    image: &'a [u8],
    position: usize,
    /// Set once the header is read.
    pub(crate) order: Order,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(image: &'a [u8]) -> Self {
        Self { image, position: 0, order: Order::Network }
    }

    pub(crate) fn position(&self) -> usize {
        self.position
    }

    /// Moves to a position that was reached before, and returns the present one.
    pub(crate) fn jump(&mut self, position: usize) -> usize {
        std::mem::replace(&mut self.position, position)
    }

    pub(crate) fn left(&self) -> usize {
        self.image.len().saturating_sub(self.position)
    }

    /// Skips `prefix` if the image continues with it, and returns whether it does.
    pub(crate) fn skip(&mut self, prefix: &[u8]) -> bool {
        let found = self.rest().starts_with(prefix);
        if found {
            self.position += prefix.len();
        }
        found
    }

    /// At most `count` of the next bytes, for an error.
    pub(crate) fn peek(&self, count: usize) -> &'a [u8] {
        let rest = self.rest();
        rest.get(..count).unwrap_or(rest)
    }

    pub(crate) fn take(&mut self, count: usize, expected: &'static str) -> Result<&'a [u8], Error> {
        let taken = self.rest().get(..count).ok_or_else(|| self.truncated(count, expected))?;
        self.position += count;
        Ok(taken)
    }

    pub(crate) fn text(&mut self, count: usize, expected: &'static str) -> Result<&'a str, Error> {
        let start = self.position;
        str::from_utf8(self.take(count, expected)?).map_err(|error| Error::Unexpected {
            offset: start + error.valid_up_to(),
            found: format!("something else than UTF-8 in {expected}"),
            expected: "UTF-8",
        })
    }

    pub(crate) fn byte(&mut self, expected: &'static str) -> Result<u8, Error> {
        self.array(expected).map(|[byte]| byte)
    }

    /// A length or count of four bytes, for things of at least `size` bytes each, which must fit into the rest of the
    /// image.
    pub(crate) fn count(&mut self, size: usize, expected: &'static str) -> Result<usize, Error> {
        let offset = self.position;
        let bytes = self.array(expected)?;
        let count = match self.order {
            Order::Network => u32::from_be_bytes(bytes),
            Order::Native => u32::from_le_bytes(bytes),
        };
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let wanted = count.saturating_mul(size);
        if wanted > self.left() {
            return Err(Error::Truncated { offset, wanted, left: self.left(), expected });
        }
        Ok(count)
    }

    /// A number of four bytes that is big-endian in both orders.
    pub(crate) fn network_u32(&mut self, expected: &'static str) -> Result<u32, Error> {
        self.array(expected).map(u32::from_be_bytes)
    }

    /// Eight bytes of a native number, little-endian.
    pub(crate) fn native_u64(&mut self, expected: &'static str) -> Result<u64, Error> {
        self.array(expected).map(u64::from_le_bytes)
    }

    fn array<const N: usize>(&mut self, expected: &'static str) -> Result<[u8; N], Error> {
        let bytes = *self.rest().first_chunk().ok_or_else(|| self.truncated(N, expected))?;
        self.position += N;
        Ok(bytes)
    }

    fn rest(&self) -> &'a [u8] {
        self.image.get(self.position..).unwrap_or_default()
    }

    fn truncated(&self, wanted: usize, expected: &'static str) -> Error {
        Error::Truncated { offset: self.position, wanted, left: self.left(), expected }
    }
}
