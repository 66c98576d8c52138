//! The parts of an image that contain no other things: numbers, strings, keys
//! and class names.

use crate::error::Error;
use crate::key::Key;
use crate::mark::{KEY_IS_THING, KEY_UTF8, KEY_WAS_UTF8, Mark};
use crate::thaw::Thaw;
use crate::value::Value;

impl Thaw<'_> {
    pub(crate) fn number(&mut self, mark: Mark) -> Result<Value, Error> {
        const EXPECTED: &str = "a number";
        Ok(match mark {
            Mark::Byte => Value::Int(i64::from(self.reader.byte(EXPECTED)?) - 128),
            Mark::NetInteger => Value::Int(self.reader.network_u32(EXPECTED)?.cast_signed().into()),
            Mark::Double => Value::Double(f64::from_bits(self.reader.native_u64(EXPECTED)?)),
            _ => Value::Int(self.reader.native_u64(EXPECTED)?.cast_signed()),
        })
    }

    pub(crate) fn octets(&mut self, mark: Mark) -> Result<&[u8], Error> {
        let offset = self.reader.position();
        let length = match mark {
            Mark::Bytes | Mark::Text => self.reader.byte("the length of a string")?.into(),
            _ => self.reader.count(1, "a string")?,
        };
        self.budget.bytes(length, offset)?;
        self.reader.take(length, "a string")
    }

    pub(crate) fn text(&mut self, mark: Mark) -> Result<String, Error> {
        let offset = self.reader.position();
        utf8(self.octets(mark)?, offset).map(str::to_owned)
    }

    pub(crate) fn key(&mut self, flags: u8) -> Result<Key, Error> {
        let offset = self.reader.position();
        if flags & KEY_IS_THING != 0 {
            return Err(Error::Unsupported { offset, what: "a key that is not a string" });
        }
        let length = self.reader.count(1, "a key")?;
        self.budget.bytes(length, offset)?;
        let octets = self.reader.take(length, "a key")?;
        if flags & KEY_UTF8 != 0 {
            Ok(Key::from(utf8(octets, offset)?))
        } else if flags & KEY_WAS_UTF8 != 0 {
            let text: String = octets.iter().copied().map(char::from).collect();
            Ok(Key::from(text.as_str()))
        } else {
            Ok(Key::from_bytes(octets))
        }
    }

    pub(crate) fn class(&mut self, mark: Mark) -> Result<Option<String>, Error> {
        let offset = self.reader.position();
        let class = match mark {
            Mark::Bless => self.new_class(offset)?,
            Mark::BlessKnown => self.known_class(offset)?,
            _ => return Ok(None),
        };
        self.budget.bytes(class.len(), offset)?;
        Ok(Some(class))
    }

    fn new_class(&mut self, offset: usize) -> Result<String, Error> {
        let length = match self.reader.byte("the length of a class name")? {
            short @ 0..=0x7f => short.into(),
            _ => self.reader.count(1, "a class name")?,
        };
        let class = utf8(self.reader.take(length, "a class name")?, offset)?.to_owned();
        if !self.copying {
            self.classes.push(class.clone());
        }
        Ok(class)
    }

    fn known_class(&mut self, offset: usize) -> Result<String, Error> {
        let number = match self.reader.byte("the number of a class")? {
            short @ 0..=0x7f => short.into(),
            _ => self.reader.count(0, "the number of a class")?,
        };
        self.classes.get(number).cloned().ok_or_else(|| Error::Unexpected {
            offset,
            found: format!("class number {number}"),
            expected: "the number of an earlier class",
        })
    }

    /// A version string is its plain scalar for us; how it was spelled is passed over.
    pub(crate) fn skip_version(&mut self, mark: Mark) -> Result<bool, Error> {
        let length = match mark {
            Mark::Version => self.reader.byte("the length of a version string")?.into(),
            Mark::LongVersion => self.reader.count(1, "a version string")?,
            _ => return Ok(false),
        };
        self.reader.take(length, "a version string")?;
        Ok(true)
    }
}

fn utf8(octets: &[u8], offset: usize) -> Result<&str, Error> {
    str::from_utf8(octets).map_err(|error| Error::Unexpected {
        offset,
        found: format!("text that is not UTF-8 after {} bytes", error.valid_up_to()),
        expected: "UTF-8",
    })
}
