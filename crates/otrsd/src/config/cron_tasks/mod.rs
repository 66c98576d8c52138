//! `Daemon::SchedulerCronTaskManager::*`: the tasks that run on a schedule.

mod task;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use cron_events::{Dialect, Schedule};
use jiff::tz::TimeZone;
use serde_json::{Value as Json, json};
use sysconfig::{Problem, SysConfig, Value};

use super::{
    keys::Keys,
    problem,
    reference::CRON_TASK,
    task_types::{self, TaskType},
};
use crate::{
    config::home::{self, Home},
    config::natives::Natives,
};

pub(super) const TASK: &str = "Daemon::SchedulerCronTaskManager::Task";
const DIALECT: &str = "Daemon::SchedulerCronTaskManager::Dialect";
/// The type of the tasks that run a command or a Perl module of the settings.
pub(crate) const TYPE: &str = "Cron";

/// A cron task that can be scheduled.
#[derive(Clone, Debug)]
pub(crate) struct CronTask {
    /// The name of its setting.
    pub(crate) key: String,
    /// The name of its tasks and of its recurrent row.
    pub(crate) name: String,
    /// The schedule as it is written in the setting.
    pub(crate) text: String,
    pub(crate) schedule: Schedule,
    pub(crate) dialect: Dialect,
    pub(crate) zone: TimeZone,
    pub(crate) missed: MissedRuns,
    /// The maximum number of its tasks, waiting and running; 0 means no limit.
    pub(crate) max_parallel: u32,
    pub(crate) work: CronWork,
}

/// What is done at a scheduled time.
#[derive(Clone, Debug)]
pub(crate) enum CronWork {
    /// The worker runs the setting's command.
    Command(Arc<TaskType>),
    /// A function of the original, for the handler of the type Cron.
    Module {
        module: String,
        function: String,
        params: Json,
        /// The timeout of a run, where it differs from that of the type.
        timeout: Option<Timeout>,
    },
    /// A task of another type is added.
    Task { task_type: String, data: Json },
}

/// The timeout of a run of a cron task in Perl.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Timeout {
    /// The value of its setting.
    Given(Duration),
    /// A default for this task, but not longer than the timeout of its type.
    AtMost(Duration),
}

/// What becomes of scheduled times at which no cron manager ran.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum MissedRuns {
    /// The newest is run.
    Latest,
    /// None is run.
    None,
    /// All are run, at most this number of the newest.
    All(usize),
}

impl CronTask {
    /// Returns this task if nodes of the original run it in the same way. `types`: those with a handler in Perl;
    /// `zone`: the time zone in which Perl reads schedules.
    fn beside_perl(self, types: &BTreeSet<String>, zone: &TimeZone) -> Result<Self, String> {
        let no = |what: &str, they: &str| Err(task_types::foreign(what, they));
        match &self.work {
            _ if self.zone != *zone => no("'TimeZone'", "reads all schedules in one zone"),
            _ if self.missed != MissedRuns::Latest => {
                no("'MissedRuns'", "runs the latest instant that was missed")
            }
            CronWork::Command(_) => {
                no("'Command'", "takes its tasks for damaged, and deletes them")
            }
            CronWork::Task { task_type, .. } if !types.contains(task_type) => no(
                &format!("'TaskType' {task_type} has no handler in Perl"),
                "deletes its tasks unseen",
            ),
            CronWork::Task { .. } | CronWork::Module { .. } => Ok(self),
        }
    }

    /// What determines its scheduled times: another text means other times.
    pub(crate) fn planned_by(&self) -> String {
        let dialect = match self.dialect {
            Dialect::Perl => "perl",
            Dialect::Vixie => "vixie",
        };
        format!("{dialect} {} {}", self.zone.iana_name().unwrap_or("UTC"), self.text)
    }

    /// The type and the data of the tasks that are added. For a command, the data does not say what is run; only the
    /// settings do.
    pub(crate) fn payload(&self, due: jiff::Timestamp) -> (&str, Json) {
        let (key, due) = (&self.key, due.to_string());
        match &self.work {
            CronWork::Command(_) => (TYPE, json!({ "Key": key, "Due": due })),
            CronWork::Module { module, function, params, .. } => (
                TYPE,
                json!({
                    "Key": key, "Due": due, "Module": module, "Function": function, "Params": params,
                }),
            ),
            CronWork::Task { task_type, data } => (task_type, data.clone()),
        }
    }
}

/// The cron tasks, and the problems of the others.
#[derive(Debug, Default)]
pub(crate) struct CronTasks {
    pub(crate) tasks: Vec<CronTask>,
    /// The names of all configured cron tasks, also of those that cannot run: their rows are kept.
    pub(crate) names: BTreeSet<String>,
    pub(crate) problems: Vec<Problem>,
}

