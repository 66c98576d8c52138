//! The values of one field as bits: value n is bit n, and no field has a value above 63.

/// A set of values from 0 to 63.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Bits(pub(crate) u64);

impl Bits {
    /// `value` is below 64: the parsers checked it against its field.
    pub(crate) fn insert(&mut self, value: u32) {
        debug_assert!(value < 64, "no field has a value {value}");
        self.0 |= 1 << (value & 63);
    }

    pub(crate) fn has(self, value: u32) -> bool {
        self.0 >> value & 1 == 1
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The smallest value at or above `value` (at most 63).
    pub(crate) fn at_or_above(self, value: u32) -> Option<u32> {
        let above = self.0 >> value << value;
        (above != 0).then(|| above.trailing_zeros())
    }

    /// The largest value below `value` (at most 63).
    pub(crate) fn below(self, value: u32) -> Option<u32> {
        let below = self.0 & ((1 << value) - 1);
        below.checked_ilog2()
    }
}

impl FromIterator<u32> for Bits {
    fn from_iter<I: IntoIterator<Item = u32>>(values: I) -> Self {
        let mut bits = Bits::default();
        values.into_iter().for_each(|value| bits.insert(value));
        bits
    }
}
