//! The primitives of an image in network order: marks, lengths, numbers, strings, keys.

use crate::error::FreezeError;
use crate::key::Key;
use crate::mark::{KEY_UTF8, KEY_WAS_UTF8, Mark};

/// Below it every whole double is an exact integer, and no other number rounds to it.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The image so far.
pub(crate) struct Writer {
    pub(crate) image: Vec<u8>,
}

impl Writer {
    pub(crate) fn mark(&mut self, mark: Mark) {
        self.image.push(mark.byte());
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Result<(), FreezeError> {
        self.string(bytes, Mark::Bytes, Mark::LongBytes)
    }

    pub(crate) fn text(&mut self, text: &str) -> Result<(), FreezeError> {
        self.string(text.as_bytes(), Mark::Text, Mark::LongText)
    }

    /// Beyond 32 bits a decimal string, as Perl writes it.
    pub(crate) fn integer(&mut self, number: i64) -> Result<(), FreezeError> {
        if let Ok(small) = i8::try_from(number) {
            self.mark(Mark::Byte);
            self.image.push(small.cast_unsigned() ^ 0x80);
        } else if let Ok(number) = i32::try_from(number) {
            self.mark(Mark::NetInteger);
            self.image.extend(number.to_be_bytes());
        } else {
            self.bytes(number.to_string().as_bytes())?;
        }
        Ok(())
    }

    /// As Perl: an integer where it is one, otherwise a string, with Perl's names for infinities.
    pub(crate) fn double(&mut self, number: f64) -> Result<(), FreezeError> {
        let negative_zero = number == 0.0 && number.is_sign_negative();
        #[expect(clippy::cast_possible_truncation, reason = "whole and small enough")]
        if number.fract() == 0.0 && number.abs() < EXACT && !negative_zero {
            self.integer(number as i64)
        } else if number.is_nan() {
            self.bytes(b"NaN")
        } else if number.is_infinite() {
            self.bytes(if number > 0.0 { b"Inf" } else { b"-Inf" })
        } else {
            self.bytes(format!("{number:?}").as_bytes())
        }
    }

    /// A key, with its flags if the hash has flags.
    pub(crate) fn key(&mut self, key: &Key, flagged: bool) -> Result<(), FreezeError> {
        let octets = key.as_bytes();
        let text = key.as_str().filter(|_| key.is_text());
        match (text, text.and_then(narrow)) {
            // Perl stores characters up to 255 as one byte each, and must not find them as UTF-8.
            (Some(_), Some(narrow)) => {
                self.image.push(KEY_WAS_UTF8);
                self.counted(&narrow)
            }
            (Some(_), None) => {
                self.image.push(KEY_UTF8);
                self.counted(octets)
            }
            _ => {
                self.image.extend(flagged.then_some(0));
                self.counted(octets)
            }
        }
    }

    /// One byte up to 127, otherwise a byte that announces four.
    pub(crate) fn short_or_long(&mut self, number: usize) -> Result<(), FreezeError> {
        if let Some(short) = u8::try_from(number).ok().filter(|short| *short < 0x80) {
            self.image.push(short);
            return Ok(());
        }
        self.image.push(0x80);
        self.length(number)
    }

    pub(crate) fn length(&mut self, length: usize) -> Result<(), FreezeError> {
        let length = i32::try_from(length).map_err(|_| FreezeError::TooLong { length })?;
        self.image.extend(length.to_be_bytes());
        Ok(())
    }

    fn string(&mut self, octets: &[u8], short: Mark, long: Mark) -> Result<(), FreezeError> {
        if let Ok(length) = u8::try_from(octets.len()) {
            self.mark(short);
            self.image.push(length);
        } else {
            self.mark(long);
            return self.counted(octets);
        }
        self.image.extend(octets);
        Ok(())
    }

    fn counted(&mut self, octets: &[u8]) -> Result<(), FreezeError> {
        self.length(octets.len())?;
        self.image.extend(octets);
        Ok(())
    }
}

/// One byte per character, if all characters are up to 255.
fn narrow(text: &str) -> Option<Vec<u8>> {
    text.chars().map(|character| u8::try_from(character).ok()).collect()
}
