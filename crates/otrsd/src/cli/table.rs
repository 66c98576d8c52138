//! Tables for people: columns as wide as their widest cell, two spaces between them.
//!
//! What stands in a cell may come from anybody, so it is one line of harmless characters.

use std::fmt::Write as _;

use super::terminal::{Colour, Paint};

/// Rows under a header.
#[derive(Debug)]
pub(super) struct Table {
    header: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
}

/// A text, with its colour where there are colours.
#[derive(Debug)]
pub(super) struct Cell {
    text: String,
    colour: Option<Colour>,
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(text: T) -> Self {
        let text = one_line(text.as_ref(), LONGEST);
        Self { text: if text.is_empty() { "-".to_owned() } else { text }, colour: None }
    }
}

/// A cell wider than this is cut.
const LONGEST: usize = 160;

impl Cell {
    pub(super) fn coloured(text: &str, colour: Option<Colour>) -> Self {
        Self { colour, ..Self::from(text) }
    }
}

impl Table {
    pub(super) fn new(header: &[&'static str]) -> Self {
        Self { header: header.to_vec(), rows: Vec::new() }
    }

    /// Adds a row of as many cells as the header has.
    pub(super) fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }

    /// The lines of the table, each indented by `indent` spaces.
    pub(super) fn render(&self, indent: usize, paint: Paint) -> String {
        let widths: Vec<usize> = (0..self.header.len()).map(|column| self.width(column)).collect();
        let mut text = String::new();
        let head = self.header.iter().map(|head| ((*head).to_owned(), None));
        line(&mut text, indent, &widths, head, paint);
        for row in &self.rows {
            let cells = row.iter().map(|cell| (cell.text.clone(), cell.colour));
            line(&mut text, indent, &widths, cells, paint);
        }
        text
    }

    fn width(&self, column: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(column));
        let widths = cells.map(|cell| cell.text.chars().count());
        widths.chain([self.header[column].len()]).max().unwrap_or(0)
    }
}

/// The last cell is not padded: no line ends in spaces.
fn line(
    text: &mut String,
    indent: usize,
    widths: &[usize],
    cells: impl Iterator<Item = (String, Option<Colour>)>,
    paint: Paint,
) {
    let mut padding = indent;
    for ((cell, colour), width) in cells.zip(widths) {
        let painted = colour.map_or_else(|| cell.clone(), |colour| paint.paint(colour, &cell));
        let _ = write!(text, "{:padding$}{painted}", "");
        padding = width.saturating_sub(cell.chars().count()) + 2;
    }
    text.push('\n');
}

/// The text in one line of at most `longest` characters: what would move a terminal's cursor or
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

/// As [`one_line`], but lines stay lines.
pub(super) fn lines(text: &str) -> impl Iterator<Item = String> {
    text.lines().map(|line| one_line(line, usize::MAX))
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
    fn cells_are_one_harmless_line() {
        for (text, expected) in [
            ("plain", "plain"),
            ("two\nlines\n", "two\\nlines"),
            ("\u{1b}[31mred", "\\u{1b}[31mred"),
            ("\u{202e}evil", "\\u{202e}evil"),
            ("ünï", "ünï"),
        ] {
            assert_eq!(one_line(text, 40), expected);
        }
        assert_eq!(one_line("abcdef", 3), "abc…");
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(&["id", "name"]);
        table.row(vec!["é".into(), "x".into()]);
        table.row(vec!["abc".into(), "".into()]);
        assert_eq!(table.render(1, Paint::none()), " id   name\n é    x\n abc  -\n");
    }
}
