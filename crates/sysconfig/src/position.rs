//! Byte offsets to lines and columns: a table of line starts, searched by halving, because a file holds
//! thousands of settings and each wants its line.

/// Line starts of one text.
pub(crate) struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let starts = std::iter::once(0).chain(ends.map(|(at, _)| at + 1)).collect();
        Self { text, starts }
    }

    /// The line of a byte offset, counted from 1.
    pub(crate) fn line(&self, at: usize) -> u32 {
        u32::try_from(self.starts.partition_point(|start| *start <= at)).unwrap_or(u32::MAX)
    }

    /// Line and column of a byte offset, both from 1; the column counts characters.
    pub(crate) fn line_column(&self, at: usize) -> (u32, u32) {
        let at = self.text.floor_char_boundary(at.min(self.text.len()));
        let line = self.starts.partition_point(|start| *start <= at);
        let start = self.starts[line.saturating_sub(1)];
        let column = self.text[start..at].chars().count() + 1;
        (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
    }

    /// The byte offset of a line and column, the inverse of [`Self::line_column`] for places in the text.
    pub(crate) fn offset(&self, line: u32, column: u32) -> usize {
        let index = (line.max(1) - 1) as usize;
        let start = self.starts.get(index).copied().unwrap_or(self.text.len());
        let rest = &self.text[start..];
        let column = (column.max(1) - 1) as usize;
        start + rest.char_indices().nth(column).map_or(rest.len(), |(at, _)| at)
    }
}
