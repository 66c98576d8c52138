//! Managers that plan from what they know, and fire when others may have been first: whatever the order, each fire time
//! is recorded once.

use std::collections::BTreeSet;

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::store::Options;

const MANAGERS: usize = 3;

/// Fire times are minutes.
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
    /// It fires what it planned, now that it has the row's lock.
    Fire(usize),
    /// The same, but it does not hear whether that was committed.
    Lose(usize, bool),
    /// It asks what became of the commit.
    Resolve(usize),
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
        6 => manager().prop_map(Step::Fire),
        2 => (manager(), any::<bool>()).prop_map(|(it, happened)| Step::Lose(it, happened)),
        2 => manager().prop_map(Step::Resolve),
        1 => manager().prop_map(Step::Restart),
        1 => any::<bool>().prop_map(Step::Hold),
        1 => any::<bool>().prop_map(Step::Pause),
        1 => any::<bool>().prop_map(Step::Limit),
        1 => Just(Step::Perl),
    ]
}

/// Minutes in a row with one status, as they are planned: the task if they run.
struct Planned {
    first: i64,
    last: i64,
    task: Option<NewTask>,
}

impl Planned {
    fn request(&self) -> FireRequest<'_> {
        FireRequest {
            task_type: "Cron",
            name: "N",
            due: at(self.first),
            last_due: at(self.last),
            instants: (self.last - self.first + 1).unsigned_abs(),
            follows: Some(at(self.first - 1)),
            action: self.task.as_ref().map_or(FireAction::Miss("away"), FireAction::Run),
            node: 1,
        }
    }
}

#[derive(Default)]
struct Manager {
    /// Up to here all is recorded, as far as it knows.
    last: i64,
    /// How many of the newest fire times run.
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

    fn requests(&self) -> Vec<FireRequest<'_>> {
        self.plan.iter().map(Planned::request).collect()
    }

    /// As the scheduler does.
    fn hear(&mut self, outcomes: &[FireOutcome]) {
        for (planned, outcome) in self.plan.iter().zip(outcomes) {
            match outcome {
                FireOutcome::Busy(_) => {}
                FireOutcome::Taken(until) => self.last = self.last.max(minute(*until)),
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

/// The database and the managers.
struct World {
    store: Store,
    now: i64,
    rows: Vec<CronRun>,
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
            Step::Fire(number) if !self.managers[number].is_unsure => {
                let outcomes = self.fire(number);
                self.managers[number].hear(&outcomes);
            }
            Step::Lose(number, happened) if !self.managers[number].is_unsure => {
                if happened {
                    self.fire(number);
                }
                self.managers[number].is_unsure = true;
            }
            Step::Resolve(number) if self.managers[number].is_unsure => self.resolve(number),
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

    fn fire(&mut self, number: usize) -> Vec<FireOutcome> {
        let lock = self.is_held.then_some(LockKey::Perl { node: 2, pid: 815 });
        let mut cron = CronState::new(lock, Some(self.row.clone()));
        cron.newest = self.rows.last().cloned();
        cron.paused = self.is_paused.then(|| "paused".to_owned());
        let mut plan = FirePlan::new(&self.store, BTreeMap::from([("N".to_owned(), cron)]));
        let requests = self.managers[number].requests();
        let mut outcomes: Vec<FireOutcome> = requests.iter().map(|it| plan.add(it)).collect();
        let added = if self.is_full { Added::LimitReached } else { Added::Added };
        plan.apply_limits(&vec![added; plan.tasks.len()], &mut outcomes);
        if let Some((_, row, _)) = plan.last_fire_times().next() {
            self.row = row;
        }
        let (new, extended) = (plan.new_runs, plan.extended_runs);
        for it in extended {
            *self.rows.last_mut().unwrap() = it;
        }
        self.rows.extend(new);
        outcomes
    }

    /// What was not committed is fired again.
    fn resolve(&mut self, number: usize) {
        let requests = self.managers[number].requests();
        let covers = |it: &&CronRun, due| it.due <= due && due <= it.last_due;
        let there =
            |it: &FireRequest<'_>| self.rows.iter().find(|row| covers(row, it.due)).cloned();
        let there: Vec<_> = requests.iter().map(there).collect();
        let resolved = resolve_fired(&requests, &there);
        let outcomes = resolved.unwrap_or_else(|| self.fire(number));
        self.managers[number].hear(&outcomes);
    }

    /// The newest fire time runs if it is not the row's.
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
            let is_twice = row.status == RunStatus::Ran && self.ran_by_perl.contains(&first);
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
    // The remaining nodes fire the rest.
    for step in [Step::Hold(false), Step::Resolve(0), Step::Plan(0), Step::Fire(0)].repeat(3) {
        world.step(step);
    }
    world.check();
    assert_eq!(world.known(), world.now, "something is still due");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn each_fire_time_is_recorded_once(steps in prop::collection::vec(step(), 0..60)) {
        run(false, &steps);
    }

    #[test]
    fn no_fire_time_runs_twice_beside_the_original(steps in prop::collection::vec(step(), 0..60)) {
        run(true, &steps);
    }
}

/// Two managers plan at different times and wait for the same row: the second one's plan begins before what the first
/// one fired, and ends after it.
#[test]
fn a_plan_that_is_taken_in_part_is_made_anew() {
    let steps = [
        Step::Pass { minutes: 36 },
        Step::Plan(0),
        Step::Pass { minutes: 16 },
        Step::Plan(1),
        Step::Fire(0),
        Step::Fire(1),
    ];
    run(false, &steps);
}
