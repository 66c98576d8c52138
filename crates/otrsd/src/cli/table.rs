//! Tables for people: columns as wide as their widest cell, two spaces between them, and no wider than the terminal, if
//! there is one.
//!
//! The text of a cell is untrusted, so it is reduced to one line of harmless characters.

use super::{
    layout::{self, Column, GAP},
    terminal::{Colour, Paint},
};
pub(super) use crate::text::escape::one_line;

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

/// A text, coloured where colours are on.
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

/// A wider cell is truncated.
const LONGEST: usize = 160;
/// Columns that are meaningless when truncated.
const WHOLE: [&str; 5] = ["id", "state", "outcome", "next", "last heartbeat"];
/// The indentation of what is below a row.
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

    /// Columns that are right-aligned, as numbers are.
    pub(super) fn right(self, right: &'static [&'static str]) -> Self {
        Self { right, ..self }
    }

    /// Columns that a narrow terminal does not show, the first named first.
    pub(super) fn optional(self, optional: &'static [&'static str]) -> Self {
        Self { optional, ..self }
    }

    /// Adds a row with as many cells as the header has.
    pub(super) fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(Row { cells, notes: Vec::new() });
    }

    /// Adds a note below the last row.
    pub(super) fn note(&mut self, text: &str) {
        if let Some(row) = self.rows.last_mut() {
            row.notes.push(one_line(text, usize::MAX));
        }
    }

    /// The lines of the table, for a terminal of this width, or for no terminal.
    pub(super) fn render(&self, paint: Paint, width: Option<usize>) -> String {
        let room = width.unwrap_or(usize::MAX);
        let columns: Vec<Column> = (0..self.header.len()).map(|at| self.column(at)).collect();
        let layout = layout::fit(&columns, room);
        let below = layout.is_last_below.then(|| columns.len() - 1);
        let mut text = String::new();
        let head = |at: usize, _| (vec![self.header[at].to_owned()], None);
        self.line(&mut text, &layout.columns, paint, head);
        for row in &self.rows {
            let cell = |at: usize, width| {
                let cell = &row.cells[at];
                (self.lines_of(cell, at, width), cell.colour)
            };
            self.line(&mut text, &layout.columns, paint, cell);
            let last = below.map(|at| &row.cells[at].text).filter(|text| *text != "-");
            let notes = last.into_iter().chain(&row.notes);
            let lines = notes.flat_map(|it| layout::wrap(it, room.saturating_sub(BELOW.len())));
            text.extend(lines.map(|line| format!("{BELOW}{line}\n")));
        }
        text
    }

    fn column(&self, at: usize) -> Column {
        let head = self.header[at];
        let widths = self.rows.iter().map(|row| row.cells[at].width());
        let place = self.optional.iter().position(|name| *name == head);
        let leaves = place.map_or(0, |place| self.optional.len() - place);
        Column {
            width: widths.chain([head.len()]).max().unwrap_or(0),
            is_whole: self.right.contains(&head) || WHOLE.contains(&head),
            leaves: u8::try_from(leaves).unwrap_or(u8::MAX),
        }
    }

    /// The last column may continue in further lines; any other is truncated.
    fn lines_of(&self, cell: &Cell, at: usize, width: usize) -> Vec<String> {
        if cell.width() <= width {
            vec![cell.text.clone()]
        } else if at + 1 == self.header.len() {
            layout::wrap(&cell.text, width)
        } else {
            vec![one_line(&cell.text, width.saturating_sub(1))]
        }
    }

    /// A row in as many lines as its longest cell has. None ends in spaces.
    fn line(
        &self,
        text: &mut String,
        columns: &[(usize, usize)],
        paint: Paint,
        cell: impl Fn(usize, usize) -> (Vec<String>, Option<Colour>),
    ) {
        let cells: Vec<_> = columns.iter().map(|(at, width)| cell(*at, *width)).collect();
        let most = cells.iter().map(|(lines, _)| lines.len()).max().unwrap_or(0);
        for number in 0..most {
            let mut spaces = 0;
            for ((lines, colour), (at, width)) in cells.iter().zip(columns) {
                let part = lines.get(number).map_or("", String::as_str);
                let rest = width.saturating_sub(part.chars().count());
                let is_right = self.right.contains(&self.header[*at]);
                let (before, after) = if is_right { (rest, 0) } else { (0, rest) };
                if part.is_empty() {
                    spaces += width + GAP;
                    continue;
                }
                text.push_str(&" ".repeat(spaces + before));
                let painted = colour.map(|colour| paint.paint(colour, part));
                text.push_str(painted.as_deref().unwrap_or(part));
                spaces = after + GAP;
            }
            text.push('\n');
        }
    }
}

/// As [`one_line`], but line breaks stay.
pub(super) fn lines(text: &str) -> impl Iterator<Item = String> {
    text.lines().map(|line| one_line(line, usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

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
            "    some",
            "    words and",
            "    some more",
            "    and below\n",
        ];
        assert_eq!(table().render(Paint::none(), Some(13)), below.join("\n"));
    }
}
