//! Why a text is no schedule: the field, its text, and what is allowed.

use crate::field::Field;

/// The maximum length of a text; the longest sensible one (every minute of the hour, every day of the month written
/// out) has about 400 bytes.
pub(crate) const MAX_LENGTH: usize = 1_000;

/// Why a text is no schedule. The message names the field, its text and what is allowed there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text is longer than any schedule.
    #[error("schedule of {length} bytes is too long: at most {MAX_LENGTH} are read")]
    TooLong {
        /// Its length in bytes.
        length: usize,
    },

    /// Not the number of fields that the dialect requires.
    #[error("schedule {text:?} has {found} fields, expected {expected}")]
    FieldCount {
        /// The schedule.
        text: String,
        /// The number of its fields.
        found: usize,
        /// What the dialect requires, in words.
        expected: &'static str,
    },

    /// A comment or a variable setting, which a crontab may contain beside its schedules.
    #[error("{text:?} is {what}, expected a schedule: minute hour day-of-month month day-of-week")]
    NotASchedule {
        /// The text.
        text: String,
        /// What it is.
        what: &'static str,
    },

    /// A field that cannot be read.
    #[error("{field} {text:?}: {problem}; allowed is {allowed}")]
    Field {
        /// The field.
        field: Field,
        /// Its text.
        text: String,
        /// What is wrong with it.
        problem: String,
        /// What the dialect allows in this field.
        allowed: &'static str,
    },

    /// An `@name` that stands for no schedule.
    #[error(
        "{text:?}: {problem}; allowed is @hourly, @daily, @midnight, @weekly, @monthly, @yearly or @annually"
    )]
    Nickname {
        /// The text.
        text: String,
        /// What is wrong with it.
        problem: &'static str,
    },

    /// The fields are valid, but no calendar has such a day.
    #[error("no month has such a day: day of month {days:?} in month {months:?} never comes")]
    Impossible {
        /// The text of the day of month.
        days: String,
        /// The text of the month.
        months: String,
    },
}
