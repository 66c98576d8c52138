//! The cron planner: the cron tasks and their known state. All fire times are decided and accounted for here, for the
//! settings' cron tasks and the generic agent's jobs alike.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::{SignedDuration, Timestamp};
use sysconfig::SysConfig;
use task_store::{
    FireAction, FireOutcome, FireRequest, NewTask, Payload, Replanned, Store, encode,
};

use super::{
    begin::{Begin, begin},
    due_queue::DueQueue,
    missed_runs::{Due, due},
    presence::Presence,
};
use crate::{
    clock,
    config::{cron_tasks::CronTask, home, node},
};

/// Decisions of one transaction.
const AT_ONCE: usize = 250;
/// The clocks of one cluster differ by less.
const AHEAD: SignedDuration = SignedDuration::from_hours(1);

pub(super) struct CronPlanner {
    /// The type of the recurrent rows.
    task_type: &'static str,
    tasks: Arc<[CronTask]>,
    due_queue: DueQueue,
    node: u16,
}

impl CronPlanner {
    /// Reads the tasks' state from the database. Rows whose names are not among `names` are deleted.
    pub(super) async fn read(
        store: &Store,
        settings: &SysConfig,
        task_type: &'static str,
        tasks: Arc<[CronTask]>,
        names: &BTreeSet<String>,
    ) -> task_store::Result<Self> {
        let rows = store.recurrents(task_type).await?;
        for row in rows.iter().filter(|row| !names.contains(&row.name)) {
            store.forget_recurrent(task_type, &row.name).await?;
        }
        let known: BTreeMap<_, _> = rows.iter().map(|row| (&row.name, row.last_due)).collect();
        let planned_by = store.planned_by(task_type).await?;
        let (now, is_home) = (clock::now_utc(), settings.get(home::SETTING).is_some());
        let begin = |task: &CronTask| {
            let before = planned_by.get(&task.name).map(String::as_str);
            begin(task, known.get(&task.name).copied().flatten(), before, now, is_home)
        };
        let begins: Vec<Begin> = tasks.iter().map(begin).collect();
        remember(store, task_type, &tasks, &begins, &planned_by, names).await?;
        let due_queue = DueQueue::new(&tasks, begins.into_iter().map(Begin::instant).collect());
        Ok(Self { task_type, tasks, due_queue, node: node(settings) })
    }

    /// The earliest fire time of all tasks.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.due_queue.next()
    }

    /// The cron tasks whose rows contain a time in the future, written by a wrong clock or another program.
    pub(super) fn ahead(&self, now: Timestamp) -> Vec<String> {
        let ahead = |last: Timestamp| last.duration_since(now) > AHEAD;
        let tasks = self.tasks.iter().enumerate();
        tasks
            .map(|(number, task)| (&task.name, self.due_queue.last(number)))
            .filter(|(_, last)| ahead(*last))
            .map(|(name, last)| {
                format!(
                    "table scheduler_recurrent_task, {} '{name}': last_execution_time is {last}, in the future, and it \
                     runs after that only; where a clock was wrong, set the column back and restart this module",
                    self.task_type
                )
            })
            .collect()
    }

    /// Decides everything that is due; false if a repetition is needed soon. What was accounted for before an error
    /// remains accounted for.
    pub(super) async fn decide(
        &mut self,
        store: &Store,
        presence: Presence,
    ) -> task_store::Result<bool> {
        let now = clock::now_utc();
        let (mut settled, mut batch) = (true, Vec::new());
        for number in self.due_queue.due(now) {
            let task = &self.tasks[number];
            for due in due(task, self.due_queue.last(number), now) {
                batch.push((number, due, new_task(store, task, &due)?));
            }
            if batch.len() >= AT_ONCE {
                settled &= self.account_for(store, presence, &batch).await?;
                batch.clear();
            }
        }
        Ok(settled & self.account_for(store, presence, &batch).await?)
    }

    /// Accounts for a batch in one transaction. The due rows of one cron task are never split.
    async fn account_for(
        &mut self,
        store: &Store,
        presence: Presence,
        batch: &[(usize, Due, NewTask)],
    ) -> task_store::Result<bool> {
        let decisions: Vec<_> = batch.iter().map(|it| self.decision(it, presence)).collect();
        let decided = store.fire(&decisions, clock::now_utc()).await?;
        let mut settled = true;
        for ((number, due, _), decided) in batch.iter().zip(decided) {
            let until = match decided {
                FireOutcome::Busy(_) | FireOutcome::Refused => {
                    settled = false;
                    continue;
                }
                // The rest of the plan begins where the other node's ended.
                FireOutcome::Taken(until) => {
                    settled &= until >= due.last;
                    until
                }
                _ => due.last,
            };
            self.due_queue.accounted(*number, &self.tasks[*number], until);
        }
        Ok(settled)
    }

    fn decision<'a>(
        &'a self,
        (number, due, task): &'a (usize, Due, NewTask),
        presence: Presence,
    ) -> FireRequest<'a> {
        let missed = || FireAction::Miss(presence.cause(due.first));
        FireRequest {
            task_type: self.task_type,
            name: &self.tasks[*number].name,
            due: due.first,
            last_due: due.last,
            instants: due.instants,
            follows: Some(due.follows),
            action: if due.runs { FireAction::Run(task) } else { missed() },
            node: self.node,
        }
    }
}

/// Records new cron tasks, and the schedules by which they are planned from now on.
async fn remember(
    store: &Store,
    task_type: &str,
    tasks: &[CronTask],
    begins: &[Begin],
    planned_by: &BTreeMap<String, String>,
    names: &BTreeSet<String>,
) -> task_store::Result<()> {
    let (mut new, mut replanned) = (Vec::new(), Replanned::default());
    for (task, begin) in tasks.iter().zip(begins) {
        let name = task.name.as_str();
        match begin {
            Begin::Known(_) => {}
            Begin::New(due) => new.push((name, *due)),
            Begin::Changed(due) => replanned.begins.push((name, *due)),
        }
        let schedule = task.planned_by();
        if planned_by.get(name) != Some(&schedule) {
            replanned.schedules.push((name, schedule));
        }
    }
    let now = clock::now_utc();
    for new in new.chunks(AT_ONCE) {
        store.first_seen(task_type, new, now).await?;
    }
    let gone = planned_by.keys().filter(|name| !names.contains(*name));
    replanned.gone = gone.map(String::as_str).collect();
    if replanned.schedules.is_empty() && replanned.gone.is_empty() {
        return Ok(());
    }
    store.replan(task_type, &replanned, now).await
}

fn new_task(store: &Store, task: &CronTask, due: &Due) -> task_store::Result<NewTask> {
    let (task_type, data) = task.payload(due.last);
    let data = Payload::of(&data)
        .and_then(|data| encode(&data, store.encoding()))
        .map_err(|error| task_store::Error::Invalid(error.to_string()))?;
    let max_parallel = task.max_parallel;
    Ok(NewTask { max_parallel, ..NewTask::new(task_type, &task.name, data) })
}
