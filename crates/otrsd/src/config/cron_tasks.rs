//! `Daemon::SchedulerCronTaskManager::Task###<Key>`: what runs by the clock.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use cron_events::{Dialect, Schedule};
use jiff::tz::TimeZone;
use sysconfig::{Problem, SysConfig, Value};

use super::{keys::Keys, problem, task_types::TaskType};

const SETTING: &str = "Daemon::SchedulerCronTaskManager::Task";
const KNOWN: [&str; 13] = [
    "TaskName",
    "Schedule",
    "Module",
    "Function",
    "Params",
    "MaximumParallelInstances",
    "Command",
    "TaskType",
    "Data",
    "TimeZone",
    "MissedRuns",
    "MissedRunsLimit",
    "Timeout",
];
const USUAL_LIMIT: usize = 100;

/// A cron task that can run.
#[derive(Clone, Debug)]
pub(crate) struct CronTask {
    /// The name of its setting.
    pub(crate) key: String,
    /// The name of its tasks and of its recurrent row.
    pub(crate) name: String,
    pub(crate) schedule: Schedule,
    pub(crate) zone: TimeZone,
    pub(crate) missed: MissedRuns,
    /// The most of its tasks, waiting and running; 0 is no limit.
    pub(crate) max_parallel: u32,
    pub(crate) work: CronWork,
}

/// What is done at a due instant.
#[derive(Clone, Debug)]
pub(crate) enum CronWork {
    /// The worker runs the setting's command.
    Command(Arc<TaskType>),
    /// A task of another type is added.
    Task { task_type: String, data: serde_json::Value },
}

/// What becomes of due instants at which no manager ran.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum MissedRuns {
    /// The newest runs.
    Latest,
    /// None runs.
    None,
    /// All run, at most so many of the newest.
    All(usize),
}

/// The cron tasks, and what is wrong with the others.
#[derive(Debug, Default)]
pub(crate) struct CronTasks {
    pub(crate) tasks: Vec<CronTask>,
    /// The names of all that are configured, also of those that cannot run: their rows are kept.
    pub(crate) names: Vec<String>,
    pub(crate) problems: Vec<Problem>,
}

/// Reads all cron tasks; a bad one is left out.
pub(crate) fn read(settings: &SysConfig) -> CronTasks {
    let mut read = CronTasks::default();
    let given = settings.get(SETTING).and_then(Value::as_map);
    for (key, value) in given.into_iter().flatten() {
        let found = one(&Keys::of(settings, SETTING, key, value), key, &read.names);
        let name = value.get("TaskName").and_then(Value::as_text).map(str::trim);
        read.names.push(name.filter(|name| !name.is_empty()).unwrap_or(key).to_owned());
        let mut complain =
            |what| read.problems.push(problem(settings, &format!("{SETTING}###{key}"), what));
        match found {
            Ok(task) => read.tasks.push(task),
            Err(what) => complain(format!("{what}; this cron task is skipped")),
        }
        let keys = value.as_map().into_iter().flat_map(BTreeMap::keys);
        keys.filter(|key| !KNOWN.contains(&key.as_str()))
            .for_each(|key| complain(format!("key '{key}' means nothing here")));
    }
    read
}

/// The cron tasks with a command, by the names of their settings.
pub(crate) fn commands(settings: &SysConfig) -> BTreeMap<String, Arc<TaskType>> {
    let command = |task: CronTask| match task.work {
        CronWork::Command(policy) => Some((task.key, policy)),
        CronWork::Task { .. } => None,
    };
    read(settings).tasks.into_iter().filter_map(command).collect()
}

fn one(keys: &Keys<'_>, key: &str, names: &[String]) -> Result<CronTask, String> {
    if keys.value.as_map().is_none() {
        return Err("a cron task is a hash with the key 'Schedule'".to_owned());
    }
    let name = keys.text("TaskName")?.unwrap_or(key);
    if names.iter().any(|other| other == name) {
        return Err(format!("another cron task has the 'TaskName' {name} already"));
    }
    if name.chars().count() > task_store::LONGEST_NAME {
        let longest = task_store::LONGEST_NAME;
        return Err(format!("'TaskName' is longer than {longest} characters"));
    }
    let schedule = keys.text("Schedule")?.ok_or("'Schedule' is missing")?;
    Ok(CronTask {
        key: key.to_owned(),
        name: name.to_owned(),
        schedule: Schedule::parse(schedule, Dialect::Vixie)
            .map_err(|error| format!("'Schedule': {error}"))?,
        zone: zone(keys)?,
        missed: missed(keys)?,
        max_parallel: keys.number("MaximumParallelInstances")?.unwrap_or(1),
        work: work(keys)?,
    })
}

