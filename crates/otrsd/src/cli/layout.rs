//! The layout of a table on a terminal, as a pure function: which columns are shown, how wide, and whether the last one
//! is beside the others or below them.

/// With less room, or less than half of its width, the last column moves below its row.
const BESIDE: usize = 20;
/// No column is truncated below this width.
const SHORTEST: usize = 8;
/// The gap between columns.
pub(super) const GAP: usize = 2;

/// The properties of a column.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    pub(super) width: usize,
    /// Numbers and times: never truncated.
    pub(super) is_whole: bool,
    /// The order in which columns are left out for lack of room: the greatest number first; 0 stays.
    pub(super) leaves: u8,
}

/// The computed layout.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Layout {
    /// The columns that are side by side, and their widths.
    pub(super) columns: Vec<(usize, usize)>,
    /// Whether the last column, which is not among them, is below each row.
    pub(super) is_last_below: bool,
}

/// Fits the columns into a width. The last one, if it is text, is broken into two lines or moves below the row before a
/// column is left out.
pub(super) fn fit(columns: &[Column], room: usize) -> Layout {
    let mut shown: Vec<(usize, usize)> =
        columns.iter().map(|column| column.width).enumerate().collect();
    loop {
        if total(&shown) <= room {
            return Layout { columns: shown, is_last_below: false };
        }
        if let Some(layout) = with_last_apart(columns, &shown, room) {
            return layout;
        }
        let leaver = (0..shown.len()).max_by_key(|at| columns[shown[*at].0].leaves);
        match leaver.filter(|at| columns[shown[*at].0].leaves > 0) {
            Some(at) => shown.remove(at),
            None => break,
        };
    }
    let is_last_below = !columns.last().is_none_or(|last| last.is_whole);
    if is_last_below {
        shown.pop();
    }
    shorten(columns, &mut shown, room);
    Layout { columns: shown, is_last_below }
}

/// With the last column in two lines, or below.
fn with_last_apart(columns: &[Column], shown: &[(usize, usize)], room: usize) -> Option<Layout> {
    let (last, others) = shown.split_last().filter(|(last, _)| !columns[last.0].is_whole)?;
    let beside = room.saturating_sub(total(others) + GAP);
    let mut columns = others.to_vec();
    if beside >= BESIDE && 2 * beside >= last.1 {
        columns.push((last.0, beside));
        return Some(Layout { columns, is_last_below: false });
    }
    (total(others) <= room).then_some(Layout { columns, is_last_below: true })
}

/// Shortens the widest column repeatedly.
fn shorten(columns: &[Column], shown: &mut [(usize, usize)], room: usize) {
    while total(shown) > room {
        let may = |(at, width): &(usize, usize)| !columns[*at].is_whole && *width > SHORTEST;
        match shown.iter_mut().filter(|it| may(it)).max_by_key(|it| it.1) {
            Some(widest) => widest.1 -= 1,
            None => return,
        }
    }
}

fn total(shown: &[(usize, usize)]) -> usize {
    let gaps = shown.len().saturating_sub(1) * GAP;
    shown.iter().map(|(_, width)| width).sum::<usize>() + gaps
}

/// The text in lines of at most `room` characters, broken between words where possible.
pub(super) fn wrap(text: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is a line");
        let length = line.chars().count();
        if length > 0 && length + 1 + word.chars().count() > room {
            lines.push(word.to_owned());
        } else {
            line.push_str(if length > 0 { " " } else { "" });
            line.push_str(word);
        }
    }
    lines.iter().flat_map(|line| cut(line, room.max(SHORTEST))).collect()
}

fn cut(line: &str, room: usize) -> Vec<String> {
    let characters: Vec<char> = line.chars().collect();
    characters.chunks(room).map(|part| part.iter().collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn column(width: usize, is_whole: bool, leaves: u8) -> Column {
        Column { width, is_whole, leaves }
    }

    #[test]
    fn what_fits_stays_as_it_is() {
        let columns = [column(12, true, 0), column(20, false, 1), column(30, false, 0)];
        let whole = vec![(0, 12), (1, 20), (2, 30)];
        assert_eq!(fit(&columns, 66), Layout { columns: whole, is_last_below: false });
    }

    #[test]
    fn the_last_column_breaks_then_stands_below_then_columns_leave() {
        let columns =
            [column(12, true, 0), column(20, false, 0), column(6, true, 1), column(60, false, 0)];
        let layout = |room| {
            let Layout { columns, is_last_below } = fit(&columns, room);
            (columns, is_last_below)
        };
        assert_eq!(layout(104), (vec![(0, 12), (1, 20), (2, 6), (3, 60)], false));
        assert_eq!(layout(80), (vec![(0, 12), (1, 20), (2, 6), (3, 36)], false));
        assert_eq!(layout(60), (vec![(0, 12), (1, 20), (2, 6)], true));
        assert_eq!(layout(40), (vec![(0, 12), (1, 20)], true));
        assert_eq!(layout(30), (vec![(0, 12), (1, 16)], true));
        // A window that fits nothing.
        assert_eq!(layout(5), (vec![(0, 12), (1, 8)], true));
    }

    #[test]
    fn a_last_column_of_numbers_stays_beside() {
        let columns = [column(12, true, 0), column(9, false, 1), column(19, true, 0)];
        let kept = vec![(0, 12), (2, 19)];
        assert_eq!(fit(&columns, 40), Layout { columns: kept, is_last_below: false });
    }

    #[test]
    fn text_breaks_between_words_and_else_where_it_must() {
        for (text, room, lines) in [
            ("", 20, vec![]),
            ("two words", 20, vec!["two words"]),
            ("some more words", 10, vec!["some more", "words"]),
            ("averylongwordindeed and", 10, vec!["averylongw", "ordindeed", "and"]),
        ] {
            assert_eq!(wrap(text, room), lines, "{text}");
        }
    }
}
