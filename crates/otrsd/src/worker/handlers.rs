//! The handlers of task types: those of the settings, else functions of this program.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde::Deserialize;
use sysconfig::SysConfig;
use task_store::{Task, decode};

use crate::{
    config::{
        cron_tasks::{self, Policies},
        home::Home,
        http::Call,
        task_types::{self, OnLeaseLost, TaskType},
    },
    handler::{Function, Functions},
};

/// One of the four kinds of handlers.
#[derive(Clone, Debug)]
pub(super) enum Handler {
    Command(Vec<String>),
    Http(Arc<Call>),
    Function(Function),
    /// A package of the installation.
    Perl,
}

/// The types that have a handler in this daemon, and those with only a policy.
#[derive(Clone, Debug, Default)]
pub(super) struct Handlers {
    types: BTreeMap<String, (Arc<TaskType>, Option<Handler>)>,
    cron: Policies,
    /// The policy of types that the settings do not mention.
    usual: Arc<TaskType>,
    /// Types with invalid settings.
    wrong: BTreeSet<String>,
    home: Option<Home>,
}

impl Handlers {
    /// A type with invalid settings is not run, even if it has a function: it must not run with a wrong policy.
    pub(super) fn new(
        settings: &SysConfig,
        types: BTreeMap<String, TaskType>,
        functions: &Functions,
    ) -> Self {
        let mut all = types;
        let home = Home::of(settings);
        let perl = home.as_ref().map(Home::task_types).unwrap_or_default();
        let mut wrong = task_types::given(settings);
        wrong.retain(|name| !all.contains_key(name));
        let is_mixed = Home::mixed(settings).is_some();
        // A node of the original deletes tasks of types for which it has no handler.
        let own = functions.keys().filter(|name| !is_mixed || perl.contains(*name));
        for name in own.filter(|name| !task_types::is_given(settings, name)) {
            all.entry(name.clone()).or_default();
        }
        for name in perl.iter().filter(|name| !task_types::is_given(settings, name)) {
            all.entry(name.clone()).or_insert_with(|| task_types::usual(settings));
        }
        let with_handler = |(name, policy): (String, TaskType)| {
            let handler = handler(&policy, functions.get(&name));
            let handler = handler.or_else(|| perl.contains(&name).then_some(Handler::Perl));
            (name, (Arc::new(policy), handler))
        };
        let types: BTreeMap<_, _> = all.into_iter().map(with_handler).collect();
        let usual = Arc::new(task_types::usual(settings));
        let cron = types.get(cron_tasks::TYPE).map_or(&usual, |(policy, _)| policy);
        Self { cron: cron_tasks::policies(settings, cron), types, usual, wrong, home }
    }

    /// The policy and the handler of a task. A cron task's task names its setting, whose command takes precedence.
    pub(super) fn of(&self, task: &Task) -> Option<(Arc<TaskType>, Handler)> {
        let is_cron = task.task_type == cron_tasks::TYPE;
        if is_cron && let Some(policy) = self.of_command(task) {
            return Some((Arc::clone(policy), handler(policy, None)?));
        }
        let name = &task.task_type;
        let (policy, handler) = match self.types.get(name) {
            Some((policy, handler)) => (policy, handler.clone()),
            None if self.wrong.contains(name) => return None,
            None => (&self.usual, None),
        };
        let policy = self.cron.in_perl.get(&task.name).filter(|_| is_cron).unwrap_or(policy);
        Some((Arc::clone(policy), handler.or_else(|| self.late(name))?))
    }

    /// The original looks for a handler's file when a task arrives: it may have been installed meanwhile.
    fn late(&self, name: &str) -> Option<Handler> {
        self.home.as_ref()?.has_handler(name).then_some(Handler::Perl)
    }

    fn of_command(&self, task: &Task) -> Option<&Arc<TaskType>> {
        if self.cron.commands.is_empty() {
            return None;
        }
        let cron: OfCronTask = decode(&task.data).ok()?.read().ok()?;
        self.cron.commands.get(&cron.key)
    }

    /// The types that have a handler.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let cron = (!self.cron.commands.is_empty()).then_some(cron_tasks::TYPE);
        self.with(|_| true).chain(cron)
    }

    /// The types that set how long their ledger rows and held tasks are kept.
    pub(super) fn keep_days(&self) -> BTreeMap<String, u32> {
        let types = self.types.iter();
        types.filter_map(|(name, (policy, _))| Some((name.clone(), policy.keep_days?))).collect()
    }

    /// The types whose tasks run in the worker's own process.
    pub(super) fn in_process(&self) -> impl Iterator<Item = &str> {
        self.with(|handler| matches!(handler, Handler::Function(_)))
    }

    /// The types whose tasks continue when their worker has lost its lease.
    pub(super) fn go_on(&self) -> impl Iterator<Item = &str> {
        let goes_on = |policy: &TaskType| policy.on_lease_lost == OnLeaseLost::Continue;
        let types = self.types.iter().filter(move |(_, (policy, _))| goes_on(policy));
        types.map(|(name, _)| name.as_str())
    }

    fn with(&self, wanted: impl Fn(&Handler) -> bool) -> impl Iterator<Item = &str> {
        let types = self.types.iter();
        types
            .filter(move |(_, (_, handler))| handler.as_ref().is_some_and(&wanted))
            .map(|(name, _)| name.as_str())
    }
}

/// The part of a task's data that identifies its cron task.
#[derive(Deserialize)]
struct OfCronTask {
    #[serde(rename = "Key")]
    key: String,
}

/// An explicit command or URL takes precedence over a function.
fn handler(policy: &TaskType, function: Option<&Function>) -> Option<Handler> {
    let command = policy.command.clone().map(Handler::Command);
    let http = || policy.http.clone().map(Handler::Http);
    command.or_else(http).or_else(|| function.cloned().map(Handler::Function))
}
