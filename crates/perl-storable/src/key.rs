//! Hash keys. Two keys are equal if their characters are, as in Perl, whether they are stored as bytes (one character
//! each) or as text.

use std::cmp::Ordering;
use std::fmt;

/// The key of a hash: bytes, or text where it has characters beyond ASCII and Perl flagged it as text.
#[derive(Clone)]
pub struct Key {
    /// UTF-8 if `text`.
    octets: Box<[u8]>,
    /// Never set for plain ASCII, so that equal keys mostly have equal octets.
    text: bool,
}

impl Key {
    /// A key of bytes: the form of a Perl string that was not decoded.
    pub fn from_bytes(octets: &[u8]) -> Self {
        Self { octets: octets.into(), text: false }
    }

    /// Its text, or its bytes if they are valid UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        str::from_utf8(&self.octets).ok()
    }

    /// Its bytes; for text, as UTF-8.
    pub fn as_bytes(&self) -> &[u8] {
        &self.octets
    }

    /// Whether it is text beyond ASCII, and not bytes.
    pub fn is_text(&self) -> bool {
        self.text
    }

    fn characters(&self) -> impl Iterator<Item = u32> {
        let text = if self.text { self.as_str() } else { None };
        let bytes: &[u8] = if self.text { &[] } else { &self.octets };
        text.unwrap_or_default().chars().map(u32::from).chain(bytes.iter().copied().map(u32::from))
    }
}

impl From<&str> for Key {
    /// A text key.
    fn from(text: &str) -> Self {
        Self { octets: text.as_bytes().into(), text: !text.is_ascii() }
    }
}

impl Ord for Key {
    /// By characters: the order of Perl's `sort` and of its canonical images.
    fn cmp(&self, other: &Self) -> Ordering {
        if self.text == other.text {
            self.octets.cmp(&other.octets)
        } else {
            self.characters().cmp(other.characters())
        }
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Key {}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.text {
            fmt::Debug::fmt(&String::from_utf8_lossy(&self.octets), f)
        } else {
            write!(f, "b\"{}\"", self.octets.escape_ascii())
        }
    }
}
