//! A due instant, and what the clocks did around it.

use jiff::Timestamp;
use jiff::civil::DateTime;
use std::fmt;

/// One due instant of a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occurrence {
    /// When, to the second.
    pub instant: Timestamp,
    /// Set where a change of the clocks touches this due instant.
    pub note: Option<Note>,
}

/// What a change of the clocks did to a due instant; displays as a sentence for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// The clocks skip the time it was meant for, so it is due at the jump.
    Skipped {
        /// The civil time that does not exist; the first of them, if the schedule names several.
        civil: DateTime,
    },
    /// The clocks skip the time it was meant for, so it is due an hour later.
    Moved {
        /// The civil time that does not exist.
        civil: DateTime,
    },
    /// The clocks show this time twice; a fixed-time schedule is due the first time only.
    FirstOnly,
    /// The clocks show this time twice; a wildcard schedule is due both times, this is the first.
    First,
    /// The second of the two.
    Second,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Note::Skipped { civil } => {
                write!(f, "the clocks skip {}: due at the jump", civil.strftime("%F %T"))
            }
            Note::Moved { civil } => {
                write!(f, "the clocks skip {}: due an hour later", civil.strftime("%F %T"))
            }
            Note::FirstOnly => {
                f.write_str("the clocks show this time twice: due the first time only")
            }
            Note::First => f.write_str("the clocks show this time twice: the first of two"),
            Note::Second => f.write_str("the clocks show this time twice: the second of two"),
        }
    }
}
