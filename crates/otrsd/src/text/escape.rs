//! Escaping: untrusted text for a line of a log or of a terminal.

use std::{borrow::Cow, fmt::Write as _};

/// The maximum number of characters of a log line.
const LONGEST_LOG_LINE: usize = 4000;

/// The text in one line of at most `longest` characters. Characters that would begin another line, move a terminal's
/// cursor or change its colours are escaped.
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

/// A log line: text of rows, modules and requests cannot forge a second one.
pub(crate) fn log_line(text: &str) -> String {
    one_line(text, LONGEST_LOG_LINE)
}

/// A whole output, to a terminal or to a program that may pass it on to one. Lines, tabs and the sequences `own` stay;
/// all other harmful characters are escaped as in JSON, so that a JSON document keeps its meaning.
pub(crate) fn output<'a>(text: &'a str, own: &[&str]) -> Cow<'a, str> {
    let stays = |character| matches!(character, '\n' | '\t') || !is_harmful(character);
    if text.chars().all(stays) {
        return Cow::Borrowed(text);
    }
    let (mut shown, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(character) = rest.chars().next() {
        let own = own.iter().find(|sequence| rest.starts_with(**sequence));
        let (part, after) = rest.split_at(own.map_or(character.len_utf8(), |it| it.len()));
        if own.is_some() || stays(character) {
            shown.push_str(part);
        } else {
            let _ = write!(shown, "\\u{:04x}", u32::from(character));
        }
        rest = after;
    }
    Cow::Owned(shown)
}

/// Control characters, and those that change the direction of writing.
fn is_harmful(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
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
    fn an_output_keeps_its_lines_and_colours_alone() {
        let own = ["\u{1b}[31m", "\u{1b}[0m"];
        for (text, expected) in [
            ("two\n\tlines, ünï\n", "two\n\tlines, ünï\n"),
            ("\u{1b}[31mred\u{1b}[0m", "\u{1b}[31mred\u{1b}[0m"),
            ("\u{1b}[31mr\r\u{1b}[2J", "\u{1b}[31mr\\u000d\\u001b[2J"),
            ("\u{9b}2J\u{7f}\u{202e}", "\\u009b2J\\u007f\\u202e"),
        ] {
            assert_eq!(output(text, &own), expected);
        }
    }

    #[test]
    fn a_document_means_what_it_did() {
        let text: String = (0..0x2070_u32).filter_map(char::from_u32).collect();
        let document = serde_json::to_string_pretty(&[&text]).unwrap();
        let shown = output(&document, &[]);
        assert!(shown.chars().all(|it| it == '\n' || !is_harmful(it)));
        assert_eq!(serde_json::from_str::<[String; 1]>(&shown).unwrap(), [text]);
    }

    #[test]
    fn a_log_line_is_not_endless() {
        assert!(log_line(&"x".repeat(200_000)).len() < 4100);
    }
}
