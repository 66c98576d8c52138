//! A schedule: parsed once, then queried for its fire times in any time zone.

use crate::calendar::datetime;
use crate::error::{Error, MAX_LENGTH};
use crate::occurrence::{Note, Occurrence};
use crate::times::Times;
use crate::zone::Span;
use crate::{perl, vixie};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The rules by which a text is read; the documentation of the crate states them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// The Perl module `Schedule::Cron::Events`.
    Perl,
    /// cronie, with an optional field for seconds.
    Vixie,
}

/// A parsed schedule. A few machine words, cheap to copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Schedule {
    pub(crate) times: Times,
    /// Hour, minute or seconds begin with `*`; decides the effect of a change of the clocks.
    pub(crate) wildcard: bool,
    /// See [`Schedule::moving_skipped`].
    pub(crate) moves_skipped: bool,
}

/// Perl moves a time that the clocks skip by whole hours, until it exists.
const HOUR: i64 = 3_600;

impl Schedule {
    /// Parses a schedule. A valid text has fire times in every time zone.
    pub fn parse(text: &str, dialect: Dialect) -> Result<Schedule, Error> {
        if text.len() > MAX_LENGTH {
            return Err(Error::TooLong { length: text.len() });
        }
        match dialect {
            Dialect::Perl => perl::parse(text),
            Dialect::Vixie => vixie::parse(text),
        }
    }

    /// The same schedule, but a civil time that the clocks skip fires an hour later, as the help desks' Perl moves it,
    /// and not at the jump; also for a wildcard schedule.
    #[must_use]
    pub fn moving_skipped(self) -> Schedule {
        Schedule { moves_skipped: true, ..self }
    }

    /// The first fire time after `after`; `None` only at the end of the year 9999.
    pub fn next(&self, after: Timestamp, zone: &TimeZone) -> Option<Occurrence> {
        self.following(after, zone).next()
    }

    /// The last fire time at or before `at`; `None` only at the beginning of the year -9999.
    pub fn previous(&self, at: Timestamp, zone: &TimeZone) -> Option<Occurrence> {
        self.preceding(at, zone).next()
    }

    /// All fire times after `after`, forwards.
    pub fn following<'z>(&self, after: Timestamp, zone: &'z TimeZone) -> Following<'z> {
        let from = whole_second(after) + 1;
        Following { schedule: *self, zone, span: Span::at(zone, from), from }
    }

    /// All fire times at or before `at`, backwards.
    pub fn preceding<'z>(&self, at: Timestamp, zone: &'z TimeZone) -> Preceding<'z> {
        let to = whole_second(at);
        Preceding { schedule: *self, zone, span: Span::at(zone, to), to }
    }

    /// The fire time that results from the change of the clocks at the start of the span.
    fn at_jump(&self, span: &Span) -> Option<Occurrence> {
        if self.wildcard || self.moves_skipped || span.earlier >= span.offset {
            return None;
        }
        let skipped = self.times.next(span.start + span.earlier, span.start + span.offset)?;
        occurrence(span.start, Some(Note::Skipped { civil: datetime(skipped)? }))
    }

    /// The first civil time of the span that may match.
    fn first_civil(&self, span: &Span) -> i64 {
        let first = span.start + span.offset;
        if self.wildcard { first } else { first.max(span.start + span.earlier) }
    }

    /// The number of seconds by which the times skipped at the start of the span are moved, if there are any.
    fn move_of(&self, span: &Span) -> Option<i64> {
        let skipped = span.offset - span.earlier;
        (self.moves_skipped && skipped > 0).then(|| (skipped + HOUR - 1) / HOUR * HOUR)
    }

    /// The first time from `civil` on that replaces a skipped one.
    fn moved_from(&self, civil: i64, span: &Span) -> Option<i64> {
        let by = self.move_of(span)?;
        let from = (civil - by).max(span.start + span.earlier);
        let moved = self.times.next(from, span.start + span.offset)? + by;
        (moved < span.end + span.offset).then_some(moved)
    }

    /// The last time up to `civil` that replaces a skipped one.
    fn moved_until(&self, civil: i64, span: &Span) -> Option<i64> {
        let by = self.move_of(span)?;
        let to = (civil - by).min(span.start + span.offset - 1);
        Some(self.times.previous(to, span.start + span.earlier)? + by)
    }

    /// The skipped time that is the only reason to fire at `civil`.
    fn skipped_for(&self, civil: i64, span: &Span) -> Option<i64> {
        let skipped = civil - self.move_of(span)?;
        let is_skipped = (span.start + span.earlier..span.start + span.offset).contains(&skipped);
        (is_skipped && self.times.next(civil, civil + 1).is_none()).then_some(skipped)
    }

    /// The fire time at which the clocks show `civil` within the span.
    fn at_civil(&self, civil: i64, span: &Span) -> Option<Occurrence> {
        let note = if let Some(skipped) = self.skipped_for(civil, span) {
            Some(Note::Moved { civil: datetime(skipped)? })
        } else if civil < span.start + span.earlier {
            Some(Note::Second)
        } else if civil >= span.end + span.later {
            Some(if self.wildcard { Note::First } else { Note::FirstOnly })
        } else {
            None
        };
        occurrence(civil - span.offset, note)
    }
}

