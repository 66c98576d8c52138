//! How much of a column is read. Rows come from other programs, and a value of many megabytes must not travel: the
//! database cuts it.

/// The largest data of a task, in bytes, as the column holds them.
pub const MAX_DATA_SIZE: usize = 16 << 20;

/// A column as it is read: `word` for types, names and states, where what is longer than any may be is seen to be so;
/// `prose` for reasons and errors; `output` for what a task printed; `data` for its data, which are null if too large.
macro_rules! bounded {
    // On SQLite a part ends where there is a NUL, which must be seen.
    (word $column:literal) => {
        concat!(
            "CASE WHEN OCTET_LENGTH(",
            $column,
            ") <= 604 THEN ",
            $column,
            " ELSE SUBSTR(",
            $column,
            ", 1, 151) END"
        )
    };
    (prose $column:literal) => {
        concat!("SUBSTR(", $column, ", 1, 4000)")
    };
    (output $column:literal) => {
        concat!("SUBSTR(", $column, ", 1, 20000)")
    };
    (data $column:literal) => {
        concat!("CASE WHEN OCTET_LENGTH(", $column, ") <= 16777216 THEN ", $column, " END")
    };
}

/// As [`bounded`], under the column's name, for messages.
macro_rules! named {
    ($kind:ident $column:literal) => {
        concat!($crate::model::bounds::bounded!($kind $column), " AS ", $column)
    };
}

pub(crate) use {bounded, named};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::task::MAX_NAME_LENGTH;

    #[test]
    fn the_statements_have_the_bounds() {
        let seen = MAX_NAME_LENGTH + 1;
        assert!(bounded!(word "a").contains(&format!(" <= {} THEN", 4 * seen)));
        assert!(bounded!(word "a").contains(&format!(", {seen}) END")));
        assert!(bounded!(data "a").contains(&format!(" {MAX_DATA_SIZE} ")));
        assert_eq!(named!(prose "a"), "SUBSTR(a, 1, 4000) AS a");
    }
}
