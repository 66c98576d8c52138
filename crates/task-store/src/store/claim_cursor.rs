//! Where a look at the free rows begins.
//!
//! As long as some transaction that began earlier is open, PostgreSQL and InnoDB keep every row that was
//! claimed since, and who looks from the beginning of the queue walks over all of them. So does who looks past
//! a hundred thousand paused tasks. Then most looks begin behind the row that was claimed last, and the
//! beginning is looked at so seldom that it takes a small part of the time.

use std::time::Duration;

use tokio::time::Instant;

use crate::model::task::Task;

/// What looks from the beginning may cost: the time between them, as a multiple of what one takes more than
/// another look.
const SELDOM: u32 = 10;
/// What takes less than this more is cheap.
const CHEAP: Duration = Duration::from_millis(5);

/// A place in the order of the queue.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Position {
    pub(crate) priority: i64,
    pub(crate) row: i64,
}

/// Before every row.
pub(crate) const START: Position = Position { priority: i64::MIN, row: i64::MIN };

/// When something costly may be done again.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Thrift {
    next: Option<Instant>,
}

impl Thrift {
    pub(crate) fn allows(&self, now: Instant) -> bool {
        self.next.is_none_or(|next| next <= now)
    }

    pub(crate) fn spent(&mut self, cost: Duration, now: Instant) {
        self.next = (cost >= CHEAP).then(|| now + SELDOM * cost);
    }
}

/// What one process knows of the front of the queue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Front {
    /// Of the rows claimed last, the last.
    last: Position,
    /// Every row up to this one was seen by somebody here, or came late.
    highest: i64,
    /// What a look from there takes.
    quick: Duration,
    whole: Thrift,
    /// Somebody wanted more than was found behind `last`.
    owed: bool,
}

impl Front {
    pub(crate) fn new() -> Self {
        let whole = Thrift::default();
        Self { last: START, highest: 0, quick: Duration::ZERO, whole, owed: false }
    }

    /// Behind which place to look now; from the beginning, if `whole` says so.
    pub(crate) fn begin(&self, whole: bool, now: Instant) -> Position {
        if whole || self.whole.allows(now) { START } else { self.last }
    }

    /// Whether much may have to be walked over: a whole look is costly, or none was made yet.
    pub(crate) fn is_far(&self) -> bool {
        self.whole.next.is_some() || self.last == START
    }

    /// Whether a look that leaves types alone is made later, since the last one was costly: it is owed then.
    pub(crate) fn puts_off(&mut self, now: Instant) -> bool {
        let is_put_off = !self.whole.allows(now);
        self.owed |= is_put_off;
        is_put_off
    }

    /// A look from a place gave these, of those that were wanted.
    pub(crate) fn looked(
        &mut self,
        from: Position,
        got: &[Task],
        wanted: u32,
        took: Duration,
        now: Instant,
    ) {
        if from == START {
            self.whole.spent(took.saturating_sub(self.quick), now);
            // One that once took long by chance is not believed for ever.
            self.quick -= self.quick / 8;
            self.owed = false;
        } else {
            self.quick = took;
            self.owed |= got.len() < wanted as usize;
        }
        let last = got.iter().map(|task| (task.priority, task.row)).max();
        if let Some((priority, row)) = last {
            if priority != self.last.priority || row > self.last.row {
                self.last = Position { priority, row };
            }
            self.highest = self.highest.max(row);
        }
    }

    /// When a look from the beginning is to be made, although nothing new was heard of.
    pub(crate) fn owed(&self) -> Option<Instant> {
        self.whole.next.filter(|_| self.owed)
    }

    /// Somebody was told to make it.
    pub(crate) fn told(&mut self) {
        self.owed = false;
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
    fn a_cheap_beginning_is_always_looked_at_and_a_costly_one_seldom() {
        let millis = Duration::from_millis;
        let now = Instant::now();
        let (mut front, found) = (Front::new(), [task((0, 7)), task((0, 5))]);
        assert!(front.is_far(), "nobody has looked yet");
        front.looked(front.begin(false, now), &found, 2, millis(4), now);
        assert_eq!(front.begin(false, now), START);
        assert!(!front.is_far());
        front.looked(START, &found, 2, millis(104), now);
        assert!(front.is_far());
        assert_eq!(front.begin(false, now + millis(1039)), at((0, 7)));
        assert_eq!(front.begin(false, now + millis(1040)), START);
        assert_eq!(front.begin(true, now), START);
        assert_eq!(front.owed(), None, "all that was wanted was found");
        let mut other = front;
        assert!(other.puts_off(now + millis(1039)) && other.owed().is_some());
        assert!(!front.puts_off(now + millis(1040)) && front.owed().is_none());
        // What both take is no cost of the beginning.
        front.looked(at((0, 7)), &[task((0, 9))], 2, millis(100), now);
        assert_eq!(front.owed(), Some(now + millis(1040)));
        front.looked(START, &[], 2, millis(104), now);
        assert_eq!((front.begin(false, now), front.owed(), front.highest()), (START, None, 9));
        front.looked(START, &[], 2, millis(104), now);
        assert_eq!(front.begin(false, now), at((0, 9)), "that took long long ago");
    }

    #[test]
    fn the_last_claimed_row_is_the_place_unless_it_was_an_older_one() {
        let (mut front, now) = (Front::new(), Instant::now());
        front.looked(START, &[task((0, 5)), task((0, 4))], 2, Duration::from_secs(1), now);
        for (rows, expected) in
            [(&[(0, 2)][..], (0, 5)), (&[], (0, 5)), (&[(3, 1)], (3, 1)), (&[(0, 4)], (0, 4))]
        {
            let tasks: Vec<Task> = rows.iter().copied().map(task).collect();
            front.looked(front.begin(false, now), &tasks, 1, Duration::ZERO, now);
            assert_eq!(front.begin(false, now), at(expected), "{rows:?}");
        }
        assert_eq!(front.highest(), 5);
    }
}
