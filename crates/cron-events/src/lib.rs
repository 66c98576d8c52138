//! Schedules: five cron fields in, fire times out, forwards and backwards, in any time zone.
//!
//! ```
//! use cron_events::{Dialect, Schedule};
//! use jiff::{Timestamp, tz::TimeZone};
//!
//! let schedule = Schedule::parse("*/10 8-17 * * mon-fri", Dialect::Vixie)?;
//! let now: Timestamp = "2026-11-20T17:55:00Z".parse()?;
//! let next = schedule.next(now, &TimeZone::UTC).expect("a fire time");
//! assert_eq!(next.instant.to_string(), "2026-11-23T08:00:00Z");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Fire times
//!
//! A schedule and a time zone define a set of instants, the fire times. [`Schedule::next`] is the smallest one after a
//! given instant, [`Schedule::previous`] the largest one at or before it; nothing else matters, so the two are exact
//! inverses. An instant inside a matching minute therefore has that minute as its previous fire time and never as its
//! next one, as with `Schedule::Cron::Events`.
//!
//! # Dialects
//!
//! [`Dialect::Perl`] reads what the Perl module `Schedule::Cron::Events` 1.96 reads, with the grammar of `Set::Crontab`
//! 1.03. Its quirks are kept, because settings in the wild rely on them:
//!
//! * An element is a number, `*`, `a-b`, `!n` (not), `<n` or `>n`, each with an optional `/step`. **Anything else is
//!   silently ignored**, names of months and days too; only a field with nothing left is refused.
//! * `*` in day-of-month and month starts at 0: `*/10` is 10, 20, 30 and `*/2` in month is 2, 4 … 12.
//! * A single number takes no step: `5/10` is 5. Step 0 is no step. `7` is Sunday.
//! * `!n`, `<n` and `>n` were Perl source once: `!010` means 8, and `!08` leaves nothing.
//! * Only a bare `*` leaves a day field open. If neither is open, **either** may match.
//! * What follows the fifth field is a command, and ignored.
//!
//! Where the module fails, this crate does not follow it:
//!
//! | The module | Here |
//! |---|---|
//! | searches 5 years for an impossible date, then dies; before 1.94 it hung | [`Error::Impossible`] when parsing |
//! | dies where more than 5 years lie between two dates (29 February 2096 to 2104) | finds them |
//! | refuses start years after 2037 | any year up to 9999 |
//! | an hour or month named twice (`5,5`, `1-5,3`) makes *next* step back into the past; a minute named twice fires twice | a value counts once |
//! | a 0 named twice in day-of-month or month (`0,0`, `*,*`) makes a day or month 0 | 0 is left out |
//! | `0-999999999` fills the memory | values beyond the field are refused at once |
//! | takes the fields for the host's local time: in the hour that its clocks skip it is an hour ahead | the time zone is the one given |
//!
//! [`Dialect::Vixie`] reads what cronie 1.7 reads in a crontab, and fires when its `crond` runs it:
//!
//! * Three-letter names of months and weekdays, also in ranges; `0` and `7` are Sunday, and a range may end on it
//!   (`fri-sun`, which cronie supports in releases after 1.7.2). Steps after `*` and ranges. `@hourly`, `@daily`,
//!   `@midnight`, `@weekly`, `@monthly`, `@yearly`, `@annually`.
//! * A day field that *begins* with `*` is open (so `*/2` is, `1,*` is not). If one of them is open both fields must
//!   match, otherwise either.
//! * Different from cronie: with six fields, the first is seconds. `@reboot` and random ranges (`~`) are errors: a
//!   schedule has no host to boot, and two nodes must agree on the instant.
//! * Stricter than cronie, which gives these an unintended meaning: a range that runs backwards is an error (there:
//!   empty, or up to 7 if it ends in 0), and so is a bound outside the field that a large step would never reach
//!   (`0-99/60`).
//!
//! # Changes of the clocks
//!
//! Fields are civil time in the given zone. The rule is cronie's, in both dialects. A schedule is **wildcard** if its
//! hour, minute or seconds field begins with `*`, otherwise it is **fixed-time**.
//!
//! * *The clocks go forward* from B to A: civil times from B up to, not including, A do not exist. If a fixed-time
//!   schedule matches any of them, it fires **once at the jump**, the instant at which the clocks show A
//!   ([`Note::Skipped`]); if A matches too, that is the same fire time. A wildcard schedule has no fire time there.
//! * *The clocks go back* from A to B: civil times from B up to, not including, A come twice. A fixed-time schedule
//!   fires the **first time only** ([`Note::FirstOnly`]), a wildcard schedule **both times** ([`Note::First`],
//!   [`Note::Second`]).
//!
//! [`Schedule::moving_skipped`] changes the first of the two for the help desks that compute in their own zone:
//! whatever a schedule names between B and A fires an hour later, as Perl's `DateTime` moves it.
//!
//! This holds for changes of any size; cronie itself gives up beyond three hours (Samoa left out a whole day in 2011).
//! Each change is measured against the offset just before it.

mod bits;
mod calendar;
mod error;
mod field;
mod occurrence;
mod perl;
mod schedule;
mod set_crontab;
mod times;
mod vixie;
mod zone;

pub use error::Error;
pub use field::Field;
pub use occurrence::{Note, Occurrence};
pub use schedule::{Dialect, Following, Preceding, Schedule};
