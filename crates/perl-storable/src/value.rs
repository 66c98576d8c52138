//! Plain Perl data: what a scalar can hold, without code and magic.

use crate::hash::Hash;

/// What a Perl scalar holds. Arrays and hashes are always behind a reference in Perl, so [`Value::Array`] and
/// [`Value::Hash`] mean "a reference to one".
///
/// Perl has no traditional booleans: they are the strings `1` and the empty one. In network order, numbers that do not
/// fit 32 bits or have a fraction are stored as strings: read numbers by [`Value::as_i64`] and [`Value::as_f64`].
///
/// A thawed value is at most [`MAX_DEPTH`](crate::MAX_DEPTH) levels deep, so it can be cloned, compared, printed and
/// dropped within one megabyte of stack. Code that builds values must keep that limit too.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// No value.
    Undef,
    /// An integer.
    Int(i64),
    /// A number with a fraction; images in network order never have one.
    Double(f64),
    /// A string of bytes, or of characters that Perl stores as one byte each.
    Bytes(Vec<u8>),
    /// A string that Perl flags as text.
    Text(String),
    /// A reference to a scalar.
    Ref(Box<Value>),
    /// A reference to an array.
    Array(Vec<Value>),
    /// A reference to a hash.
    Hash(Hash),
    /// A reference to an object.
    Blessed(Box<Blessed>),
}

/// An object: its class, and its data without any behaviour.
#[derive(Clone, Debug, PartialEq)]
pub struct Blessed {
    /// The package name.
    pub class: String,
    /// A [`Value::Ref`], [`Value::Array`] or [`Value::Hash`].
    pub value: Value,
}

impl Value {
    /// The string, if it is one and is UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Bytes(bytes) => str::from_utf8(bytes).ok(),
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The integer, also if it is stored as a decimal string.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            _ => self.as_str()?.parse().ok(),
        }
    }

    /// The number, also if it is stored as a string; integers beyond 2^53 are rounded.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "said in the contract")]
            Self::Int(number) => Some(*number as f64),
            Self::Double(number) => Some(*number),
            _ => self.as_str()?.parse().ok(),
        }
    }

    /// The elements of an array, blessed or not.
    pub fn as_array(&self) -> Option<&[Self]> {
        match self {
            Self::Array(elements) => Some(elements),
            Self::Blessed(blessed) => blessed.value.as_array(),
            _ => None,
        }
    }

    /// The pairs of a hash, blessed or not.
    pub fn as_hash(&self) -> Option<&Hash> {
        match self {
            Self::Hash(pairs) => Some(pairs),
            Self::Blessed(blessed) => blessed.value.as_hash(),
            _ => None,
        }
    }

    /// The value of a hash's key.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.as_hash()?.get(key)
    }
}

impl From<bool> for Value {
    /// As Perl represents booleans: the strings `1` and the empty one.
    fn from(truth: bool) -> Self {
        Self::Bytes(if truth { b"1".to_vec() } else { Vec::new() })
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<u64> for Value {
    /// As Perl writes integers beyond `i64`: in decimal.
    fn from(number: u64) -> Self {
        i64::try_from(number).map_or_else(|_| Self::Bytes(number.to_string().into()), Self::Int)
    }
}

impl From<&str> for Value {
    /// ASCII as bytes, as most strings of Perl are; anything else as text.
    fn from(text: &str) -> Self {
        if text.is_ascii() { Self::Bytes(text.into()) } else { Self::Text(text.into()) }
    }
}
