//! The text that the original removes from a file before it parses XML, removed in the same way so that accepted files
//! are read alike: comments, and in files of OTRS and Znuny also every line that starts with `#`, even inside values
//! (OTOBO dropped that rule, and otrsd's own files never had it). The remaining pieces are recorded, so that offsets in
//! the cleaned text can be mapped to offsets in the file.

use std::borrow::Cow;
use std::ops::Range;

/// A text without comments and `#` lines, and the mapping to the offsets of the whole text.
pub(crate) struct Clean<'a> {
    pub(crate) text: Cow<'a, str>,
    /// (offset in the cleaned text, offset in the whole text) of each remaining piece, ascending.
    pieces: Vec<(usize, usize)>,
}

impl<'a> Clean<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        let mut kept = kept(text);
        trim_start(text, &mut kept);
        if let [all] = kept.as_slice()
            && all.len() == text.len()
        {
            return Self { text: Cow::Borrowed(text), pieces: vec![(0, 0)] };
        }
        let mut cleaned = String::with_capacity(text.len());
        let mut pieces = Vec::with_capacity(kept.len());
        for range in kept {
            pieces.push((cleaned.len(), range.start));
            cleaned.push_str(&text[range]);
        }
        Self { text: Cow::Owned(cleaned), pieces }
    }

    /// The offset in the whole text of an offset in the cleaned text.
    pub(crate) fn original(&self, at: usize) -> usize {
        let after = self.pieces.partition_point(|(cleaned, _)| *cleaned <= at);
        match after.checked_sub(1).and_then(|index| self.pieces.get(index)) {
            Some((cleaned, whole)) => whole + (at - cleaned),
            None => at,
        }
    }
}

/// The ranges outside comments and `#` lines. A line is one of the text *without* comments.
fn kept(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut kept: Vec<Range<usize>> = Vec::new();
    let mut comments = true;
    let hash_lines = matches!(root_name(text), "otrs_config" | "znuny_config");
    let (mut start, mut at) = (0, 0);
    let (mut line_start, mut hash_line) = (true, false);
    while at < bytes.len() {
        if !line_start && !matches!(bytes[at], b'<' | b'\n') {
            let next = bytes[at..].iter().position(|byte| matches!(byte, b'<' | b'\n'));
            at = next.map_or(bytes.len(), |next| at + next);
            continue;
        }
        let end = if comments && bytes[at..].starts_with(b"<!--") {
            let end = text[at + 4..].find("-->").map(|found| at + 4 + found + 3);
            comments = end.is_some();
            end
        } else {
            None
        };
        if let Some(end) = end {
            keep(&mut kept, start..at, hash_line);
            (start, at) = (end, end);
            continue;
        }
        if hash_lines && line_start && bytes[at] == b'#' {
            keep(&mut kept, start..at, false);
            (start, hash_line) = (at, true);
        } else if hash_line && bytes[at] == b'\n' {
            (start, hash_line) = (at, false);
        }
        line_start = bytes[at] == b'\n';
        at += 1;
    }
    keep(&mut kept, start..at, hash_line);
    kept
}

/// The name of the first element; empty if there is none.
fn root_name(text: &str) -> &str {
    let mut rest = text;
    while let Some((_, tag)) = rest.split_once('<') {
        let comment = tag.strip_prefix("!--");
        if comment.is_none() && tag.starts_with(char::is_alphabetic) {
            return tag
                .split(|c: char| !c.is_alphanumeric() && c != '_')
                .next()
                .unwrap_or_default();
        }
        rest =
            comment.map_or(tag, |comment| comment.split_once("-->").map_or("", |(_, rest)| rest));
    }
    ""
}

fn keep(kept: &mut Vec<Range<usize>>, range: Range<usize>, cut: bool) {
    if !cut && !range.is_empty() {
        kept.push(range);
    }
}

/// White space at the start is removed too: a removed part may have left some before the XML declaration.
fn trim_start(text: &str, kept: &mut Vec<Range<usize>>) {
    let blank = kept
        .iter()
        .take_while(|range| text[(*range).clone()].trim_ascii_start().is_empty())
        .count();
    kept.drain(..blank);
    if let Some(first) = kept.first_mut() {
        first.start = first.end - text[first.clone()].trim_ascii_start().len();
    }
}

#[cfg(test)]
mod tests {
    use super::Clean;

    #[test]
    fn cuts_what_the_original_cuts() {
        for (text, cleaned) in [
            ("", ""),
            ("plain", "plain"),
            ("a<!-- x\ny -->b", "ab"),
            ("a<!-- -- -->b<!---->c", "abc"),
            ("<!-->-->b", "b"),
            (" \n<!-- x -->\n \nb\n ", "b\n "),
            (" \n", ""),
            ("#a\n<otobo_config>\n#b\n", "#a\n<otobo_config>\n#b\n"),
            ("<!-- <otrs_config> --><otrsd_config>\n#b\n", "<otrsd_config>\n#b\n"),
        ] {
            assert_eq!(Clean::new(text).text, cleaned, "{text:?}");
        }
    }

    #[test]
    fn cuts_hash_lines_of_otrs_and_znuny() {
        for (text, cleaned) in [
            ("<!-- no end\n#b\nc", "<!-- no end\n\nc"),
            ("x\n#a\nb\n#c", "x\n\nb\n"),
            (" #a\nb#\n##\nc", " #a\nb#\n\nc"),
            ("<!-- x -->#a\nb", "\nb"),
            ("#a <!-- x\ny --> z\nb", "\nb"),
            ("<!--\n# -->b", "b"),
        ] {
            for root in ["otrs_config", "znuny_config"] {
                let (text, cleaned) = (format!("<{root}>\n{text}"), format!("<{root}>\n{cleaned}"));
                assert_eq!(Clean::new(&text).text, cleaned, "{text:?}");
            }
        }
        assert_eq!(Clean::new("#a\n<otrs_config>").text, "<otrs_config>");
    }

    #[test]
    fn places_lead_back() {
        let text = "#one\n<otrs_config>two<!-- three\n -->four\n#five\nsix";
        let clean = Clean::new(text);
        for word in ["two", "four", "six"] {
            let there = clean.text.find(word).unwrap();
            assert_eq!(Some(clean.original(there)), text.find(word), "{word}");
        }
        assert_eq!(clean.original(clean.text.len()), text.len());
    }
}