fn zone(keys: &Keys<'_>) -> Result<TimeZone, String> {
    let Some(name) = keys.text("TimeZone")? else { return Ok(TimeZone::UTC) };
    TimeZone::get(name).map_err(|_| {
        format!("'TimeZone': this machine's time-zone database knows no '{name}'; for example Europe/Berlin")
    })
}

fn missed(keys: &Keys<'_>) -> Result<MissedRuns, String> {
    let limit = keys.number("MissedRunsLimit")?.unwrap_or(USUAL_LIMIT).max(1);
    match keys.text("MissedRuns")? {
        None | Some("latest") => Ok(MissedRuns::Latest),
        Some("none") => Ok(MissedRuns::None),
        Some("all") => Ok(MissedRuns::All(limit)),
        Some(other) => Err(format!("'MissedRuns' must be latest, none or all, not '{other}'")),
    }
}

fn work(keys: &Keys<'_>) -> Result<CronWork, String> {
    if let Some(command) = keys.argv("Command")? {
        keys.check_trust("Command")?;
        let usual = TaskType::default();
        let timeout = keys.seconds("Timeout")?.filter(|it| !it.is_zero());
        let timeout: Duration = timeout.unwrap_or(usual.timeout);
        return Ok(CronWork::Command(Arc::new(TaskType {
            command: Some(command),
            timeout,
            ..usual
        })));
    }
    if let Some(task_type) = keys.text("TaskType")? {
        let data = match keys.value.get("Data") {
            None => serde_json::Value::Null,
            Some(data) => serde_json::to_value(data).map_err(|error| format!("'Data': {error}"))?,
        };
        return Ok(CronWork::Task { task_type: task_type.to_owned(), data });
    }
    match keys.text("Module")? {
        Some(module) => Err(format!(
            "'Module' {module} needs a Perl installation; here 'Command' or 'TaskType' says what to do"
        )),
        None => Err("neither 'Command' nor 'TaskType' says what to do".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_one(items: &str) -> CronTasks {
        let one = |key: &str, items: &str| {
            format!(
                "<Setting Name='{SETTING}###{key}' Valid='1'><Value><Hash>{items}</Hash></Value></Setting>"
            )
        };
        let good = "<Item Key='Schedule'>@hourly</Item><Item Key='TaskType'>T</Item>";
        let text = format!(
            "<otrsd_config version='2.0' init='Application'>{}{}</otrsd_config>",
            one("A", good),
            one("B", items)
        );
        let mut settings = SysConfig::default();
        settings.overlay(sysconfig::parse("a.xml", &text).unwrap().settings);
        read(&settings)
    }

    #[test]
    fn a_bad_one_is_told_of_and_the_others_run() {
        let schedule = "<Item Key='Schedule'>* * * * *</Item>";
        for (items, expected) in [
            (String::new(), "'Schedule' is missing"),
            ("<Item Key='Schedule'>61 * * * *</Item>".to_owned(), "minute \"61\""),
            ("<Item Key='Schedule'>0 0 31 2 *</Item>".to_owned(), "never comes"),
            (format!("{schedule}<Item Key='TaskName'>A</Item>"), "another cron task has"),
            (format!("{schedule}<Item Key='TimeZone'>Mars/Base</Item>"), "no 'Mars/Base'"),
            (format!("{schedule}<Item Key='MissedRuns'>some</Item>"), "latest, none or all"),
            (schedule.to_owned(), "neither 'Command' nor 'TaskType'"),
            (format!("{schedule}<Item Key='Module'>Kernel::X</Item>"), "needs a Perl"),
        ] {
            let read = read_one(&items);
            let names: Vec<_> = read.tasks.iter().map(|task| task.name.as_str()).collect();
            assert_eq!(names, ["A"], "{expected}");
            let problem = read.problems[0].to_string();
            assert!(problem.contains(expected), "{problem}");
            assert!(problem.contains("a.xml:1") && problem.contains("Task###B"), "{problem}");
        }
    }
}