/// Reads all cron tasks; a bad one is left out.
pub(crate) fn read(settings: &SysConfig) -> CronTasks {
    let mut read = CronTasks::default();
    let theirs = Home::mixed(settings).map(|home| home.task_types());
    let zone = home::cron_events::zone(settings);
    let dialect = dialect(settings).unwrap_or_else(|(dialect, what)| {
        read.problems.push(problem(settings, DIALECT, what));
        dialect
    });
    for (key, value) in given(settings) {
        let keys = Keys::of(settings, &CRON_TASK, key, value);
        let found = task::read(&keys, key, (dialect, &zone), &read.names);
        let found = found.and_then(|task| match &theirs {
            Some(theirs) => task.beside_perl(theirs, &zone),
            None => Ok(task),
        });
        let name = value.get("TaskName").and_then(Value::as_text).map(str::trim);
        read.names.insert(name.filter(|name| !name.is_empty()).unwrap_or(key).to_owned());
        let refusal = match found {
            Ok(task) => {
                read.tasks.push(task);
                None
            }
            Err(what) => Some(format!("{what}; this cron task is skipped")),
        };
        read.problems.extend(keys.problems(refusal));
    }
    read
}

/// The dialect of the settings' schedules; in an installation, that of its Perl.
///
/// # Errors
///
/// The dialect that is used instead, and what is wrong with the setting.
fn dialect(settings: &SysConfig) -> Result<Dialect, (Dialect, String)> {
    let is_home = Home::of(settings).is_some();
    let usual = if is_home { Dialect::Perl } else { Dialect::Vixie };
    match settings.get(DIALECT).map(|value| value.as_text().unwrap_or("no text").trim()) {
        None | Some("") => Ok(usual),
        Some("vixie") if Home::mixed(settings).is_some() => {
            let what =
                task_types::foreign("vixie; perl is used", "reads schedules by Perl's rules");
            Err((Dialect::Perl, what))
        }
        Some("vixie") => Ok(Dialect::Vixie),
        Some("perl") => Ok(Dialect::Perl),
        Some(other) => {
            let name = if is_home { "perl" } else { "vixie" };
            Err((usual, format!("must be perl or vixie, not '{other}'; {name} is used")))
        }
    }
}

/// The cron tasks without a handler here: a Perl module without a command that replaces it, or a type without a
/// handler.
pub(super) fn without_handler(
    settings: &SysConfig,
    tasks: &[CronTask],
    program: &Natives,
) -> Vec<Problem> {
    let runs_modules = task_types::is_given(settings, TYPE) || Home::of(settings).is_some();
    let what = |task: &CronTask| match &task.work {
        CronWork::Module { module, .. } if !runs_modules => Some(format!(
            "nothing here runs 'Module' {module}: its task waits, held, until the setting \
             {TASK}###{}###Command or a task type {TYPE} says what to run",
            task.key
        )),
        CronWork::Task { task_type, .. } => {
            task_types::without_handler(settings, program, task_type)
        }
        CronWork::Command(_) | CronWork::Module { .. } => None,
    };
    let problem_of = |task| Some((task, what(task)?));
    let problems = tasks.iter().filter_map(problem_of);
    problems
        .map(|(task, what)| problem(settings, &format!("{TASK}###{}", task.key), what))
        .collect()
}

/// Where the policy of a cron task differs from the policy of its type.
#[derive(Clone, Debug, Default)]
pub(crate) struct Policies {
    /// The cron tasks with a command, by the names of their settings.
    pub(crate) commands: BTreeMap<String, Arc<TaskType>>,
    /// The cron tasks in Perl with a timeout of their own, by their names.
    pub(crate) in_perl: BTreeMap<String, Arc<TaskType>>,
}

/// `usual`: the policy of the type.
pub(crate) fn policies(settings: &SysConfig, usual: &TaskType) -> Policies {
    let mut policies = Policies::default();
    for CronTask { key, name, work, .. } in read(settings).tasks {
        match work {
            CronWork::Command(policy) => {
                policies.commands.insert(key, policy);
            }
            CronWork::Module { timeout: Some(timeout), .. } => {
                let timeout = match timeout {
                    Timeout::Given(timeout) => timeout,
                    Timeout::AtMost(timeout) => timeout.min(usual.timeout),
                };
                policies.in_perl.insert(name, Arc::new(TaskType { timeout, ..usual.clone() }));
            }
            CronWork::Module { timeout: None, .. } | CronWork::Task { .. } => {}
        }
    }
    policies
}

fn given(settings: &SysConfig) -> impl Iterator<Item = (&String, &Value)> {
    settings.get(TASK).and_then(Value::as_map).into_iter().flatten()
}
