//! `Daemon::SchedulerTaskWorker::TaskType###<Type>`: the policy by which the tasks of a type are run.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use sysconfig::{Problem, SysConfig, Value};
use task_store::NewTask;

use super::{
    http::{self, Call},
    keys::Keys,
    reference::TASK_TYPE,
};
use crate::{
    config::home::{self, Home},
    config::natives::Natives,
    process::Identity,
};

pub(super) const SETTING: &str = "Daemon::SchedulerTaskWorker::TaskType";

/// More than the framework and any stock task need.
const MEMORY_OF_HOME: u64 = 2 << 30;

/// The policy of one type.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct TaskType {
    /// The program that runs its tasks. Without a handler in the settings, a function of this program may run them.
    pub(crate) command: Option<Vec<String>>,
    /// The user of the program, if it is not the worker's.
    pub(crate) user: Option<Arc<Identity>>,
    /// The HTTP request for its tasks.
    pub(crate) http: Option<Arc<Call>>,
    /// The longest duration of an execution.
    pub(crate) timeout: Duration,
    /// The maximum bytes of each of its processes.
    pub(crate) memory_max: Option<u64>,
    /// The maximum number of attempts, unless the task itself allows more.
    pub(crate) attempts: u32,
    /// The pause before the first retry; it doubles with each retry.
    pub(crate) retry_delay: Duration,
    pub(crate) retry_delay_max: Duration,
    /// How long a task may be postponed, counted from the first time; `None` is without limit.
    pub(crate) expires: Option<Duration>,
    pub(crate) on_crash: OnCrash,
    pub(crate) on_lease_lost: OnLeaseLost,
    /// How long failed tasks and the ledger's rows of the type are kept.
    pub(crate) keep_days: Option<u32>,
    /// The default limit of parallel tasks for new tasks; 0 means no limit.
    pub(crate) max_parallel: u32,
    pub(crate) priority: i16,
    /// In an installation: how many tasks one process runs, one after the other.
    pub(crate) tasks_per_child: u32,
    /// Whether such a process keeps all objects from one task to the next.
    pub(crate) keep_objects: bool,
}

impl TaskType {
    /// The defaults in an installation: the original has no timeout, and never ends a running task. Memory beyond
    /// measure would be missing for the web server and the database on the same host.
    pub(crate) fn of_home() -> Self {
        Self {
            timeout: Duration::from_hours(24),
            memory_max: Some(MEMORY_OF_HOME),
            on_lease_lost: OnLeaseLost::Continue,
            ..Self::default()
        }
    }
}

/// What follows the death of a handler by a signal that the worker did not send.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum OnCrash {
    /// The task runs again, three times at most.
    #[default]
    Rerun,
    /// The task waits for a decision of an operator.
    Keep,
}

/// What becomes of an execution whose worker could not renew its lease for 12 s.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum OnLeaseLost {
    /// It is killed, and the task runs on another node.
    #[default]
    Kill,
    /// It continues, and the other nodes wait for five minutes.
    Continue,
}

impl Default for TaskType {
    /// One attempt, an hour; postponed for a week at most; retries after 10 s to an hour, if the task allows more
    /// attempts.
    fn default() -> Self {
        Self {
            command: None,
            user: None,
            http: None,
            timeout: Duration::from_hours(1),
            memory_max: None,
            attempts: 1,
            retry_delay: Duration::from_secs(10),
            retry_delay_max: Duration::from_hours(1),
            expires: Some(Duration::from_hours(7 * 24)),
            on_crash: OnCrash::Rerun,
            on_lease_lost: OnLeaseLost::Kill,
            keep_days: None,
            max_parallel: 0,
            priority: 0,
            tasks_per_child: 1,
            keep_objects: false,
        }
    }
}

/// Refuses names that cannot be added together with their setting, and not only at the scheduled time.
pub(super) fn check_names(task_type: &str, name: &str) -> Result<(), String> {
    NewTask::new(task_type, name, "").check().map_err(|error| error.to_string())
}

/// The message for values that a type, or one of this program's own cron tasks, must not have while nodes of the
/// original may share the database.
pub(super) fn foreign(what: &str, they: &str) -> String {
    format!(
        "{what}: a node of the original {they}; if there is none on this database, the setting {} is to be 0",
        home::MIXED_CLUSTER
    )
}

/// Every type in the settings, and the problems of the others. A type with a bad key is left out, so that its tasks are
/// held instead of being run differently than intended.
pub(crate) fn read(settings: &SysConfig) -> (BTreeMap<String, TaskType>, Vec<Problem>) {
    let (mut types, mut problems) = (BTreeMap::new(), Vec::new());
    let usual = usual(settings);
    let theirs = Home::mixed(settings).map(|home| home.task_types());
    let given = settings.get(SETTING).and_then(Value::as_map);
    for (name, value) in given.into_iter().flatten() {
        let keys = Keys::of(settings, &TASK_TYPE, name, value);
        let refusal = match task_type(&keys, &usual) {
            Ok(_) if theirs.as_ref().is_some_and(|theirs| !theirs.contains(name)) => {
                let what = format!("there is no Perl handler for the type {name}");
                Some(foreign(&what, "deletes its tasks unseen"))
            }
            Ok(task_type) => {
                types.insert(name.clone(), task_type);
                None
            }
            Err(what) => Some(what),
        };
        problems.extend(keys.problems(refusal));
    }
    (types, problems)
}

