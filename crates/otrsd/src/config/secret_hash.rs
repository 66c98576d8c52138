//! Secrets that are generated from the kernel's random numbers and stored only as hashes.

use std::fmt;

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// The SHA-256 of a secret. A generated secret has 256 bits, so it needs no slow hash.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) struct SecretHash([u8; 32]);

impl SecretHash {
    /// Generates a secret: its text, which is shown once, and the hash to store.
    pub(crate) fn draw() -> anyhow::Result<(String, Self)> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        let text = hex(&bytes);
        let kept = Self::of(&text);
        Ok((text, kept))
    }

    pub(crate) fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }

    /// Compares in constant time.
    pub(crate) fn is_of(&self, text: &str) -> bool {
        self.0.ct_eq(&Self::of(text).0).into()
    }

    pub(crate) fn from_hex(text: &str) -> Option<Self> {
        let digits = text.as_bytes().as_chunks::<2>();
        if text.len() != 64 || !digits.1.is_empty() {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.0) {
            *byte = u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self(bytes))
    }

    pub(crate) fn to_hex(self) -> String {
        hex(&self.0)
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a secret")
    }
}

fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_text_itself_opens() {
        let (text, kept) = SecretHash::draw().unwrap();
        assert_eq!(text.len(), 64);
        assert!(kept.is_of(&text));
        assert!(!kept.is_of(&text[1..]) && !kept.is_of("") && !kept.is_of(&kept.to_hex()));
        assert_eq!(SecretHash::from_hex(&kept.to_hex()), Some(kept));
        for bad in ["", "abc", &"g".repeat(64), &"ä".repeat(32)] {
            assert_eq!(SecretHash::from_hex(bad), None, "{bad}");
        }
        // printf test | sha256sum
        let known = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
        assert_eq!(SecretHash::of("test").to_hex(), known);
    }
}
