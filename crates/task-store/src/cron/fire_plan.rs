//! What a transaction that fires cron tasks makes of the rows that it read. Pure.

use std::collections::BTreeMap;

use crate::cron::cron_run::{CronRun, RunStatus};
use crate::cron::fire::{FireAction, FireOutcome, FireRequest};
use crate::model::lock_key::LockKey;
use crate::model::task::NewTask;
use crate::model::task_id::TaskId;
use crate::store::Store;
use crate::task::enqueue::Added;

/// A cron task: what was read, and what becomes of it.
#[derive(Debug, Default)]
pub(crate) struct CronState {
    lock: Option<LockKey>,
    last: Option<String>,
    /// Why it is paused, if it is.
    pub(crate) paused: Option<String>,
    pub(crate) newest: Option<CronRun>,
    place: Place,
    /// The last fire time of this transaction.
    last_fired: Option<jiff::Timestamp>,
    task: Option<TaskId>,
}

impl CronState {
    /// `lock`: the lock of its row by Perl's rules; `last`: the wall clock of its last fire time.
    pub(crate) fn new(lock: Option<LockKey>, last: Option<String>) -> Self {
        Self { lock, last, ..Self::default() }
    }
}

/// Where the newest run is: in the database alone, or in one of the plan's lists.
#[derive(Clone, Copy, Debug, Default)]
enum Place {
    #[default]
    Stored,
    Extended(usize),
    New(usize),
}

/// The plan of one transaction.
pub(crate) struct FirePlan<'a> {
    store: &'a Store,
    crons: BTreeMap<String, CronState>,
    /// To be enqueued.
    pub(crate) tasks: Vec<NewTask>,
    /// To be inserted.
    pub(crate) new_runs: Vec<CronRun>,
    /// In the database, and to be extended.
    pub(crate) extended_runs: Vec<CronRun>,
    /// For each task, the indexes of its request and of its run.
    task_runs: Vec<(usize, usize)>,
    requests: usize,
    refusals: Refusals,
}

/// For each cron task, the outcome after which nothing more of it is fired in the same call: another node was first, but
/// not up to the end of what this node planned. All that follows was planned from a time that is not the newest one, and
/// would leave a gap.
#[derive(Debug, Default)]
struct Refusals(BTreeMap<String, FireOutcome>);

impl Refusals {
    fn get(&self, request: &FireRequest<'_>) -> Option<FireOutcome> {
        self.0.get(request.name).copied()
    }

    fn record(&mut self, request: &FireRequest<'_>, outcome: FireOutcome) {
        let leaves_a_rest = match outcome {
            FireOutcome::Busy(_) => true,
            FireOutcome::Taken(until) => until < request.last_due,
            _ => false,
        };
        if leaves_a_rest {
            self.0.insert(request.name.to_owned(), outcome);
        }
    }
}

impl<'a> FirePlan<'a> {
    pub(crate) fn new(store: &'a Store, crons: BTreeMap<String, CronState>) -> Self {
        let (tasks, new_runs, extended_runs, task_runs) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let refusals = Refusals::default();
        Self { store, crons, tasks, new_runs, extended_runs, task_runs, requests: 0, refusals }
    }

    /// Adds the next request.
    pub(crate) fn add(&mut self, request: &FireRequest<'_>) -> FireOutcome {
        let number = self.requests;
        self.requests += 1;
        let outcome = match self.refusals.get(request) {
            Some(refusal) => refusal,
            None => self.fire(number, request),
        };
        self.refusals.record(request, outcome);
        outcome
    }

    fn fire(&mut self, number: usize, request: &FireRequest<'_>) -> FireOutcome {
        let cron = self.crons.entry(request.name.to_owned()).or_default();
        if let Some(lock) = cron.lock {
            return FireOutcome::Busy(lock);
        }
        if let Some(newest) = cron.newest.as_ref().filter(|it| it.last_due >= request.due) {
            return FireOutcome::Taken(newest.last_due);
        }
        if self.store.is_home() && perl_ran_it(self.store, cron, request) {
            let run = cron_run(request, RunStatus::RanElsewhere, "", None);
            push(&mut self.new_runs, cron, run);
            return FireOutcome::RanElsewhere;
        }
        let is_paused = cron.paused.is_some() && matches!(request.action, FireAction::Run(_));
        let action = match cron.paused.as_deref().filter(|_| is_paused) {
            Some(reason) => FireAction::Skip(reason),
            None => request.action,
        };
        let run = match action {
            FireAction::Skip(reason) => cron_run(request, RunStatus::Skipped, reason, None),
            FireAction::Miss(reason) => cron_run(request, RunStatus::Missed, reason, None),
            FireAction::Run(task) => {
                self.task_runs.push((number, self.new_runs.len()));
                self.tasks.push(task.clone());
                cron_run(request, RunStatus::Ran, "", Some(task.id))
            }
        };
        cron.last_fired = Some(request.last_due);
        match cron.newest.as_mut().filter(|newest| continues(newest, &run, request)) {
            Some(newest) => {
                newest.last_due = run.last_due;
                newest.instants = newest.instants.saturating_add(run.instants);
                let newest = newest.clone();
                match cron.place {
                    Place::New(index) => self.new_runs[index] = newest,
                    Place::Extended(index) => self.extended_runs[index] = newest,
                    Place::Stored => {
                        cron.place = Place::Extended(self.extended_runs.len());
                        self.extended_runs.push(newest);
                    }
                }
            }
            None => push(&mut self.new_runs, cron, run),
        }
        if is_paused { FireOutcome::Paused } else { FireOutcome::Done }
    }

