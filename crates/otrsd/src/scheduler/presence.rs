//! The cause of missed fire times, as far as their manager knows: whether it was running, and could decide. Pure.

use std::time::Duration;

use jiff::Timestamp;

/// A check that took longer was delayed by the database.
const PROMPT: Duration = Duration::from_secs(1);

const ABSENT: &str = "no manager was running";
const AWAY: &str = "the database was away or locked";
const ABSENT_OR_AWAY: &str = "no manager was running, or the database was away or locked";
const HELD_UP: &str = "the machine was held up, or its clock set forward";

/// A manager's knowledge of its own presence.
#[derive(Clone, Copy, Debug)]
pub(super) struct Presence {
    since: Timestamp,
    /// The last check was blocked by the database: what was due then is still undecided.
    is_blocked: bool,
}

impl Presence {
    /// The manager is present since `since`; `is_blocked` if it had to wait for the database until then.
    pub(super) fn new(since: Timestamp, is_blocked: bool) -> Self {
        Self { since, is_blocked }
    }

    /// Records a check: whether everything was decided, and how long that took.
    pub(super) fn note(&mut self, settled: bool, took: Duration) {
        self.is_blocked = !settled || took > PROMPT;
    }

    /// The cause of missed fire times from `first` on. What other nodes did is unknown.
    pub(super) fn cause(&self, first: Timestamp) -> &'static str {
        match (first < self.since, self.is_blocked) {
            (true, false) => ABSENT,
            (true, true) => ABSENT_OR_AWAY,
            (false, true) => AWAY,
            (false, false) => HELD_UP,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_is_what_the_manager_knows() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let (quick, slow) = (Duration::from_millis(3), Duration::from_secs(3));
        for (waited, looks, first, cause) in [
            (false, &[][..], 50, ABSENT),
            (true, &[], 50, ABSENT_OR_AWAY),
            (false, &[(false, quick)], 50, ABSENT_OR_AWAY),
            (false, &[(true, quick)], 150, HELD_UP),
            (false, &[(false, quick)], 150, AWAY),
            (false, &[(true, slow)], 150, AWAY),
            (true, &[(true, slow), (true, quick)], 150, HELD_UP),
            (true, &[], 100, AWAY),
        ] {
            let mut presence = Presence::new(at(100), waited);
            for (settled, took) in looks {
                presence.note(*settled, *took);
            }
            assert_eq!(presence.cause(at(first)), cause, "{waited} {looks:?} {first}");
        }
    }
}
