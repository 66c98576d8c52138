//! What a transaction that decides due instants makes of what it found. Pure.

use std::collections::BTreeMap;

use crate::cron::cron_run::{Fate, Occurrence};
use crate::cron::fire::{Decided, Decision, Verdict};
use crate::model::lock_key::LockKey;
use crate::model::task::NewTask;
use crate::model::task_id::TaskId;
use crate::store::Store;
use crate::task::enqueue::Added;

/// A cron task: what is known of it, and what becomes of it.
#[derive(Debug, Default)]
pub(crate) struct Cron {
    lock: Option<LockKey>,
    last: Option<String>,
    /// Why its due instants are left out, if they are.
    pub(crate) paused: Option<String>,
    pub(crate) newest: Option<Occurrence>,
    place: Place,
    /// The last due instant that was decided now.
    moved: Option<jiff::Timestamp>,
    task: Option<TaskId>,
}

impl Cron {
    /// `lock`: who holds its row by Perl's rules; `last`: the wall clock of its last due instant.
    pub(crate) fn new(lock: Option<LockKey>, last: Option<String>) -> Self {
        Self { lock, last, ..Self::default() }
    }
}

/// Where the newest occurrence is: in the database alone, or in one of the account's lists.
#[derive(Clone, Copy, Debug, Default)]
enum Place {
    #[default]
    Stored,
    Longer(usize),
    New(usize),
}

/// The account of one transaction.
pub(crate) struct Account<'a> {
    store: &'a Store,
    crons: BTreeMap<String, Cron>,
    /// To be added.
    pub(crate) tasks: Vec<NewTask>,
    /// To be written down.
    pub(crate) new: Vec<Occurrence>,
    /// In the database, and to reach further.
    pub(crate) longer: Vec<Occurrence>,
    /// Of each task, its decision and its occurrence.
    runs: Vec<(usize, usize)>,
    decisions: usize,
    refusals: Refusals,
}

/// Of each cron task, the answer after which nothing more of it is decided in the same call: others were first, but
/// not up to the end of what this node planned. All that follows was planned from an instant that is not the
/// newest one, and would leave a gap.
#[derive(Debug, Default)]
struct Refusals(BTreeMap<String, Decided>);

impl Refusals {
    fn of(&self, decision: &Decision<'_>) -> Option<Decided> {
        self.0.get(decision.name).copied()
    }

    fn note(&mut self, decision: &Decision<'_>, decided: Decided) {
        let leaves_a_rest = match decided {
            Decided::Busy(_) => true,
            Decided::Taken(until) => until < decision.last_due,
            _ => false,
        };
        if leaves_a_rest {
            self.0.insert(decision.name.to_owned(), decided);
        }
    }
}

impl<'a> Account<'a> {
    pub(crate) fn new(store: &'a Store, crons: BTreeMap<String, Cron>) -> Self {
        let (tasks, new, longer, runs) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let refusals = Refusals::default();
        Self { store, crons, tasks, new, longer, runs, decisions: 0, refusals }
    }

    /// Takes the next decision into account.
    pub(crate) fn take(&mut self, decision: &Decision<'_>) -> Decided {
        let number = self.decisions;
        self.decisions += 1;
        let decided = match self.refusals.of(decision) {
            Some(refusal) => refusal,
            None => self.judge(number, decision),
        };
        self.refusals.note(decision, decided);
        decided
    }

    fn judge(&mut self, number: usize, decision: &Decision<'_>) -> Decided {
        let cron = self.crons.entry(decision.name.to_owned()).or_default();
        if let Some(lock) = cron.lock {
            return Decided::Busy(lock);
        }
        if let Some(newest) = cron.newest.as_ref().filter(|it| it.last_due >= decision.due) {
            return Decided::Taken(newest.last_due);
        }
        if self.store.is_home() && perl_ran_it(self.store, cron, decision) {
            let occurrence = occurrence(decision, Fate::RanElsewhere, "", None);
            add(&mut self.new, cron, occurrence);
            return Decided::RanElsewhere;
        }
        let is_paused = cron.paused.is_some() && matches!(decision.verdict, Verdict::Run(_));
        let verdict = match cron.paused.as_deref().filter(|_| is_paused) {
            Some(reason) => Verdict::Skip(reason),
            None => decision.verdict,
        };
        let occurrence = match verdict {
            Verdict::Skip(reason) => occurrence(decision, Fate::Skipped, reason, None),
            Verdict::Miss(reason) => occurrence(decision, Fate::Missed, reason, None),
            Verdict::Run(task) => {
                self.runs.push((number, self.new.len()));
                self.tasks.push(task.clone());
                occurrence(decision, Fate::Ran, "", Some(task.id))
            }
        };
        cron.moved = Some(decision.last_due);
        match cron.newest.as_mut().filter(|newest| joins(newest, &occurrence, decision)) {
            Some(newest) => {
                newest.last_due = occurrence.last_due;
                newest.instants = newest.instants.saturating_add(occurrence.instants);
                let newest = newest.clone();
                match cron.place {
                    Place::New(index) => self.new[index] = newest,
                    Place::Longer(index) => self.longer[index] = newest,
                    Place::Stored => {
                        cron.place = Place::Longer(self.longer.len());
                        self.longer.push(newest);
                    }
                }
            }
            None => add(&mut self.new, cron, occurrence),
        }
        if is_paused { Decided::Paused } else { Decided::Done }
    }

