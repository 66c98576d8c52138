//! The public id of a task: its `ident`, a number of 18 digits, kept for life and shown in base32.
//!
//! The alphabet is Crockford's: no I, L, O or U, so that an id survives being read out and typed in.

use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicI64, Ordering};

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const LENGTH: usize = 12;
const LOWEST: i64 = 100_000_000_000_000_000;
const RANGE: i64 = LOWEST * 9;

/// A task's name for life: through our moves between the tables, and in the ledger.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TaskId(i64);

/// A text that is no task id.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "{0:?} is no task id: expected 12 characters like \"3q7zk0v5n2xw\", or the number in the column ident"
)]
pub struct NotATaskId(String);

impl TaskId {
    /// A fresh one of 18 digits. Each process begins at random and goes up by random steps: what is added
    /// together lies together in the indexes, which halves the pages that a batch touches.
    pub fn draw() -> Self {
        static LAST: LazyLock<AtomicI64> =
            LazyLock::new(|| AtomicI64::new(fastrand::i64(0..RANGE)));
        let last = LAST.fetch_add(fastrand::i64(1..1 << 20), Ordering::Relaxed);
        Self(LOWEST + last.rem_euclid(RANGE))
    }

    /// An id of 18 digits derived from a number, for callers that must get the same id again.
    pub fn from_digits(digits: u64) -> Self {
        Self(LOWEST + (digits % RANGE.unsigned_abs()).cast_signed())
    }

    /// Of the column `ident`; the original's may have any number of digits.
    pub fn from_ident(ident: i64) -> Self {
        Self(ident)
    }

    /// The column `ident`.
    pub fn ident(self) -> i64 {
        self.0
    }
}

impl fmt::Display for TaskId {
    /// 12 characters for what fits 60 bits, which 18 digits do; 13 for larger numbers of others.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.0.cast_unsigned();
        let length = if number >> 60 == 0 { LENGTH } else { LENGTH + 1 };
        (0..length).rev().try_for_each(|position| {
            let digit = ALPHABET[(number >> (5 * position) & 31) as usize];
            write!(f, "{}", char::from(digit))
        })
    }
}

impl FromStr for TaskId {
    type Err = NotATaskId;

    /// Base32 of 12 or 13 characters, in either case; any other length is read as the decimal ident.
    fn from_str(text: &str) -> Result<Self, NotATaskId> {
        let number = match text.len() {
            LENGTH | 13 => base32(text).map(u64::cast_signed),
            _ => text.parse().ok().filter(|_| !text.starts_with('+')),
        };
        number.map(Self).ok_or_else(|| NotATaskId(text.chars().take(40).collect()))
    }
}

fn base32(text: &str) -> Option<u64> {
    text.bytes().try_fold(0_u64, |number, character| {
        let digit = ALPHABET.iter().position(|known| *known == character.to_ascii_lowercase())?;
        if number >> 59 != 0 {
            return None;
        }
        Some(number << 5 | digit as u64)
    })
}
