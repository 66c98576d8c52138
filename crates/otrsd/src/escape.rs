//! Texts from outside, as a line of a log or of a terminal shows them.

/// The most characters of a line of a log.
const LONGEST_LOG_LINE: usize = 4000;

/// The text in one line of at most `longest` characters: what would begin another line, move a terminal's cursor or
/// change its colours is shown escaped.
pub(crate) fn one_line(text: &str, longest: usize) -> String {
    let mut line = String::new();
    for (position, character) in text.trim_end().chars().enumerate() {
        if position == longest {
            line.push('…');
            break;
        }
        if is_harmful(character) {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    line
}

/// A line of a log: what rows, modules and requests put into it makes no second one.
pub(crate) fn log_line(text: &str) -> String {
    one_line(text, LONGEST_LOG_LINE)
}

/// Control characters, and what turns the direction of writing.
fn is_harmful(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_one_harmless_line() {
        for (text, expected) in [
            ("plain", "plain"),
            ("two\nlines\n", "two\\nlines"),
            ("\u{1b}[31mred", "\\u{1b}[31mred"),
            ("\u{202e}evil", "\\u{202e}evil"),
            ("ünï", "ünï"),
        ] {
            assert_eq!(one_line(text, 40), expected);
            assert_eq!(log_line(text), expected);
        }
        assert_eq!(one_line("abcdef", 3), "abc…");
    }

    #[test]
    fn a_log_line_is_not_endless() {
        assert!(log_line(&"x".repeat(200_000)).len() < 4100);
    }
}