/// The fire times after an instant; see [`Schedule::following`].
#[derive(Clone, Debug)]
pub struct Following<'z> {
    schedule: Schedule,
    zone: &'z TimeZone,
    /// The span of `from`; none at the end of time.
    span: Option<Span>,
    from: i64,
}

impl Iterator for Following<'_> {
    type Item = Occurrence;

    fn next(&mut self) -> Option<Occurrence> {
        loop {
            let span = self.span?;
            if self.from == span.start
                && let Some(due) = self.schedule.at_jump(&span)
            {
                self.from += 1;
                return Some(due);
            }
            let from = self.schedule.first_civil(&span).max(self.from + span.offset);
            let named = self.schedule.times.next(from, span.end + span.offset);
            let moved = self.schedule.moved_from(from, &span);
            if let Some(civil) = named.into_iter().chain(moved).min() {
                self.from = civil - span.offset + 1;
                return self.schedule.at_civil(civil, &span);
            }
            self.from = span.end;
            self.span = Span::at(self.zone, span.end);
        }
    }
}

/// The fire times up to an instant, backwards; see [`Schedule::preceding`].
#[derive(Clone, Debug)]
pub struct Preceding<'z> {
    schedule: Schedule,
    zone: &'z TimeZone,
    /// The span of `to`; none at the beginning of time.
    span: Option<Span>,
    to: i64,
}

impl Iterator for Preceding<'_> {
    type Item = Occurrence;

    fn next(&mut self) -> Option<Occurrence> {
        loop {
            let span = self.span?;
            let to = self.to + span.offset;
            let named = self.schedule.times.previous(to, self.schedule.first_civil(&span));
            let civil = named.max(self.schedule.moved_until(to, &span));
            // A fire time at the jump itself is reported as the jump's, whatever the clocks show there.
            let at_start = civil.is_none_or(|civil| civil == span.start + span.offset);
            if at_start
                && self.to >= span.start
                && let Some(due) = self.schedule.at_jump(&span)
            {
                self.to = span.start - 1;
                return Some(due);
            }
            if let Some(civil) = civil {
                self.to = civil - span.offset - 1;
                return self.schedule.at_civil(civil, &span);
            }
            self.to = span.start - 1;
            self.span = Span::at(self.zone, self.to);
        }
    }
}

fn occurrence(second: i64, note: Option<Note>) -> Option<Occurrence> {
    Some(Occurrence { instant: Timestamp::from_second(second).ok()?, note })
}

/// jiff rounds towards 1970.
fn whole_second(instant: Timestamp) -> i64 {
    instant.as_second() - i64::from(instant.subsec_nanosecond() < 0)
}
