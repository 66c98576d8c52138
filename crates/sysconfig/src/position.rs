//! Byte offsets to lines and columns: a table of line starts with binary search, because a file has thousands of
//! settings and each needs its line.

/// Line starts of one text.
pub(crate) struct Lines<'a> {
    text: &'a str,
    /// Byte offsets; texts are limited to far less than 4 GiB.
    starts: Vec<u32>,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        let ends = text.match_indices('\n');
        let starts = std::iter::once(0).chain(ends.map(|(at, _)| narrow(at + 1))).collect();
        Self { text, starts }
    }

    /// The line of a byte offset, counted from 1.
    pub(crate) fn line(&self, at: usize) -> u32 {
        narrow(self.starts.partition_point(|start| *start <= narrow(at)))
    }

    /// Line and column of a byte offset, both from 1; the column counts characters.
    pub(crate) fn line_column(&self, at: usize) -> (u32, u32) {
        let at = self.text.floor_char_boundary(at.min(self.text.len()));
        let line = self.line(at);
        let column = self.text[self.start(line)..at].chars().count() + 1;
        (line, narrow(column))
    }

    /// The byte offset of a line and column, the inverse of [`Self::line_column`] for positions in the text.
    pub(crate) fn offset(&self, line: u32, column: u32) -> usize {
        let start = self.start(line);
        let rest = &self.text[start..];
        let column = (column.max(1) - 1) as usize;
        start + rest.char_indices().nth(column).map_or(rest.len(), |(at, _)| at)
    }

    fn start(&self, line: u32) -> usize {
        let index = line.saturating_sub(1) as usize;
        self.starts.get(index).map_or(self.text.len(), |start| *start as usize)
    }
}

fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
