//! Managers that plan from what they know, and decide when others may have been first: whatever the order, each due
//! instant is accounted for once.

use std::collections::BTreeSet;

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::store::Options;

const MANAGERS: usize = 3;

/// Due instants are minutes.
fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(minute * 60).unwrap()
}

fn minute(time: Timestamp) -> i64 {
    time.as_second() / 60
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Pass {
        minutes: i64,
    },
    /// A manager plans what is due, from what it knows.
    Plan(usize),
    /// What it planned is decided, now that it has the row's lock.
    Decide(usize),
    /// The same, but it does not hear whether that was committed.
    Lose(usize, bool),
    /// It asks what became of the commit.
    Settle(usize),
    /// Its next run begins with what the database knows.
    Restart(usize),
    /// A process of the original holds the row, or not any more.
    Hold(bool),
    Pause(bool),
    /// The queue takes no more tasks of this name, or again.
    Limit(bool),
    /// A node of the original looks what is due.
    Perl,
}

fn step() -> impl Strategy<Value = Step> {
    let manager = || 0..MANAGERS;
    prop_oneof![
        4 => (1..9_i64).prop_map(|minutes| Step::Pass { minutes }),
        6 => manager().prop_map(Step::Plan),
        6 => manager().prop_map(Step::Decide),
        2 => (manager(), any::<bool>()).prop_map(|(it, happened)| Step::Lose(it, happened)),
        2 => manager().prop_map(Step::Settle),
        1 => manager().prop_map(Step::Restart),
        1 => any::<bool>().prop_map(Step::Hold),
        1 => any::<bool>().prop_map(Step::Pause),
        1 => any::<bool>().prop_map(Step::Limit),
        1 => Just(Step::Perl),
    ]
}

/// Minutes in a row with one fate, as they are planned: the task if they run.
struct Planned {
    first: i64,
    last: i64,
    task: Option<NewTask>,
}

impl Planned {
    fn decision(&self) -> Decision<'_> {
        Decision {
            task_type: "Cron",
            name: "N",
            due: at(self.first),
            last_due: at(self.last),
            instants: (self.last - self.first + 1).unsigned_abs(),
            follows: Some(at(self.first - 1)),
            verdict: self.task.as_ref().map_or(Verdict::Miss("away"), Verdict::Run),
            node: 1,
        }
    }
}

#[derive(Default)]
struct Manager {
    /// Up to here all is accounted for, as far as it knows.
    last: i64,
    /// How many of the newest instants run.
    running: i64,
    plan: Vec<Planned>,
    is_unsure: bool,
}

impl Manager {
    fn plan(&mut self, now: i64) {
        let runs = (self.last + 1).max(now - self.running + 1);
        let missed = Planned { first: self.last + 1, last: runs - 1, task: None };
        let task = || Some(NewTask::new("T", "N", "{}"));
        let running = (runs..=now).map(|due| Planned { first: due, last: due, task: task() });
        let missed = (missed.first <= missed.last).then_some(missed);
        self.plan = missed.into_iter().chain(running).collect();
    }

    fn decisions(&self) -> Vec<Decision<'_>> {
        self.plan.iter().map(Planned::decision).collect()
    }

    /// As the scheduler's agenda.
    fn hear(&mut self, decided: &[Decided]) {
        for (planned, decided) in self.plan.iter().zip(decided) {
            match decided {
                Decided::Busy(_) => {}
                Decided::Taken(until) => self.last = self.last.max(minute(*until)),
                _ => self.last = self.last.max(planned.last),
            }
        }
        self.forget();
    }

    fn forget(&mut self) {
        self.plan.clear();
        self.is_unsure = false;
    }
}

/// The database, and all who decide.
struct World {
    store: Store,
    now: i64,
    rows: Vec<Occurrence>,
    /// The recurrent row.
    row: String,
    ran_by_perl: BTreeSet<i64>,
    is_held: bool,
    is_paused: bool,
    is_full: bool,
    managers: [Manager; MANAGERS],
}