    /// Which tasks were added, and which found as many as may be.
    pub(crate) fn limit(&mut self, added: &[Added], decided: &mut [Decided]) {
        for ((decision, new), added) in self.runs.iter().zip(added) {
            let occurrence = &mut self.new[*new];
            match added {
                Added::Added => {
                    let cron = self.crons.entry(occurrence.name.clone()).or_default();
                    cron.task = occurrence.task;
                }
                Added::LimitReached => {
                    occurrence.fate = Fate::Skipped;
                    "limit reached".clone_into(&mut occurrence.reason);
                    decided[*decision] = Decided::LimitReached;
                }
            }
        }
    }

    /// Each cron task of which something was decided, with the wall clock of its newest due instant, and its
    /// new task.
    pub(crate) fn moved(&self) -> impl Iterator<Item = (&str, String, Option<TaskId>)> {
        self.crons.iter().filter_map(|(name, cron)| {
            let moved = cron.moved?;
            let known = cron.last.as_ref().and_then(|text| self.store.time_of(text));
            let newest = known.map_or(moved, |known| known.max(moved));
            Some((name.as_str(), self.store.wall_clock(newest), cron.task))
        })
    }
}

fn add(new: &mut Vec<Occurrence>, cron: &mut Cron, occurrence: Occurrence) {
    cron.place = Place::New(new.len());
    cron.newest = Some(occurrence.clone());
    new.push(occurrence);
}

fn occurrence(
    decision: &Decision<'_>,
    fate: Fate,
    reason: &str,
    task: Option<TaskId>,
) -> Occurrence {
    Occurrence {
        task_type: decision.task_type.into(),
        name: decision.name.into(),
        due: decision.due,
        last_due: decision.last_due,
        instants: decision.instants,
        fate,
        reason: reason.into(),
        task,
        decided: None,
    }
}

/// Whether an occurrence only goes on with the one before it.
fn joins(newest: &Occurrence, occurrence: &Occurrence, decision: &Decision<'_>) -> bool {
    occurrence.task.is_none()
        && newest.fate == occurrence.fate
        && newest.reason == occurrence.reason
        && decision.follows == Some(newest.last_due)
}

/// In a home: the row holds this instant, and not because an occurrence of ours has the same wall clock (an
/// hour that came twice). A row that went beyond it leaves nothing to run either: the original ran it, or a later one.
fn perl_ran_it(store: &Store, cron: &Cron, decision: &Decision<'_>) -> bool {
    let Some(row) = cron.last.as_deref() else { return false };
    let text = |time| store.wall_clock(time);
    let is_ours = cron.newest.as_ref().is_some_and(|it| text(it.last_due) == row);
    let is_beyond = || store.time_of(row).is_some_and(|row| row > decision.last_due);
    let runs = matches!(decision.verdict, Verdict::Run(_));
    !is_ours && (text(decision.last_due) == row || runs && is_beyond())
}

/// What a transaction of unknown outcome did: by the occurrences that are there, for each decision the one that
/// accounts for its first instant. `None` if it did nothing.
pub(crate) fn settled(
    decisions: &[Decision<'_>],
    there: &[Option<Occurrence>],
) -> Option<Vec<Decided>> {
    let mut refusals = Refusals::default();
    let settle = |(decision, there): (&Decision<'_>, &Option<Occurrence>)| {
        let decided =
            refusals.of(decision).unwrap_or_else(|| settled_one(decision, there.as_ref()));
        refusals.note(decision, decided);
        decided
    };
    let decided: Vec<Decided> = decisions.iter().zip(there).map(settle).collect();
    let is_done = decided.iter().any(|it| !matches!(it, Decided::Busy(_) | Decided::Taken(_)));
    is_done.then_some(decided)
}

/// The occurrence of our task is ours. Missed or skipped instants are accounted for, by this node or another.
fn settled_one(decision: &Decision<'_>, there: Option<&Occurrence>) -> Decided {
    // Of a row that somebody held nothing is there.
    let Some(there) = there else { return Decided::Busy(LockKey::Inserting) };
    if there.last_due < decision.last_due {
        return Decided::Taken(there.last_due);
    }
    match (there.fate, decision.verdict) {
        (Fate::Ran, Verdict::Run(task)) if there.task == Some(task.id) => Decided::Done,
        (Fate::Skipped, Verdict::Run(task)) if there.task == Some(task.id) => Decided::LimitReached,
        (Fate::Skipped, Verdict::Skip(_)) | (Fate::Missed, Verdict::Miss(_)) => Decided::Done,
        (Fate::RanElsewhere, _) => Decided::RanElsewhere,
        _ => Decided::Taken(there.last_due),
    }
}

#[cfg(test)]
mod tests;
