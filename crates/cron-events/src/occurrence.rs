//! A fire time, and the effect of a change of the clocks on it.

use jiff::Timestamp;
use jiff::civil::DateTime;
use std::fmt;

/// One fire time of a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occurrence {
    /// The instant, to the second.
    pub instant: Timestamp,
    /// Set where a change of the clocks affects this fire time.
    pub note: Option<Note>,
}

/// The effect of a change of the clocks on a fire time; displayed as a sentence for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// The clocks skip the intended time, so the schedule fires at the jump.
    Skipped {
        /// The civil time that does not exist; the first of them, if the schedule names several.
        civil: DateTime,
    },
    /// The clocks skip the intended time, so the schedule fires an hour later.
    Moved {
        /// The civil time that does not exist.
        civil: DateTime,
    },
    /// The clocks show this time twice; a fixed-time schedule fires the first time only.
    FirstOnly,
    /// The clocks show this time twice; a wildcard schedule fires both times, this is the first.
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
