//! The original's trimming of untyped item texts: a text on lines of its own loses the empty lines and the indentation
//! around it, a text on the line of its tag stays as it is.

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
/// The pattern's greedy start takes all white space; its shortest inner text ends at the first line end that is
/// followed by white space up to an end of line. If there is none after the white space, the pattern backtracks into it
/// and the inner text is empty.
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

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert_eq, proptest};

    use super::trim_own_lines;

    /// The pattern, matched with backtracking.
    fn by_backtracking(text: &str) -> String {
        let chars: Vec<char> = text.chars().collect();
        let (mut result, mut at) = (String::new(), 0);
        while at < chars.len() {
            let line_start = at == 0 || chars[at - 1] == '\n';
            let found = if line_start && chars[at] == '\n' { match_at(&chars, at) } else { None };
            let (inner, close, end) = found.unwrap_or((at, at + 1, at + 1));
            result.extend(&chars[inner..close]);
            at = end;
        }
        result
    }

    fn match_at(chars: &[char], at: usize) -> Option<(usize, usize, usize)> {
        let space =
            |from: usize| from + chars[from..].iter().take_while(|c| c.is_whitespace()).count();
        let ends = |end: usize| end == chars.len() || chars[end] == '\n';
        let closes = |close: usize| (close + 1..=space(close + 1)).rev().find(|end| ends(*end));
        (at + 1..=space(at + 1)).rev().find_map(|inner| {
            let mut closings = (inner..chars.len()).filter(|close| chars[*close] == '\n');
            closings.find_map(|close| closes(close).map(|end| (inner, close, end)))
        })
    }

    #[test]
    fn keeps_what_stands_on_the_line_of_its_tag() {
        for (text, trimmed) in [
            ("", ""),
            ("  a  ", "  a  "),
            ("\n    a\n  ", "a"),
            ("\n  a\n  b\n", "a\n  b"),
            ("\n  a\n  b", "\n  a\n  b"),
            ("\n", "\n"),
            ("\n  \n", ""),
            ("a\n\n  b\n\nc", "a\nb\nc"),
        ] {
            assert_eq!(trim_own_lines(text), trimmed, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn equals_the_pattern(text in "[\n a\u{a0}]{0,24}") {
            prop_assert_eq!(trim_own_lines(&text), by_backtracking(&text));
        }
    }
}
