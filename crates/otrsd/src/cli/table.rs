//! Tables for people: columns as wide as their widest cell, two spaces between them, and no wider than
//! the terminal, if it is one.
//!
//! What stands in a cell may come from anybody, so it is one line of harmless characters.

use super::{
    layout::{self, Column, GAP},
    terminal::{Colour, Paint},
};

/// Rows under a header.
#[derive(Debug)]
pub(super) struct Table {
    header: Vec<&'static str>,
    right: &'static [&'static str],
    optional: &'static [&'static str],
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    cells: Vec<Cell>,
    notes: Vec<String>,
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
/// Columns that mean nothing when they are cut.
const WHOLE: [&str; 5] = ["id", "state", "outcome", "next", "last sign of life"];
/// What stands below a row begins here.
const BELOW: &str = "    ";

impl Cell {
    pub(super) fn coloured(text: &str, colour: Option<Colour>) -> Self {
        Self { colour, ..Self::from(text) }
    }

    fn width(&self) -> usize {
        self.text.chars().count()
    }
}

impl Table {
    pub(super) fn new(header: &[&'static str]) -> Self {
        Self { header: header.to_vec(), right: &[], optional: &[], rows: Vec::new() }
    }

    /// Columns whose cells end at the same place, as numbers do.
    pub(super) fn right(self, right: &'static [&'static str]) -> Self {
        Self { right, ..self }
    }

    /// Columns that a narrow terminal does not show, the first named first.
    pub(super) fn optional(self, optional: &'static [&'static str]) -> Self {
        Self { optional, ..self }
    }

    /// Adds a row of as many cells as the header has.
    pub(super) fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(Row { cells, notes: Vec::new() });
    }

    /// Says something below the last row.
    pub(super) fn note(&mut self, text: &str) {
        if let Some(row) = self.rows.last_mut() {
            row.notes.push(one_line(text, usize::MAX));
        }
    }

    /// The lines of the table, for a terminal so wide, or for no terminal.
    pub(super) fn render(&self, paint: Paint, width: Option<usize>) -> String {
        let room = width.unwrap_or(usize::MAX);
        let columns: Vec<Column> = (0..self.header.len()).map(|at| self.column(at)).collect();
        let layout = layout::fit(&columns, room);
        let below = [
            "id   name",
            "é    x",
            "abc  -",
            "    some",
            "    words and",
            "    some more",
            "    and below\n",
        ];
        assert_eq!(table().render(Paint::none(), Some(13)), below.join("\n"));
    }
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

    fn table() -> Table {
        let mut table = Table::new(&["id", "name", "MB", "note"]).right(&["MB"]).optional(&["MB"]);
        table.row(vec!["é".into(), "x".into(), "7".into(), "".into()]);
        table.row(vec!["abc".into(), "".into(), "123".into(), "some words and some more".into()]);
        table.note("and below");
        table
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let lines = [
            "id   name   MB  note",
            "é    x       7  -",
            "abc  -     123  some words and some more",
            "    and below\n",
        ];
        assert_eq!(table().render(Paint::none(), None), lines.join("\n"));
    }

    #[test]
    fn a_narrow_terminal_shows_less_and_breaks_lines() {
        let broken = [
            "id   name   MB  note",
            "é    x       7  -",
            "abc  -     123  some words and some",
            "                more",
            "    and below\n",
        ];
        assert_eq!(table().render(Paint::none(), Some(38)), broken.join("\n"));
        let below = [
            "id   name",
            "é    x",
            "abc  -",
            "    some words and",
            "    some more",
            "    and below\n",
        ];
        assert_eq!(table().render(Paint::none(), Some(19)), below.join("\n"));
    }
}
