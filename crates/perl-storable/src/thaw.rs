//! Bytes to value. One function reads one thing; the recursion is bounded by
//! the depth limit. A thing met again is read again from where it first stood,
//! so sharing costs no memory until it is used, and every copy is counted.

use crate::budget::Budget;
use crate::error::Error;
use crate::hash::Hash;
use crate::header;
use crate::limits::Limits;
use crate::mark::{KEY_PLACEHOLDER, Mark};
use crate::reader::Reader;
use crate::value::{Blessed, Value};

/// Room made for elements before any is read; a count alone is not believed.
const ROOM: usize = 64;

/// Reads an image of `freeze`, `nfreeze`, `store` or `nstore`, as Perl's `thaw` and `retrieve` do,
/// but refuses trailing bytes.
pub fn thaw_with(image: &[u8], limits: Limits) -> Result<Value, Error> {
    let mut reader = Reader::new(image);
    header::read(&mut reader)?;
    let budget = Budget::new(limits);
    let mut thaw = Thaw { reader, budget, seen: Vec::new(), classes: Vec::new(), copying: false };
    let root = thaw.thing()?.into_reference();
    match thaw.reader.left() {
        0 => Ok(root),
        left => Err(Error::Unexpected {
            offset: thaw.reader.position(),
            found: format!("{left} more bytes"),
            expected: "the end",
        }),
    }
}

pub(crate) struct Thaw<'a> {
    pub(crate) reader: Reader<'a>,
    pub(crate) budget: Budget,
    /// Every thing so far, by its number.
    seen: Vec<Seen>,
    /// Every class so far, by its number.
    pub(crate) classes: Vec<String>,
    /// Reading a thing again: it has its number already.
    pub(crate) copying: bool,
}

/// Where a thing stands, and whether it is still being read.
struct Seen {
    start: usize,
    open: bool,
}

/// What a reference refers to.
struct Thing {
    /// A container is kept in the form of a reference to it.
    value: Value,
    container: Option<Mark>,
    class: Option<String>,
}

impl Thing {
    fn into_reference(self) -> Value {
        let value = match self.container {
            Some(_) => self.value,
            None => Value::Ref(Box::new(self.value)),
        };
        match self.class {
            Some(class) => Value::Blessed(Box::new(Blessed { class, value })),
            None => value,
        }
    }
}

impl Thaw<'_> {
    fn thing(&mut self) -> Result<Thing, Error> {
        let start = self.reader.position();
        self.budget.value(start)?;
        let (mut offset, mut mark) = self.mark()?;
        if mark == Mark::Object {
            return self.copy(offset);
        }
        let class = self.class(mark)?;
        if class.is_some() {
            (offset, mark) = self.mark()?;
        }
        while self.skip_version(mark)? {
            (offset, mark) = self.mark()?;
        }
        let number = self.seen.len();
        if !self.copying {
            self.seen.push(Seen { start, open: true });
        }
        let value = self.body(mark, offset)?;
        if !self.copying {
            self.seen[number].open = false;
        }
        let container = matches!(mark, Mark::Array | Mark::Hash | Mark::FlagHash).then_some(mark);
        Ok(Thing { value, container, class })
    }

    fn mark(&mut self) -> Result<(usize, Mark), Error> {
        let offset = self.reader.position();
        let byte = self.reader.byte("a mark")?;
        let mark = Mark::from_byte(byte).ok_or_else(|| Error::Unexpected {
            offset,
            found: format!("mark {byte}"),
            expected: "a mark from 0 to 35",
        })?;
        Ok((offset, mark))
    }

    /// Reads the earlier thing again. It cannot contain the present one: then it would still be open.
    fn copy(&mut self, offset: usize) -> Result<Thing, Error> {
        let number = self.reader.network_u32("the number of an earlier thing")?;
        let Some(seen) = usize::try_from(number).ok().and_then(|index| self.seen.get(index)) else {
            return Err(Error::Unexpected {
                offset,
                found: format!("a reference to thing {number}"),
                expected: "one of the earlier things",
            });
        };
        if seen.open {
            return Err(Error::Cycle { offset, target: seen.start });
        }
        let back = self.reader.jump(seen.start);
        let outer = std::mem::replace(&mut self.copying, true);
        let thing = self.thing()?;
        self.copying = outer;
        self.reader.jump(back);
        Ok(thing)
    }

    fn body(&mut self, mark: Mark, offset: usize) -> Result<Value, Error> {
        match mark {
            Mark::Undef | Mark::SharedUndef | Mark::UndefElement => Ok(Value::Undef),
            Mark::Yes | Mark::True => Ok(Value::from(true)),
            Mark::No | Mark::False => Ok(Value::from(false)),
            Mark::Byte | Mark::NetInteger | Mark::Integer | Mark::Double => self.number(mark),
            Mark::Bytes | Mark::LongBytes => self.octets(mark).map(|it| Value::Bytes(it.to_vec())),
            Mark::Text | Mark::LongText => self.text(mark).map(Value::Text),
            Mark::Ref | Mark::OverloadedRef | Mark::WeakRef | Mark::WeakOverloadedRef => {
                self.nested(offset, |thaw| thaw.thing().map(Thing::into_reference))
            }
            Mark::Array => self.nested(offset, Self::array),
            Mark::Hash => self.nested(offset, |thaw| thaw.hash(false)),
            Mark::FlagHash => self.nested(offset, |thaw| thaw.hash(true)),
            Mark::Object | Mark::Bless | Mark::BlessKnown | Mark::Version | Mark::LongVersion => {
                Err(unexpected(mark, offset, "the thing itself"))
            }
            _ => Err(Error::Unsupported { offset, what: mark.name() }),
        }
    }

    fn nested(
        &mut self,
        offset: usize,
        read: impl FnOnce(&mut Self) -> Result<Value, Error>,
    ) -> Result<Value, Error> {
        self.budget.enter(offset)?;
        let value = read(self)?;
        self.budget.leave();
        Ok(value)
    }

    fn array(&mut self) -> Result<Value, Error> {
        let count = self.reader.count(1, "the elements of an array")?;
        let mut elements = Vec::with_capacity(count.min(ROOM));
        for _ in 0..count {
            elements.push(self.slot()?);
        }
        Ok(Value::Array(elements))
    }

    /// The flags of a whole hash only say "restricted": read as a plain one.
    fn hash(&mut self, flagged: bool) -> Result<Value, Error> {
        if flagged {
            self.reader.byte("the flags of a hash")?;
        }
        let size = if flagged { 6 } else { 5 };
        let count = self.reader.count(size, "the pairs of a hash")?;
        let mut pairs = Vec::with_capacity(count.min(ROOM));
        for _ in 0..count {
            let value = self.slot()?;
            let flags = if flagged { self.reader.byte("the flags of a key")? } else { 0 };
            let key = self.key(flags)?;
            if flags & KEY_PLACEHOLDER == 0 {
                pairs.push((key, value));
            }
        }
        Ok(Value::Hash(Hash::from(pairs)))
    }

    /// An element or the value of a key. Its own class, which Perl loses with every copy, is dropped.
    fn slot(&mut self) -> Result<Value, Error> {
        let offset = self.reader.position();
        let thing = self.thing()?;
        match thing.container {
            None => Ok(thing.value),
            Some(mark) => Err(unexpected(mark, offset, "a scalar")),
        }
    }
}

fn unexpected(mark: Mark, offset: usize, expected: &'static str) -> Error {
    Error::Unexpected { offset, found: mark.name().into(), expected }
}