    /// Takes note of which tasks were enqueued, and which reached their limit.
    pub(crate) fn apply_limits(&mut self, added: &[Added], outcomes: &mut [FireOutcome]) {
        for ((request, new), added) in self.task_runs.iter().zip(added) {
            let run = &mut self.new_runs[*new];
            match added {
                Added::Added => {
                    let cron = self.crons.entry(run.name.clone()).or_default();
                    cron.task = run.task;
                }
                Added::LimitReached => {
                    run.status = RunStatus::Skipped;
                    "limit reached".clone_into(&mut run.reason);
                    outcomes[*request] = FireOutcome::LimitReached;
                }
            }
        }
    }

    /// Each cron task that was fired, skipped or missed, with the wall clock of its newest fire time, and its new task.
    pub(crate) fn last_fire_times(&self) -> impl Iterator<Item = (&str, String, Option<TaskId>)> {
        self.crons.iter().filter_map(|(name, cron)| {
            let last_fired = cron.last_fired?;
            let known = cron.last.as_ref().and_then(|text| self.store.time_of(text));
            let newest = known.map_or(last_fired, |known| known.max(last_fired));
            Some((name.as_str(), self.store.wall_clock(newest), cron.task))
        })
    }
}

fn push(new: &mut Vec<CronRun>, cron: &mut CronState, run: CronRun) {
    cron.place = Place::New(new.len());
    cron.newest = Some(run.clone());
    new.push(run);
}

fn cron_run(
    request: &FireRequest<'_>,
    status: RunStatus,
    reason: &str,
    task: Option<TaskId>,
) -> CronRun {
    CronRun {
        task_type: request.task_type.into(),
        name: request.name.into(),
        due: request.due,
        last_due: request.last_due,
        instants: request.instants,
        status,
        reason: reason.into(),
        task,
        decided: None,
    }
}

/// Whether a run only continues the one before it.
fn continues(newest: &CronRun, run: &CronRun, request: &FireRequest<'_>) -> bool {
    run.task.is_none()
        && newest.status == run.status
        && newest.reason == run.reason
        && request.follows == Some(newest.last_due)
}

/// In a home: the row holds this fire time, and not because a run of ours has the same wall clock (an hour that came
/// twice). If the row is beyond it, there is nothing to run either: the original ran it, or a later one.
fn perl_ran_it(store: &Store, cron: &CronState, request: &FireRequest<'_>) -> bool {
    let Some(row) = cron.last.as_deref() else { return false };
    let text = |time| store.wall_clock(time);
    let is_ours = cron.newest.as_ref().is_some_and(|it| text(it.last_due) == row);
    let is_beyond = || store.time_of(row).is_some_and(|row| row > request.last_due);
    let runs = matches!(request.action, FireAction::Run(_));
    !is_ours && (text(request.last_due) == row || runs && is_beyond())
}

/// What a transaction of unknown outcome did. `there` has, for each request, the run of its first fire time. `None` if
/// the transaction did nothing.
pub(crate) fn resolve_fired(
    requests: &[FireRequest<'_>],
    there: &[Option<CronRun>],
) -> Option<Vec<FireOutcome>> {
    let mut refusals = Refusals::default();
    let resolve = |(request, there): (&FireRequest<'_>, &Option<CronRun>)| {
        let outcome = refusals.get(request).unwrap_or_else(|| resolve_one(request, there.as_ref()));
        refusals.record(request, outcome);
        outcome
    };
    let outcomes: Vec<FireOutcome> = requests.iter().zip(there).map(resolve).collect();
    let is_done =
        outcomes.iter().any(|it| !matches!(it, FireOutcome::Busy(_) | FireOutcome::Taken(_)));
    is_done.then_some(outcomes)
}

/// The run of our task is ours. Missed or skipped fire times are recorded, by this node or another.
fn resolve_one(request: &FireRequest<'_>, there: Option<&CronRun>) -> FireOutcome {
    // There is no run if another process held the row.
    let Some(there) = there else { return FireOutcome::Busy(LockKey::Inserting) };
    if there.last_due < request.last_due {
        return FireOutcome::Taken(there.last_due);
    }
    match (there.status, request.action) {
        (RunStatus::Ran, FireAction::Run(task)) if there.task == Some(task.id) => FireOutcome::Done,
        (RunStatus::Skipped, FireAction::Run(task)) if there.task == Some(task.id) => {
            FireOutcome::LimitReached
        }
        (RunStatus::Skipped, FireAction::Skip(_)) | (RunStatus::Missed, FireAction::Miss(_)) => {
            FireOutcome::Done
        }
        (RunStatus::RanElsewhere, _) => FireOutcome::RanElsewhere,
        _ => FireOutcome::Taken(there.last_due),
    }
}

#[cfg(test)]
mod tests;
