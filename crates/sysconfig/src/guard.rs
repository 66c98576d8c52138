//! A check of the tags of a file before it is parsed. It refuses what could cost much memory, time or stack (document
//! types with their entities, deep nesting, very many tags or attributes), and finds an unclosed tag, which a parser
//! can only report as the end of the file.

use crate::error::Fault;

/// Elements within elements. A setting's value needs two levels for each hash in a hash; the deepest known file has 13.
const MAX_DEPTH: usize = 64;
/// Tags and attributes of one file; the largest known file has 25,000.
const MAX_MARKUP: usize = 500_000;
/// Attributes of one tag; comparing them pairwise takes quadratic time.
const MAX_ATTRIBUTES: usize = 64;
/// Namespace declarations of one file: every element that declares one inherits a copy of all above it.
const MAX_NAMESPACES: usize = 16;

const ROOT: &str = "<otrs_config version=\"2.0\" …>";

/// Checks the cleaned text of a file; `line_of` returns the line of an offset. The faults refer to the whole file.
pub(crate) fn check(text: &str, line_of: &dyn Fn(usize) -> u32) -> Result<(), Fault> {
    if text.contains("xmlns")
        && let Some((at, _)) = text.match_indices("xmlns").nth(MAX_NAMESPACES)
    {
        return Err(Fault::new(at, format!("found more than {MAX_NAMESPACES} xmlns declarations")));
    }
    let mut guard = Guard { text, line_of, open: Vec::new(), markup: 0 };
    let mut at = 0;
    while let Some(found) = text[at..].find('<') {
        guard.between(at, at + found)?;
        at = guard.tag(at + found)?;
    }
    guard.between(at, text.len())?;
    guard.all_closed()
}

struct Guard<'a> {
    text: &'a str,
    line_of: &'a dyn Fn(usize) -> u32,
    /// Names and offsets of the elements that are open.
    open: Vec<(&'a str, usize)>,
    markup: usize,
}

impl Guard<'_> {
    /// The text between two tags: outside the root element only white space is allowed.
    fn between(&self, start: usize, end: usize) -> Result<(), Fault> {
        let text = &self.text[start..end];
        if !self.open.is_empty() || text.trim_ascii().is_empty() {
            return Ok(());
        }
        let at = start + text.len() - text.trim_ascii_start().len();
        Err(Fault::new(at, format!("found text; expected {}", self.outside())))
    }

    fn outside(&self) -> &'static str {
        if self.markup == 0 { ROOT } else { "the end of the file after the root element" }
    }

    /// Handles the markup that starts at `at`; returns the offset after it.
    fn tag(&mut self, at: usize) -> Result<usize, Fault> {
        let rest = &self.text[at..];
        if rest.starts_with("<![CDATA[") {
            return self.skip(at, "]]>", "CDATA section");
        }
        if rest.starts_with("<!--") {
            return self.skip(at, "-->", "comment");
        }
        if rest.starts_with("<?") {
            return self.skip(at, "?>", "processing instruction");
        }
        if rest.starts_with("<!") {
            return Err(Fault::new(
                at,
                "found a document type (<!DOCTYPE …); expected none: entities are not expanded",
            ));
        }
        if rest.starts_with("</") { self.close(at) } else { self.open(at) }
    }

    fn skip(&self, at: usize, end: &str, what: &str) -> Result<usize, Fault> {
        match self.text[at..].find(end) {
            Some(found) => Ok(at + found + end.len()),
            None => Err(Fault::new(at, format!("found a {what} without an end; expected {end:?}"))),
        }
    }

    fn close(&mut self, at: usize) -> Result<usize, Fault> {
        let end = self.skip(at, ">", "tag")?;
        let name = self.text[at + 2..end - 1].trim_ascii_end();
        match self.open.pop() {
            Some((open, _)) if open == name => Ok(end),
            Some((open, opened)) => {
                let line = (self.line_of)(opened);
                let what =
                    format!("found </{name}>; expected </{open}> for the <{open}> of line {line}");
                Err(Fault::new(at, what))
            }
            None => Err(Fault::new(at, format!("found </{name}>, but no element is open"))),
        }
    }

    fn open(&mut self, at: usize) -> Result<usize, Fault> {
        if self.open.is_empty() && self.markup > 0 {
            return Err(Fault::new(
                at,
                format!("found a second root element; expected {}", self.outside()),
            ));
        }
        let tag = self.attributes(at)?;
        self.markup += 1;
        if self.markup > MAX_MARKUP {
            return Err(Fault::new(
                at,
                format!("found more than {MAX_MARKUP} tags and attributes in one file"),
            ));
        }
        if self.text[..tag - 1].ends_with('/') {
            return Ok(tag);
        }
        if self.open.len() == MAX_DEPTH {
            return Err(Fault::new(
                at,
                format!("found more than {MAX_DEPTH} elements within each other"),
            ));
        }
        let name =
            self.text[at + 1..tag - 1].split(|c: char| c.is_ascii_whitespace() || c == '/').next();
        self.open.push((name.unwrap_or_default(), at));
        Ok(tag)
    }

    /// Skips an opening tag's attributes; returns the offset after its `>`.
    fn attributes(&mut self, at: usize) -> Result<usize, Fault> {
        let mut quote = None;
        let mut count = 0;
        for (offset, byte) in self.text.as_bytes()[at..].iter().enumerate().skip(1) {
            match (quote, byte) {
                (Some(open), byte) if open == *byte => quote = None,
                (None, b'"' | b'\'') => (quote, count) = (Some(*byte), count + 1),
                (None, b'>') => {
                    self.markup += count;
                    return Ok(at + offset + 1);
                }
                // Also within quotes: XML forbids it there, and a missing quote is reported at its own tag.
                (_, b'<') => break,
                _ => {}
            }
            if count > MAX_ATTRIBUTES {
                return Err(Fault::new(
                    at,
                    format!("found more than {MAX_ATTRIBUTES} attributes in one tag"),
                ));
            }
        }
        let name = self.text[at + 1..].split(|c: char| !c.is_alphanumeric() && c != '_').next();
        let name = name.unwrap_or_default();
        if name.is_empty() {
            return Err(Fault::new(
                at,
                "found < without a name; expected a tag, or &lt; for the character itself",
            ));
        }
        Err(Fault::new(
            at,
            match quote {
                Some(quote) => {
                    format!("found an attribute of <{name} without a closing {}", char::from(quote))
                }
                None => format!("found <{name} without an end; expected \">\""),
            },
        ))
    }

    fn all_closed(&self) -> Result<(), Fault> {
        match self.open.last() {
            None if self.markup == 0 => {
                Err(Fault::new(0, format!("found an empty file; expected {ROOT}")))
            }
            None => Ok(()),
            Some((name, at)) => {
                Err(Fault::new(*at, format!("found <{name}> without an end; expected </{name}>")))
            }
        }
    }
}
