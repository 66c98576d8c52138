//! Value to bytes: the marks and lengths that Perl's `nfreeze` chooses, so
//! that a canonical image of plain data is written back byte for byte.

use std::collections::HashMap;

use crate::error::FreezeError;
use crate::hash::Hash;
use crate::header;
use crate::key::Key;
use crate::limits::MAX_DEPTH;
use crate::mark::{KEY_UTF8, KEY_WAS_UTF8, Mark};
use crate::value::{Blessed, Value};
use crate::writer::Writer;

/// Below it every whole double is an integer and no other number rounds to it.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The image that `nfreeze` of Storable 3.26 would make; any Storable since 3.0 thaws it.
///
/// Numbers beyond 32 bits or with a fraction become decimal strings, as there,
/// but with all digits they need, where Perl keeps 15.
pub fn freeze(value: &Value) -> Result<Vec<u8>, FreezeError> {
    frozen(Vec::new(), value)
}

/// The same as a file image, for `retrieve`: what `nstore` writes.
pub fn freeze_file(value: &Value) -> Result<Vec<u8>, FreezeError> {
    frozen(header::FILE.to_vec(), value)
}

fn frozen(mut image: Vec<u8>, value: &Value) -> Result<Vec<u8>, FreezeError> {
    image.extend(header::NETWORK);
    let mut freeze = Freeze { writer: Writer { image }, classes: HashMap::new(), depth: 0 };
    freeze.thing(value)?;
    Ok(freeze.writer.image)
}

struct Freeze<'a> {
    writer: Writer,
    /// Every class so far, and its number.
    classes: HashMap<&'a str, usize>,
    depth: usize,
}

impl<'a> Freeze<'a> {
    /// What a reference refers to.
    fn thing(&mut self, reference: &'a Value) -> Result<(), FreezeError> {
        match reference {
            Value::Array(elements) => self.nested(|freeze| freeze.array(elements)),
            Value::Hash(pairs) => self.nested(|freeze| freeze.hash(pairs)),
            Value::Ref(value) => self.slot(value),
            Value::Blessed(blessed) => self.blessed(blessed),
            other => Err(FreezeError::NotAReference { found: name(other) }),
        }
    }

    /// What a scalar holds.
    fn slot(&mut self, value: &'a Value) -> Result<(), FreezeError> {
        match value {
            Value::Undef => {
                self.writer.mark(Mark::Undef);
                Ok(())
            }
            Value::Int(number) => self.integer(*number),
            Value::Double(number) => self.double(*number),
            Value::Bytes(bytes) => self.writer.bytes(bytes),
            Value::Text(text) => self.writer.text(text),
            Value::Ref(_) | Value::Array(_) | Value::Hash(_) | Value::Blessed(_) => {
                self.writer.mark(Mark::Ref);
                self.nested(|freeze| freeze.thing(value))
            }
        }
    }

    fn array(&mut self, elements: &'a [Value]) -> Result<(), FreezeError> {
        self.writer.mark(Mark::Array);
        self.writer.length(elements.len())?;
        elements.iter().try_for_each(|element| self.slot(element))
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
        for (key, value) in pairs {
            self.slot(value)?;
            if flagged { self.flagged_key(key)? } else { self.writer.key(key.as_bytes())? }
        }
        Ok(())
    }

    /// Perl keeps a key of characters up to 255 as one byte each, and must not find it as UTF-8.
    fn flagged_key(&mut self, key: &Key) -> Result<(), FreezeError> {
        let text = key.as_str().filter(|_| key.is_text()).unwrap_or_default();
        let narrow: Option<Vec<u8>> = text.chars().map(|it| u8::try_from(it).ok()).collect();
        match narrow {
            _ if !key.is_text() => {
                self.writer.image.push(0);
                self.writer.key(key.as_bytes())
            }
            Some(narrow) => {
                self.writer.image.push(KEY_WAS_UTF8);
                self.writer.key(&narrow)
            }
            None => {
                self.writer.image.push(KEY_UTF8);
                self.writer.key(key.as_bytes())
            }
        }
    }

    fn blessed(&mut self, blessed: &'a Blessed) -> Result<(), FreezeError> {
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
        match &blessed.value {
            Value::Blessed(_) => {
                Err(FreezeError::NotAReference { found: "an object in an object" })
            }
            value => self.thing(value),
        }
    }

    fn integer(&mut self, number: i64) -> Result<(), FreezeError> {
        if let Ok(small) = i8::try_from(number) {
            self.writer.mark(Mark::Byte);
            self.writer.image.push(small.cast_unsigned() ^ 0x80);
        } else if let Ok(number) = i32::try_from(number) {
            self.writer.mark(Mark::NetInteger);
            self.writer.image.extend(number.to_be_bytes());
        } else {
            self.writer.decimal(&number.to_string())?;
        }
        Ok(())
    }

    /// As Perl: an integer where it is one, else a string with Perl's names for the infinite.
    fn double(&mut self, number: f64) -> Result<(), FreezeError> {
        #[expect(clippy::cast_possible_truncation, reason = "only where it is exact")]
        if number.fract() == 0.0
            && number.abs() < EXACT
            && (number != 0.0 || number.is_sign_positive())
        {
            self.integer(number as i64)
        } else if number.is_nan() {
            self.writer.decimal("NaN")
        } else if number.is_infinite() {
            self.writer.decimal(if number > 0.0 { "Inf" } else { "-Inf" })
        } else {
            self.writer.decimal(&format!("{number:?}"))
        }
    }

    fn nested(
        &mut self,
        write: impl FnOnce(&mut Self) -> Result<(), FreezeError>,
    ) -> Result<(), FreezeError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(FreezeError::TooDeep { limit: MAX_DEPTH });
        }
        write(self)?;
        self.depth -= 1;
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
