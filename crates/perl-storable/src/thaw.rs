//! Bytes to value, with an explicit stack instead of recursion. A shared thing is read again from its first position:
//! sharing costs nothing until it is used, and every copy counts like the first.

use crate::budget::Budget;
use crate::error::Error;
use crate::frame::{Content, Frame, Head, Thing};
use crate::header;
use crate::limits::Limits;
use crate::mark::Mark;
use crate::reader::Reader;
use crate::source::Source;
use crate::value::Value;

/// Reads an image of `freeze`, `nfreeze`, `store` or `nstore`, as Perl's `thaw` and `retrieve` do, but refuses trailing
/// bytes.
pub fn thaw_with(image: &[u8], limits: Limits) -> Result<Value, Error> {
    let mut reader = Reader::new(image);
    header::read(&mut reader)?;
    let source = Source { reader, budget: Budget::new(limits), classes: Vec::new() };
    let mut thaw = Thaw { source, seen: Vec::new(), open: Vec::new(), copying: 0 };
    let root = thaw.root()?;
    match thaw.source.reader.left() {
        0 => Ok(root.into_reference()),
        left => Err(Error::Unexpected {
            offset: thaw.source.reader.position(),
            found: format!("{left} more bytes"),
            expected: "the end",
        }),
    }
}

struct Thaw<'a> {
    source: Source<'a>,
    /// Every thing so far, by its number.
    seen: Vec<Seen>,
    /// The things being read, each inside the one before.
    open: Vec<Frame>,
    /// How many of them are copies: the things inside already have their numbers.
    copying: usize,
}

/// The position of a thing, and whether it is still being read.
struct Seen {
    start: usize,
    open: bool,
}

impl Thaw<'_> {
    fn root(&mut self) -> Result<Thing, Error> {
        loop {
            let head = self.head()?;
            let mut complete = self.content(head)?;
            while let Some(thing) = complete {
                let Some(frame) = self.open.last_mut() else { return Ok(thing) };
                frame.add(thing, &mut self.source)?;
                complete = self.close_if_full();
            }
        }
    }

    fn head(&mut self) -> Result<Head, Error> {
        let mut start = self.source.reader.position();
        self.source.budget.value(start)?;
        let (mut offset, mut mark) = self.source.mark()?;
        let mut back = None;
        if mark == Mark::Object {
            start = self.earlier(offset)?;
            back = Some(self.source.reader.jump(start));
            self.copying += 1;
            (offset, mark) = self.source.mark()?;
        }
        let new = self.copying == 0;
        let class = self.source.class(mark, new)?;
        if class.is_some() {
            (offset, mark) = self.source.mark()?;
        }
        if self.source.skip_version(mark)? {
            (offset, mark) = self.source.mark()?;
        }
        let number = new.then_some(self.seen.len());
        if new {
            self.seen.push(Seen { start, open: true });
        }
        Ok(Head { offset, mark, class, number, back })
    }

    /// The position of an earlier thing. It cannot contain the present one, because it would still be open then.
    fn earlier(&mut self, offset: usize) -> Result<usize, Error> {
        let number = self.source.reader.network_u32("the number of an earlier thing")?;
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
        Ok(seen.start)
    }

    /// A whole thing, or none if it contains others that follow.
    fn content(&mut self, head: Head) -> Result<Option<Thing>, Error> {
        let (content, left) = match head.mark {
            Mark::Ref | Mark::OverloadedRef | Mark::WeakRef | Mark::WeakOverloadedRef => {
                (Content::Ref(Value::Undef), 1)
            }
            Mark::Array => self.source.array()?,
            Mark::Hash => self.source.hash(false)?,
            Mark::FlagHash => self.source.hash(true)?,
            mark => {
                let value = self.source.scalar(mark, head.offset)?;
                self.close(&head);
                return Ok(Some(Thing { head, value }));
            }
        };
        self.source.budget.depth(self.open.len() + 1, head.offset)?;
        self.open.push(Frame { head, content, left });
        Ok(self.close_if_full())
    }

    fn close_if_full(&mut self) -> Option<Thing> {
        let frame = self.open.pop_if(|frame| frame.left == 0)?;
        self.close(&frame.head);
        Some(frame.into_thing())
    }

    fn close(&mut self, head: &Head) {
        if let Some(seen) = head.number.and_then(|number| self.seen.get_mut(number)) {
            seen.open = false;
        }
        if let Some(back) = head.back {
            self.source.reader.jump(back);
            self.copying -= 1;
        }
    }
}
