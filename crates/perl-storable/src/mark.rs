//! The marks of the format: the byte before each thing that gives its kind. The numbers are those of Storable's binary
//! format 2, up to minor 12.

/// The kind of what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Mark {
    /// A thing stored before, by its number.
    Object,
    LongBytes,
    Array,
    Hash,
    Ref,
    Undef,
    Integer,
    Double,
    /// An integer of one byte, plus 128.
    Byte,
    /// An integer of four bytes, always big-endian.
    NetInteger,
    Bytes,
    TiedArray,
    TiedHash,
    TiedScalar,
    /// Perl's shared undef, for elements that were never set.
    SharedUndef,
    Yes,
    No,
    Bless,
    /// Blessed into a class named before, by its number.
    BlessKnown,
    Hook,
    OverloadedRef,
    TiedKey,
    TiedIndex,
    Text,
    LongText,
    /// A hash with a byte of flags for itself and for each key.
    FlagHash,
    Code,
    WeakRef,
    WeakOverloadedRef,
    /// The source form of the version string that follows as a scalar.
    Version,
    LongVersion,
    UndefElement,
    Regexp,
    /// A length beyond 31 bits.
    LargeObject,
    True,
    False,
}

const ALL: [Mark; 36] = [
    Mark::Object,
    Mark::LongBytes,
    Mark::Array,
    Mark::Hash,
    Mark::Ref,
    Mark::Undef,
    Mark::Integer,
    Mark::Double,
    Mark::Byte,
    Mark::NetInteger,
    Mark::Bytes,
    Mark::TiedArray,
    Mark::TiedHash,
    Mark::TiedScalar,
    Mark::SharedUndef,
    Mark::Yes,
    Mark::No,
    Mark::Bless,
    Mark::BlessKnown,
    Mark::Hook,
    Mark::OverloadedRef,
    Mark::TiedKey,
    Mark::TiedIndex,
    Mark::Text,
    Mark::LongText,
    Mark::FlagHash,
    Mark::Code,
    Mark::WeakRef,
    Mark::WeakOverloadedRef,
    Mark::Version,
    Mark::LongVersion,
    Mark::UndefElement,
    Mark::Regexp,
    Mark::LargeObject,
    Mark::True,
    Mark::False,
];

/// A key written as UTF-8: it has characters above 255.
pub(crate) const KEY_UTF8: u8 = 0x01;
/// A key of characters up to 255, one byte each, that was text in Perl.
pub(crate) const KEY_WAS_UTF8: u8 = 0x02;
/// A key that is itself a thing, not a string.
pub(crate) const KEY_IS_THING: u8 = 0x08;
/// A key that a restricted hash allows but does not have.
pub(crate) const KEY_PLACEHOLDER: u8 = 0x10;

impl Mark {
    /// The mark of a byte, if there is one.
    pub(crate) fn from_byte(byte: u8) -> Option<Self> {
        ALL.get(usize::from(byte)).copied()
    }

    /// The byte of the mark.
    pub(crate) fn byte(self) -> u8 {
        self as u8
    }

    /// For errors: the name of a mark that does not announce plain data, or is in the wrong position.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Object => "a reference to an earlier thing",
            Self::Array => "an array",
            Self::Hash | Self::FlagHash => "a hash",
            Self::TiedArray => "a tied array",
            Self::TiedHash => "a tied hash",
            Self::TiedScalar => "a tied scalar",
            Self::TiedKey | Self::TiedIndex => "an element of a tied variable",
            Self::Bless | Self::BlessKnown => "a class name",
            Self::Hook => "an object stored by its own hook",
            Self::Code => "a code reference",
            Self::Version | Self::LongVersion => "a version string",
            Self::Regexp => "a regular expression",
            Self::LargeObject => "an object of 2 GiB or more",
            _ => "a scalar",
        }
    }
}
