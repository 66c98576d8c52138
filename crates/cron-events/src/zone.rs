//! A time zone as spans of one offset. Inside a span civil time and instants differ by a constant; the clocks change at
//! its two ends.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The longest period around an instant in which the offset does not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// Its first second, as an instant.
    pub(crate) start: i64,
    /// The second after its last.
    pub(crate) end: i64,
    /// Civil seconds minus instant seconds.
    pub(crate) offset: i64,
    /// The offset before `start`; equal to `offset` where there is nothing before.
    pub(crate) earlier: i64,
    /// The offset from `end` on; equal to `offset` where there is nothing after.
    pub(crate) later: i64,
}

impl Span {
    /// The span that contains an instant, if jiff can represent the instant.
    pub(crate) fn at(zone: &TimeZone, second: i64) -> Option<Span> {
        let instant = Timestamp::from_second(second).ok()?;
        let offset = offset_at(zone, instant);
        let (start, earlier) =
            start_of(zone, instant, offset).unwrap_or((Timestamp::MIN.as_second(), offset));
        // Changes that only rename the zone leave the offset as it is.
        let (end, later) = zone
            .following(instant)
            .map(|change| (change.timestamp().as_second(), i64::from(change.offset().seconds())))
            .find(|&(_, later)| later != offset)
            .unwrap_or((Timestamp::MAX.as_second() + 1, offset));
        Some(Span { start, end, offset, earlier, later })
    }
}

fn start_of(zone: &TimeZone, instant: Timestamp, offset: i64) -> Option<(i64, i64)> {
    // A change at this very second counts, and nothing is later than the end of time.
    let including = Timestamp::from_second(instant.as_second() + 1).unwrap_or(Timestamp::MAX);
    zone.preceding(including).find_map(|change| {
        let start = change.timestamp().as_second();
        let earlier = offset_at(zone, Timestamp::from_second(start - 1).ok()?);
        (earlier != offset).then_some((start, earlier))
    })
}

fn offset_at(zone: &TimeZone, instant: Timestamp) -> i64 {
    i64::from(zone.to_offset(instant).seconds())
}
