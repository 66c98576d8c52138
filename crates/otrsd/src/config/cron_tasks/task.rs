//! One cron task of the settings: each key is read and validated.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use cron_events::{Dialect, Schedule};
use jiff::{Timestamp, tz::TimeZone};
use serde_json::Value as Json;

use super::{CronTask, CronWork, MissedRuns, Timeout};
use crate::config::{
    keys::Keys,
    task_types::{self, TaskType},
};

const USUAL_LIMIT: usize = 100;
/// Tasks that talk to mail servers; they have been seen to hang for days. Newer releases end them after 600 s
/// themselves.
const MAIL: [&str; 2] = [
    "Kernel::System::Console::Command::Maint::PostMaster::MailAccountFetch",
    "Kernel::System::Console::Command::Maint::Email::MailQueue",
];
/// The time after which the framework ignores a row in `process_id` of another run: when a run that hung is ended, the
/// next one need not wait.
const MAIL_TIMEOUT: Duration = Duration::from_hours(1);

/// The cron task of the setting `key`, if it can be scheduled. `usual`: the default dialect and time zone. `taken`: the
/// names of the tasks before it.
pub(super) fn read(
    keys: &Keys<'_>,
    key: &str,
    (dialect, usual): (Dialect, &TimeZone),
    taken: &BTreeSet<String>,
) -> Result<CronTask, String> {
    if keys.value.as_map().is_none() {
        return Err("a cron task is a hash with the key 'Schedule'".to_owned());
    }
    let name = keys.text("TaskName")?.unwrap_or(key);
    if taken.contains(name) {
        return Err(format!("another cron task has the 'TaskName' {name} already"));
    }
    let text = keys.text("Schedule")?.ok_or("'Schedule' is missing")?;
    let schedule =
        Schedule::parse(text, dialect).map_err(|error| format!("'Schedule': {error}"))?;
    let (schedule, zone) = match keys.zone("TimeZone")? {
        Some(zone) => (schedule, zone),
        None => (schedule.moving_skipped(), usual.clone()),
    };
    let task = CronTask {
        key: key.to_owned(),
        name: name.to_owned(),
        text: text.to_owned(),
        schedule,
        dialect,
        zone,
        missed: missed(keys)?,
        max_parallel: keys.number("MaximumParallelInstances")?.unwrap_or(1),
        work: work(keys)?,
    };
    task_types::check_names(task.payload(Timestamp::UNIX_EPOCH).0, name)?;
    Ok(task)
}

fn missed(keys: &Keys<'_>) -> Result<MissedRuns, String> {
    let limit = keys.number("MissedRunsLimit")?.unwrap_or(USUAL_LIMIT);
    match keys.text("MissedRuns")? {
        None | Some("latest") => Ok(MissedRuns::Latest),
        Some("none") => Ok(MissedRuns::None),
        Some("all") => Ok(MissedRuns::All(limit)),
        Some(other) => Err(format!("'MissedRuns' must be latest, none or all, not '{other}'")),
    }
}

/// A command takes precedence over the module that it replaces.
fn work(keys: &Keys<'_>) -> Result<CronWork, String> {
    if let Some(command) = keys.argv("Command")? {
        for key in ["Command", "User"] {
            keys.check_trust(key)?;
        }
        let usual = TaskType::default();
        let timeout = keys.seconds("Timeout")?.filter(|it| !it.is_zero()).unwrap_or(usual.timeout);
        let user = task_types::user(keys)?;
        let policy = TaskType { command: Some(command), user, timeout, ..usual };
        return Ok(CronWork::Command(Arc::new(policy)));
    }
    if keys.text("User")?.is_some() {
        return Err("'User' needs a 'Command'".to_owned());
    }
    if let Some(task_type) = keys.text("TaskType")? {
        return Ok(CronWork::Task { task_type: task_type.to_owned(), data: json(keys, "Data")? });
    }
    let module =
        keys.text("Module")?.ok_or("no 'Command', 'TaskType' or 'Module' says what to do")?;
    let given = keys.seconds("Timeout")?.filter(|it| !it.is_zero()).map(Timeout::Given);
    let usual = || MAIL.contains(&module).then_some(Timeout::AtMost(MAIL_TIMEOUT));
    Ok(CronWork::Module {
        timeout: given.or_else(usual),
        module: module.to_owned(),
        function: keys.text("Function")?.ok_or("'Function' of the 'Module' is missing")?.to_owned(),
        params: json(keys, "Params")?,
    })
}

fn json(keys: &Keys<'_>, key: &str) -> Result<Json, String> {
    let value = keys.value.get(key).map_or(Ok(Json::Null), serde_json::to_value);
    value.map_err(|error| format!("'{key}': {error}"))
}
