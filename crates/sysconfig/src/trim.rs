//! The original's trimming of untyped item texts: a text that stands on lines of its own loses the empty
//! lines and the indentation around it, a text on the line of its tag stays as it is.

/// What `s{^\n\s*(.*?)\n\s*$}{$1}gsm` makes of `text`, in linear time.
pub(crate) fn trim_own_lines(text: &str) -> String {
    let mut trimmed = String::with_capacity(text.len());
    let mut rest = text;
    let mut line_start = true;
    while let Some(first) = rest.chars().next() {
        if line_start && first == '\n' {
            let Some(found) = own_lines(rest) else { break };
            trimmed.push_str(&rest[found.text_start..found.text_end]);
            // An empty match cannot occur (it holds two line ends), so this always advances.
            line_start = rest[..found.end].ends_with('\n');
            rest = &rest[found.end..];
        } else {
            trimmed.push(first);
            line_start = first == '\n';
            rest = &rest[first.len_utf8()..];
        }
    }
    trimmed.push_str(rest);
    trimmed
}

/// One match of the pattern at the start of a text.
struct OwnLines {
    text_start: usize,
    text_end: usize,
    end: usize,
}

/// Matches at the start of `text`, which is a line end. None: nothing further down can match either.
///
/// The pattern's greedy start takes all white space; its shortest inner text ends at the first line end
/// that is followed by white space up to an end of line. If there is none after the white space, the
/// pattern gives some of it back and the inner text is empty.
fn own_lines(text: &str) -> Option<OwnLines> {
    let space = text.len() - text.trim_start().len();
    let mut at = space;
    while let Some(found) = text[at..].find('\n') {
        let close = at + found;
        if let Some(end) = closes(text, close) {
            return Some(OwnLines { text_start: space, text_end: close, end });
        }
        at = close + 1;
    }
    let inner =
        (1..space).rev().find(|at| text.as_bytes()[*at] == b'\n' && closes(text, *at).is_some())?;
    closes(text, inner).map(|end| OwnLines { text_start: inner, text_end: inner, end })
}

/// Where `\n\s*$` ends when its line end is at `close`: at the text's end, or before the last line end
/// of the white space that follows.
fn closes(text: &str, close: usize) -> Option<usize> {
    let after = &text[close + 1..];
    let space = &after[..after.len() - after.trim_start().len()];
    if space.len() == after.len() {
        return Some(text.len());
    }
    space.rfind('\n').map(|last| close + 1 + last)
}