impl World {
    fn new(home: bool) -> Self {
        let options = Options { home, ..Options::default() };
        let store = Store::connect("sqlite:/unused", options).unwrap();
        let row = store.wall_clock(at(0));
        let managers = [1, 1, 3].map(|running| Manager { running, ..Manager::default() });
        let (is_held, is_paused, is_full) = (false, false, false);
        let (rows, ran_by_perl) = (Vec::new(), BTreeSet::new());
        Self { store, now: 0, rows, row, ran_by_perl, is_held, is_paused, is_full, managers }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Pass { minutes } => self.now += minutes,
            Step::Hold(held) => self.is_held = held,
            Step::Pause(paused) => self.is_paused = paused,
            Step::Limit(full) => self.is_full = full,
            Step::Perl => self.perl(),
            Step::Restart(number) => {
                self.managers[number].last = self.known();
                self.managers[number].forget();
            }
            Step::Plan(number) if !self.managers[number].is_unsure => {
                let now = self.now;
                self.managers[number].plan(now);
            }
            Step::Decide(number) if !self.managers[number].is_unsure => {
                let decided = self.decide(number);
                self.managers[number].hear(&decided);
            }
            Step::Lose(number, happened) if !self.managers[number].is_unsure => {
                if happened {
                    self.decide(number);
                }
                self.managers[number].is_unsure = true;
            }
            Step::Settle(number) if self.managers[number].is_unsure => self.settle(number),
            _ => {}
        }
    }

    /// What a manager reads at its start.
    fn known(&self) -> i64 {
        let newest = self.rows.last().map(|it| it.last_due);
        match newest.filter(|it| self.store.wall_clock(*it) == self.row) {
            Some(newest) => minute(newest),
            None => minute(self.store.time_of(&self.row).max(newest).unwrap()),
        }
    }

    fn decide(&mut self, number: usize) -> Vec<Decided> {
        let lock = self.is_held.then_some(LockKey::Perl { node: 2, pid: 815 });
        let mut cron = Cron::new(lock, Some(self.row.clone()));
        cron.newest = self.rows.last().cloned();
        cron.paused = self.is_paused.then(|| "paused".to_owned());
        let mut account = Account::new(&self.store, BTreeMap::from([("N".to_owned(), cron)]));
        let decisions = self.managers[number].decisions();
        let mut decided: Vec<Decided> = decisions.iter().map(|it| account.take(it)).collect();
        let added = if self.is_full { Added::LimitReached } else { Added::Added };
        account.limit(&vec![added; account.tasks.len()], &mut decided);
        if let Some((_, row, _)) = account.moved().next() {
            self.row = row;
        }
        let (new, longer) = (account.new, account.longer);
        for it in longer {
            *self.rows.last_mut().unwrap() = it;
        }
        self.rows.extend(new);
        decided
    }

    /// What did not happen is done again.
    fn settle(&mut self, number: usize) {
        let decisions = self.managers[number].decisions();
        let covers = |it: &&Occurrence, due| it.due <= due && due <= it.last_due;
        let there = |it: &Decision<'_>| self.rows.iter().find(|row| covers(row, it.due)).cloned();
        let there: Vec<_> = decisions.iter().map(there).collect();
        let settled = settled(&decisions, &there);
        let decided = settled.unwrap_or_else(|| self.decide(number));
        self.managers[number].hear(&decided);
    }

    /// The newest due instant runs if it is not the row's.
    fn perl(&mut self) {
        let text = self.store.wall_clock(at(self.now));
        if self.store.is_home() && text != self.row {
            self.row = text;
            assert!(self.ran_by_perl.insert(self.now));
        }
    }

    /// In their order, each row follows the one before it.
    fn check(&self) {
        let mut last = 0;
        for row in &self.rows {
            let (first, end) = (minute(row.due), minute(row.last_due));
            assert!(first > last && end >= first, "{row:?} after {last}");
            assert!(first == last + 1 || self.store.is_home(), "a gap before {row:?}");
            assert_eq!(row.instants, (end - first + 1).unsigned_abs(), "{row:?}");
            let is_twice = row.fate == Fate::Ran && self.ran_by_perl.contains(&first);
            assert!(!is_twice, "{row:?} ran by the original too");
            last = end;
        }
        let known = self.known();
        let believed = self.managers.iter().map(|it| it.last).max();
        assert!(believed <= Some(known), "{believed:?} is believed, {known} is true");
    }
}

fn run(home: bool, steps: &[Step]) {
    let mut world = World::new(home);
    for step in steps {
        world.step(*step);
        world.check();
    }
    // The remaining nodes decide the rest.
    for step in [Step::Hold(false), Step::Settle(0), Step::Plan(0), Step::Decide(0)].repeat(3) {
        world.step(step);
    }
    world.check();
    assert_eq!(world.known(), world.now, "something is still due");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn each_instant_is_accounted_for_once(steps in prop::collection::vec(step(), 0..60)) {
        run(false, &steps);
    }

    #[test]
    fn and_none_runs_twice_beside_the_original(steps in prop::collection::vec(step(), 0..60)) {
        run(true, &steps);
    }
}

/// Two managers plan at different times and wait for the same row: the second one's plan begins before what the first
/// one decided, and ends after it.
#[test]
fn a_plan_that_is_taken_in_part_is_made_anew() {
    let steps = [
        Step::Pass { minutes: 36 },
        Step::Plan(0),
        Step::Pass { minutes: 16 },
        Step::Plan(1),
        Step::Decide(0),
        Step::Decide(1),
    ];
    run(false, &steps);
}
