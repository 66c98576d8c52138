//! The image as it is read, with its limits: the parts that contain no other things.

use crate::budget::Budget;
use crate::error::Error;
use crate::frame::Content;
use crate::key::Key;
use crate::mark::{KEY_IS_THING, KEY_PLACEHOLDER, KEY_UTF8, KEY_WAS_UTF8, Mark};
use crate::reader::Reader;
use crate::value::Value;

/// Capacity reserved for elements before any is read; a count alone is not trusted.
const ROOM: usize = 64;

/// The source of things.
pub(crate) struct Source<'a> {
    pub(crate) reader: Reader<'a>,
    pub(crate) budget: Budget,
    /// Every class so far, by its number.
    pub(crate) classes: Vec<String>,
}

impl Source<'_> {
    pub(crate) fn mark(&mut self) -> Result<(usize, Mark), Error> {
        let offset = self.reader.position();
        let byte = self.reader.byte("a mark")?;
        let mark = Mark::from_byte(byte).ok_or_else(|| Error::Unexpected {
            offset,
            found: format!("mark {byte}"),
            expected: "a mark from 0 to 35",
        })?;
        Ok((offset, mark))
    }

    /// The class of a thing, if `mark` says that it has one.
    pub(crate) fn class(&mut self, mark: Mark, new: bool) -> Result<Option<String>, Error> {
        let offset = self.reader.position();
        let class = match mark {
            Mark::Bless => self.new_class(new)?,
            Mark::BlessKnown => self.known_class(offset)?,
            _ => return Ok(None),
        };
        self.budget.bytes(class.len(), offset)?;
        Ok(Some(class))
    }

    fn new_class(&mut self, new: bool) -> Result<String, Error> {
        let length = match self.reader.byte("the length of a class name")? {
            short @ 0..=0x7f => short.into(),
            _ => self.reader.count(1, "a class name")?,
        };
        let class = self.reader.text(length, "a class name")?.to_owned();
        if new {
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

    /// Skips the spelling of a version string, which is read as a plain scalar.
    pub(crate) fn skip_version(&mut self, mark: Mark) -> Result<bool, Error> {
        let length = match mark {
            Mark::Version => self.reader.byte("the length of a version string")?.into(),
            Mark::LongVersion => self.reader.count(1, "a version string")?,
            _ => return Ok(false),
        };
        self.reader.take(length, "a version string")?;
        Ok(true)
    }

    /// The beginning of an array, and the number of elements that follow.
    pub(crate) fn array(&mut self) -> Result<(Content, usize), Error> {
        let count = self.reader.count(1, "the elements of an array")?;
        Ok((Content::Array(Vec::with_capacity(count.min(ROOM))), count))
    }

    /// The beginning of a hash, and the number of pairs that follow.
    pub(crate) fn hash(&mut self, flagged: bool) -> Result<(Content, usize), Error> {
        if flagged {
            // The flags only mark a restricted hash, which is read as a plain one.
            self.reader.byte("the flags of a hash")?;
        }
        let count = self.reader.count(if flagged { 6 } else { 5 }, "the pairs of a hash")?;
        let pairs = Vec::with_capacity(count.min(ROOM));
        Ok((Content::Hash { pairs, flagged }, count))
    }

    /// A key, unless it is one that a restricted hash allows but does not have.
    pub(crate) fn key(&mut self, flagged: bool) -> Result<Option<Key>, Error> {
        let flags = if flagged { self.reader.byte("the flags of a key")? } else { 0 };
        let offset = self.reader.position();
        if flags & KEY_IS_THING != 0 {
            return Err(Error::Unsupported { offset, what: "a key that is not a string" });
        }
        let length = self.reader.count(1, "a key")?;
        self.budget.bytes(length, offset)?;
        let key = if flags & KEY_UTF8 != 0 {
            Key::from(self.reader.text(length, "a key")?)
        } else if flags & KEY_WAS_UTF8 != 0 {
            let narrow = self.reader.take(length, "a key")?;
            Key::from(narrow.iter().copied().map(char::from).collect::<String>().as_str())
        } else {
            Key::from_bytes(self.reader.take(length, "a key")?)
        };
        Ok((flags & KEY_PLACEHOLDER == 0).then_some(key))
    }

    /// The scalar after `mark`, whose offset is `offset`.
    pub(crate) fn scalar(&mut self, mark: Mark, offset: usize) -> Result<Value, Error> {
        match mark {
            Mark::Undef | Mark::SharedUndef | Mark::UndefElement => Ok(Value::Undef),
            Mark::Yes | Mark::True => Ok(Value::from(true)),
            Mark::No | Mark::False => Ok(Value::from(false)),
            Mark::Byte | Mark::NetInteger | Mark::Integer | Mark::Double => self.number(mark),
            Mark::Bytes | Mark::LongBytes => {
                let length = self.length(mark)?;
                Ok(Value::Bytes(self.reader.take(length, "a string")?.to_vec()))
            }
            Mark::Text | Mark::LongText => {
                let length = self.length(mark)?;
                Ok(Value::Text(self.reader.text(length, "a string")?.to_owned()))
            }
            Mark::Object | Mark::Bless | Mark::BlessKnown | Mark::Version | Mark::LongVersion => {
                let expected = "the thing itself";
                Err(Error::Unexpected { offset, found: mark.name().into(), expected })
            }
            _ => Err(Error::Unsupported { offset, what: mark.name() }),
        }
    }

    fn number(&mut self, mark: Mark) -> Result<Value, Error> {
        const EXPECTED: &str = "a number";
        Ok(match mark {
            Mark::Byte => Value::Int(i64::from(self.reader.byte(EXPECTED)?) - 128),
            Mark::NetInteger => Value::Int(self.reader.network_u32(EXPECTED)?.cast_signed().into()),
            Mark::Double => Value::Double(f64::from_bits(self.reader.native_u64(EXPECTED)?)),
            _ => Value::Int(self.reader.native_u64(EXPECTED)?.cast_signed()),
        })
    }

    /// The length of the string after `mark`, within the limits.
    fn length(&mut self, mark: Mark) -> Result<usize, Error> {
        let offset = self.reader.position();
        let length = match mark {
            Mark::Bytes | Mark::Text => self.reader.byte("the length of a string")?.into(),
            _ => self.reader.count(1, "a string")?,
        };
        self.budget.bytes(length, offset)?;
        Ok(length)
    }
}