/// Whether the settings mention a type, even with invalid keys.
pub(crate) fn is_given(settings: &SysConfig, name: &str) -> bool {
    settings.get(SETTING).and_then(Value::as_map).is_some_and(|all| all.contains_key(name))
}

/// A message about a type whose tasks have no handler here.
pub(super) fn without_handler(
    settings: &SysConfig,
    program: &Natives,
    name: &str,
) -> Option<String> {
    let given = settings.get(SETTING).and_then(|all| all.get(name));
    let is_own =
        given.is_some_and(|it| ["Command", "Http"].iter().any(|key| it.get(key).is_some()));
    let is_handled = is_own
        || program.handles(name)
        || Home::of(settings).is_some_and(|home| home.has_handler(name));
    let wanted = || home::handler_wanted(settings, name);
    (!is_handled).then(|| {
        format!(
            "nothing here runs tasks of type {name}: they wait, held, until it does: {}",
            wanted()
        )
    })
}

/// All types in the settings.
pub(crate) fn given(settings: &SysConfig) -> BTreeSet<String> {
    let all = settings.get(SETTING).and_then(Value::as_map);
    all.into_iter().flat_map(|all| all.keys().cloned()).collect()
}

/// A number of a type's policy, for new tasks; a bad value is reported where all policies are read.
pub(crate) fn number<N: TryFrom<i64>>(settings: &SysConfig, name: &str, key: &str) -> Option<N> {
    let value = settings.get(SETTING)?.get(name)?;
    Keys::of(settings, &TASK_TYPE, name, value).number(key).ok()?
}

/// The maximum number of attempts of a task: that of its type, unless the task itself allows more.
pub(crate) fn attempts(settings: &SysConfig, name: &str, own: i64) -> i64 {
    number(settings, name, "Attempts").unwrap_or(1).max(own)
}

/// The policy of a type that is not in the settings.
pub(crate) fn usual(settings: &SysConfig) -> TaskType {
    let is_home = settings.get(home::SETTING).is_some();
    if is_home { TaskType::of_home() } else { TaskType::default() }
}

/// Looked up once, and not for each task: a directory service would delay the worker.
pub(super) fn user(keys: &Keys<'_>) -> Result<Option<Arc<Identity>>, String> {
    let user = keys.text("User")?.map(Identity::asked).transpose()?;
    Ok(user.map(Arc::new))
}

fn task_type(keys: &Keys<'_>, usual: &TaskType) -> Result<TaskType, String> {
    let Some(map) = keys.value.as_map() else {
        return Err("a task type is a hash of keys like 'Command'".to_owned());
    };
    for key in ["Command", "Http", "User"] {
        if map.contains_key(key) {
            keys.check_trust(key)?;
        }
    }
    let command = keys.argv("Command")?;
    let http = map.get("Http").filter(|it| **it != Value::Undef).map(http::read).transpose()?;
    if command.is_some() && http.is_some() {
        return Err("'Command' and 'Http' exclude each other".to_owned());
    }
    let retry_delay = keys.seconds("RetryDelay")?.unwrap_or(usual.retry_delay);
    let user = user(keys)?;
    if user.is_some() && command.is_none() {
        return Err("'User' needs a 'Command'".to_owned());
    }
    Ok(TaskType {
        command,
        user,
        http: http.map(Arc::new),
        timeout: keys.seconds("Timeout")?.filter(|it| !it.is_zero()).unwrap_or(usual.timeout),
        memory_max: match map.get("MemoryMax") {
            None => usual.memory_max,
            Some(_) => keys.bytes("MemoryMax")?,
        },
        attempts: keys.number("Attempts")?.unwrap_or(usual.attempts),
        retry_delay,
        retry_delay_max: keys
            .seconds("RetryDelayMax")?
            .unwrap_or(usual.retry_delay_max)
            .max(retry_delay),
        expires: keys
            .seconds("Expires")?
            .map_or(usual.expires, |it| Some(it).filter(|it| !it.is_zero())),
        on_crash: match keys.text("OnCrash")? {
            None | Some("rerun") => OnCrash::Rerun,
            Some("keep") => OnCrash::Keep,
            Some(other) => return Err(format!("'OnCrash' must be rerun or keep, not '{other}'")),
        },
        on_lease_lost: match keys.text("OnLeaseLost")? {
            None => usual.on_lease_lost,
            Some("kill") => OnLeaseLost::Kill,
            Some("continue") => OnLeaseLost::Continue,
            Some(other) => {
                return Err(format!("'OnLeaseLost' must be kill or continue, not '{other}'"));
            }
        },
        keep_days: keys.number("KeepDays")?,
        max_parallel: keys.number("MaximumParallelInstances")?.unwrap_or_default(),
        priority: keys.number("Priority")?.unwrap_or_default(),
        tasks_per_child: keys.number("TasksPerChild")?.unwrap_or(usual.tasks_per_child),
        keep_objects: keys.switch("KeepObjects")?,
    })
}
