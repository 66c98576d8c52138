//! Value to bytes, with an explicit stack instead of recursion. The writer chooses the marks and lengths that Perl's
//! `nfreeze` chooses, so that a canonical image of plain data is written back byte for byte.

use std::collections::HashMap;
use std::slice;

use crate::error::FreezeError;
use crate::hash::Hash;
use crate::header;
use crate::key::Key;
use crate::limits::MAX_DEPTH;
use crate::mark::Mark;
use crate::value::{Blessed, Value};
use crate::writer::Writer;

/// Writes the image that `nfreeze` of Storable 3.26 makes of the same data, with its hashes sorted.
///
/// As there, numbers beyond 32 bits or with a fraction become decimal strings, but with all digits that they need,
/// where Perl keeps 15.
pub fn freeze(value: &Value) -> Result<Vec<u8>, FreezeError> {
    frozen(Vec::new(), value)
}

/// The same as a file image for `retrieve`, as `nstore` writes it.
pub fn freeze_file(value: &Value) -> Result<Vec<u8>, FreezeError> {
    frozen(header::FILE.to_vec(), value)
}

fn frozen(mut image: Vec<u8>, value: &Value) -> Result<Vec<u8>, FreezeError> {
    image.extend(header::NETWORK);
    let mut freeze = Freeze { writer: Writer { image }, classes: HashMap::new(), open: Vec::new() };
    freeze.root(value)?;
    Ok(freeze.writer.image)
}

struct Freeze<'a> {
    writer: Writer,
    /// Every class so far, and its number.
    classes: HashMap<&'a str, usize>,
    /// The things being written, each inside the one before.
    open: Vec<Open<'a>>,
}

/// The part of a thing that has not been written yet.
enum Open<'a> {
    /// Nothing: the reference only counts as a level.
    Ref,
    Array(slice::Iter<'a, Value>),
    Hash {
        pairs: slice::Iter<'a, (Key, Value)>,
        last: Option<&'a Key>,
        flagged: bool,
    },
}

impl<'a> Freeze<'a> {
    fn root(&mut self, root: &'a Value) -> Result<(), FreezeError> {
        if let Some(scalar) = self.thing(root)? {
            self.slot(scalar)?;
        }
        while let Some(open) = self.open.last_mut() {
            let next = match open {
                Open::Ref => None,
                Open::Array(elements) => elements.next(),
                Open::Hash { pairs, last, flagged } => {
                    if let Some(key) = last.take() {
                        self.writer.key(key, *flagged)?;
                    }
                    pairs.next().map(|(key, value)| {
                        *last = Some(key);
                        value
                    })
                }
            };
            match next {
                Some(value) => self.slot(value)?,
                None => drop(self.open.pop()),
            }
        }
        Ok(())
    }

    /// Writes what a scalar holds.
    fn slot(&mut self, mut value: &'a Value) -> Result<(), FreezeError> {
        loop {
            match value {
                Value::Undef => break self.writer.mark(Mark::Undef),
                Value::Int(number) => break self.writer.integer(*number)?,
                Value::Double(number) => break self.writer.double(*number)?,
                Value::Bytes(bytes) => break self.writer.bytes(bytes)?,
                Value::Text(text) => break self.writer.text(text)?,
                Value::Ref(_) | Value::Array(_) | Value::Hash(_) | Value::Blessed(_) => {
                    self.writer.mark(Mark::Ref);
                    self.enter(Open::Ref)?;
                }
            }
            match self.thing(value)? {
                Some(scalar) => value = scalar,
                None => break,
            }
        }
        Ok(())
    }

    /// Writes what a reference refers to: its beginning, or the scalar that it is.
    fn thing(&mut self, reference: &'a Value) -> Result<Option<&'a Value>, FreezeError> {
        let value = match reference {
            Value::Blessed(blessed) => self.class(blessed)?,
            other => other,
        };
        match value {
            Value::Array(elements) => self.array(elements)?,
            Value::Hash(pairs) => self.hash(pairs)?,
            Value::Ref(scalar) => return Ok(Some(scalar)),
            other => return Err(FreezeError::NotAReference { found: name(other) }),
        }
        Ok(None)
    }

    fn class(&mut self, blessed: &'a Blessed) -> Result<&'a Value, FreezeError> {
        let class = blessed.class.as_str();
        if let Some(&number) = self.classes.get(class) {
            self.writer.mark(Mark::BlessKnown);
            self.writer.short_or_long(number)?;
        } else {
            self.classes.insert(class, self.classes.len());
            self.writer.mark(Mark::Bless);
            self.writer.short_or_long(class.len())?;
            self.writer.image.extend(class.as_bytes());
        }
        Ok(&blessed.value)
    }

    fn array(&mut self, elements: &'a [Value]) -> Result<(), FreezeError> {
        self.writer.mark(Mark::Array);
        self.writer.length(elements.len())?;
        self.enter(Open::Array(elements.iter()))
    }

    fn hash(&mut self, pairs: &'a Hash) -> Result<(), FreezeError> {
        let flagged = pairs.iter().any(|(key, _)| key.is_text());
        if flagged {
            self.writer.mark(Mark::FlagHash);
            self.writer.image.push(0);
        } else {
            self.writer.mark(Mark::Hash);
        }
        self.writer.length(pairs.len())?;
        self.enter(Open::Hash { pairs: pairs.iter(), last: None, flagged })
    }

    fn enter(&mut self, open: Open<'a>) -> Result<(), FreezeError> {
        if self.open.len() >= MAX_DEPTH {
            return Err(FreezeError::TooDeep { limit: MAX_DEPTH });
        }
        self.open.push(open);
        Ok(())
    }
}

fn name(value: &Value) -> &'static str {
    match value {
        Value::Undef => "undef",
        Value::Int(_) | Value::Double(_) => "a number",
        Value::Bytes(_) | Value::Text(_) => "a string",
        Value::Ref(_) => "a reference",
        Value::Array(_) => "an array",
        Value::Hash(_) => "a hash",
        Value::Blessed(_) => "an object",
    }
}
