//! The things of an image, while they are read and once they are complete. A thing is what a mark begins.

use crate::error::Error;
use crate::hash::Hash;
use crate::key::Key;
use crate::mark::Mark;
use crate::source::Source;
use crate::value::{Blessed, Value};

/// What is known of a thing before its content.
pub(crate) struct Head {
    /// The offset of its mark.
    pub(crate) offset: usize,
    pub(crate) mark: Mark,
    pub(crate) class: Option<String>,
    /// Its number, unless it is a copy or inside one.
    pub(crate) number: Option<usize>,
    /// Where reading continues after a copy.
    pub(crate) back: Option<usize>,
}

/// A complete thing: what a reference refers to.
pub(crate) struct Thing {
    pub(crate) head: Head,
    /// Arrays and hashes in the form of a reference to them.
    pub(crate) value: Value,
}

/// A thing that contains others, some of which have not been read yet.
pub(crate) struct Frame {
    pub(crate) head: Head,
    pub(crate) content: Content,
    /// How many have not been read yet.
    pub(crate) left: usize,
}

/// The content read so far.
pub(crate) enum Content {
    Ref(Value),
    Array(Vec<Value>),
    Hash { pairs: Vec<(Key, Value)>, flagged: bool },
}

impl Thing {
    /// The value of a scalar that refers to it.
    pub(crate) fn into_reference(self) -> Value {
        let value = match self.head.mark {
            Mark::Array | Mark::Hash | Mark::FlagHash => self.value,
            _ => Value::Ref(Box::new(self.value)),
        };
        match self.head.class {
            Some(class) => Value::Blessed(Box::new(Blessed { class, value })),
            None => value,
        }
    }

    /// The value of an element or a key. Its own class, which Perl loses with every copy, is dropped.
    fn into_scalar(self) -> Result<Value, Error> {
        match self.head.mark {
            mark @ (Mark::Array | Mark::Hash | Mark::FlagHash) => Err(Error::Unexpected {
                offset: self.head.offset,
                found: mark.name().into(),
                expected: "a scalar",
            }),
            _ => Ok(self.value),
        }
    }
}

impl Frame {
    /// Adds the next contained thing; for a hash, its key follows in the image.
    pub(crate) fn add(&mut self, thing: Thing, source: &mut Source<'_>) -> Result<(), Error> {
        match &mut self.content {
            Content::Ref(value) => *value = thing.into_reference(),
            Content::Array(elements) => elements.push(thing.into_scalar()?),
            Content::Hash { pairs, flagged } => {
                let value = thing.into_scalar()?;
                pairs.extend(source.key(*flagged)?.map(|key| (key, value)));
            }
        }
        self.left -= 1;
        Ok(())
    }

    pub(crate) fn into_thing(self) -> Thing {
        let value = match self.content {
            Content::Ref(value) => value,
            Content::Array(elements) => Value::Array(elements),
            Content::Hash { pairs, .. } => Value::Hash(Hash::from(pairs)),
        };
        Thing { head: self.head, value }
    }
}
