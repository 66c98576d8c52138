//! The use case of firing an event: the tasks that the settings register for it are added, all or none.

use jiff::Timestamp;
use sysconfig::SysConfig;
use task_store::{Added, NewTask, Payload, Store, encode, later};

use super::{Error, Result};

use crate::config::{
    events::{self, Events, Registration},
    task_types,
};

/// The result for one registration.
pub(crate) struct Fired {
    pub(crate) setting: String,
    pub(crate) task: NewTask,
    /// Its scheduled time, if not at once.
    pub(crate) due: Option<Timestamp>,
    pub(crate) added: Added,
}

/// Adds the tasks of all registrations whose filter matches; possibly none does.
///
/// # Errors
///
/// Nothing is registered for the event, a registration is broken or cannot use the data, or the database failed;
/// nothing was added then.
pub(crate) async fn fire(
    store: &Store,
    settings: &SysConfig,
    event: &str,
    data: &Payload,
    now: Timestamp,
) -> Result<Vec<Fired>> {
    let Events { registrations: all, broken, .. } = events::read(settings);
    if let Some(what) = broken.get(event) {
        return Err(Error::Configuration(anyhow::anyhow!("{what}; nothing was added")));
    }
    let of_event: Vec<&Registration> = all.iter().filter(|it| it.event == event).collect();
    if of_event.is_empty() {
        let known = known(&all);
        return Err(Error::NotFound(format!(
            "nothing is registered for event '{event}'; known are {known}"
        )));
    }
    let policies = task_types::read(settings).0;
    let mut fired = Vec::new();
    for registration in of_event.into_iter().filter(|it| it.wants(data)) {
        let payload = registration.payload(data).map_err(Error::Data)?;
        let payload =
            encode(&payload, store.encoding()).map_err(|error| Error::Data(error.to_string()))?;
        let mut task = NewTask::new(&registration.task_type, &registration.name, payload);
        let policy = policies.get(&registration.task_type).cloned().unwrap_or_default();
        task.attempts = i16::try_from(policy.attempts).unwrap_or(i16::MAX);
        task.priority = policy.priority;
        task.max_parallel = policy.max_parallel;
        let due = registration.delay.map(|delay| later(now, delay));
        let setting = format!("{}###{}", events::SETTING, registration.key);
        fired.push(Fired { setting, task, due, added: Added::Added });
    }
    let (now_due, later): (Vec<_>, Vec<_>) = fired.iter_mut().partition(|it| it.due.is_none());
    let tasks: Vec<NewTask> = now_due.iter().map(|it| it.task.clone()).collect();
    let planned: Vec<(Timestamp, NewTask)> =
        later.iter().filter_map(|it| Some((it.due?, it.task.clone()))).collect();
    let added = store.enqueue_and_schedule(&tasks, &planned, now).await?;
    for (fired, added) in now_due.into_iter().zip(added) {
        fired.added = added;
    }
    Ok(fired)
}

fn known(all: &[Registration]) -> String {
    let mut names: Vec<&str> = all.iter().map(|it| it.event.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
