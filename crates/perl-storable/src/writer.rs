//! The small pieces of an image in network order: marks, lengths, strings.

use crate::error::FreezeError;
use crate::mark::Mark;

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

    /// A number as the string Perl would make of it.
    pub(crate) fn decimal(&mut self, number: &str) -> Result<(), FreezeError> {
        self.bytes(number.as_bytes())
    }

    pub(crate) fn key(&mut self, octets: &[u8]) -> Result<(), FreezeError> {
        self.length(octets.len())?;
        self.image.extend(octets);
        Ok(())
    }

    /// One byte up to 127, else a byte that announces four.
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
            self.length(octets.len())?;
        }
        self.image.extend(octets);
        Ok(())
    }
}
