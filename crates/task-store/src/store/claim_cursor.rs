//! The claim cursor: where a scan for free rows begins.
//!
//! While a transaction that began earlier is open, PostgreSQL and InnoDB keep an index entry for every row that was
//! claimed since, and a scan from the start of the queue walks over all of them. So does a scan past a hundred thousand
//! paused tasks. Then most scans begin behind the row that was claimed last, and full scans are made so seldom that they
//! take a small part of the time.

use std::time::Duration;

use tokio::time::Instant;

use crate::model::task::Task;

/// The time between two full scans, as a multiple of what one takes more than a scan from the cursor.
const MIN_PAUSE_PER_COST: u32 = 10;
/// A full scan that takes less than this more is not throttled.
const MAX_UNTHROTTLED_COST: Duration = Duration::from_millis(5);

/// A position in the order of the queue.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Position {
    pub(crate) priority: i64,
    pub(crate) row: i64,
}

/// Before every row.
pub(crate) const START: Position = Position { priority: i64::MIN, row: i64::MIN };

/// Throttles something by its cost: the more it takes, the later it may be done again.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CostThrottle {
    next: Option<Instant>,
}

impl CostThrottle {
    pub(crate) fn allows(&self, now: Instant) -> bool {
        self.next.is_none_or(|next| next <= now)
    }

    pub(crate) fn spent(&mut self, cost: Duration, now: Instant) {
        self.next = (cost >= MAX_UNTHROTTLED_COST).then(|| now + MIN_PAUSE_PER_COST * cost);
    }
}

/// What one process knows of the start of the queue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClaimCursor {
    /// The last of the rows that were claimed last.
    last: Position,
    /// Every row up to this one was seen by this process, or was committed late.
    highest: i64,
    /// What a scan from the cursor takes.
    quick: Duration,
    full_scans: CostThrottle,
    /// A claim wanted more than was found behind `last`.
    is_rescan_due: bool,
}

impl ClaimCursor {
    pub(crate) fn new() -> Self {
        let full_scans = CostThrottle::default();
        Self { last: START, highest: 0, quick: Duration::ZERO, full_scans, is_rescan_due: false }
    }

    /// Where a scan begins now; at the start of the queue if `from_start` demands it.
    pub(crate) fn begin(&self, from_start: bool, now: Instant) -> Position {
        if from_start || self.full_scans.allows(now) { START } else { self.last }
    }

    /// Whether a scan may have to walk over much: a full scan is costly, or none was made yet.
    pub(crate) fn is_far(&self) -> bool {
        self.full_scans.next.is_some() || self.last == START
    }

    /// Whether a scan that leaves out types is postponed, because the last full scan was costly: then a rescan is due.
    pub(crate) fn postpones(&mut self, now: Instant) -> bool {
        let is_postponed = !self.full_scans.allows(now);
        self.is_rescan_due |= is_postponed;
        is_postponed
    }

    /// A scan that began at `from` gave these tasks.
    pub(crate) fn scanned(
        &mut self,
        from: Position,
        got: &[Task],
        wanted: u32,
        took: Duration,
        now: Instant,
    ) {
        if from == START {
            self.full_scans.spent(took.saturating_sub(self.quick), now);
            // A measurement that was long by chance must not count for ever.
            self.quick -= self.quick / 8;
            self.is_rescan_due = false;
        } else {
            self.quick = took;
            self.is_rescan_due |= got.len() < wanted as usize;
        }
        let last = got.iter().map(|task| (task.priority, task.row)).max();
        if let Some((priority, row)) = last {
            if priority != self.last.priority || row > self.last.row {
                self.last = Position { priority, row };
            }
            self.highest = self.highest.max(row);
        }
    }

    /// When a full scan is to be made although no notification came.
    pub(crate) fn rescan_due(&self) -> Option<Instant> {
        self.full_scans.next.filter(|_| self.is_rescan_due)
    }

    /// A worker was told to make it.
    pub(crate) fn rescan_announced(&mut self) {
        self.is_rescan_due = false;
    }

    pub(crate) fn highest(&self) -> i64 {
        self.highest
    }

    pub(crate) fn saw(&mut self, row: i64) {
        self.highest = self.highest.max(row);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::lock_key::LockKey;
    use crate::model::task_id::TaskId;

    fn task((priority, row): (i64, i64)) -> Task {
        let id = TaskId::draw();
        let (task_type, name, data) = (String::new(), String::new(), String::new());
        let lock = LockKey::Free;
        Task {
            row,
            id,
            task_type,
            name,
            data,
            attempts: 1,
            priority,
            lock,
            created: None,
            tried: false,
            damage: None,
        }
    }

    fn at((priority, row): (i64, i64)) -> Position {
        Position { priority, row }
    }

    #[test]
    fn cheap_full_scans_are_always_made_and_costly_ones_seldom() {
        let millis = Duration::from_millis;
        let now = Instant::now();
        let (mut cursor, found) = (ClaimCursor::new(), [task((0, 7)), task((0, 5))]);
        assert!(cursor.is_far(), "no scan was made yet");
        cursor.scanned(cursor.begin(false, now), &found, 2, millis(4), now);
        assert_eq!(cursor.begin(false, now), START);
        assert!(!cursor.is_far());
        cursor.scanned(START, &found, 2, millis(104), now);
        assert!(cursor.is_far());
        assert_eq!(cursor.begin(false, now + millis(1039)), at((0, 7)));
        assert_eq!(cursor.begin(false, now + millis(1040)), START);
        assert_eq!(cursor.begin(true, now), START);
        assert_eq!(cursor.rescan_due(), None, "all that was wanted was found");
        let mut other = cursor;
        assert!(other.postpones(now + millis(1039)) && other.rescan_due().is_some());
        assert!(!cursor.postpones(now + millis(1040)) && cursor.rescan_due().is_none());
        // What both scans take is no cost of the start.
        cursor.scanned(at((0, 7)), &[task((0, 9))], 2, millis(100), now);
        assert_eq!(cursor.rescan_due(), Some(now + millis(1040)));
        cursor.scanned(START, &[], 2, millis(104), now);
        assert_eq!(
            (cursor.begin(false, now), cursor.rescan_due(), cursor.highest()),
            (START, None, 9)
        );
        cursor.scanned(START, &[], 2, millis(104), now);
        assert_eq!(cursor.begin(false, now), at((0, 9)), "the long measurement was long ago");
    }

    #[test]
    fn the_cursor_is_the_last_claimed_row_unless_it_was_an_older_one() {
        let (mut cursor, now) = (ClaimCursor::new(), Instant::now());
        cursor.scanned(START, &[task((0, 5)), task((0, 4))], 2, Duration::from_secs(1), now);
        for (rows, expected) in
            [(&[(0, 2)][..], (0, 5)), (&[], (0, 5)), (&[(3, 1)], (3, 1)), (&[(0, 4)], (0, 4))]
        {
            let tasks: Vec<Task> = rows.iter().copied().map(task).collect();
            cursor.scanned(cursor.begin(false, now), &tasks, 1, Duration::ZERO, now);
            assert_eq!(cursor.begin(false, now), at(expected), "{rows:?}");
        }
        assert_eq!(cursor.highest(), 5);
    }
}
