//! The configuration: settings from all layers, and their interpretation by the daemon.

pub(crate) mod console;
pub(crate) mod cron_tasks;
pub(crate) mod daemon_paths;
pub(crate) mod database;
pub(crate) mod default_paths;
pub(crate) mod directories;
pub(crate) mod environment_check;
pub(crate) mod events;
pub(crate) mod failure_mail;
pub(crate) mod generation;
pub(crate) mod home;
pub(crate) mod http;
pub(crate) mod identity;
mod keys;
pub(crate) mod log;
pub(crate) mod modules;
pub(crate) mod natives;
pub(crate) mod pace;
pub(crate) mod packages;
pub(crate) mod reference;
mod registration;
pub(crate) mod secret_hash;
pub(crate) mod secrets;
pub(crate) mod sources;
pub(crate) mod task_types;
#[cfg(test)]
mod tests;

use std::{path::PathBuf, time::Duration};

use anyhow::bail;
use jiff::tz::TimeZone;
use sysconfig::{Problem, SysConfig, Value};

use self::{
    daemon_paths::DaemonPaths,
    default_paths::DefaultPaths,
    log::LogSettings,
    modules::{Kind, ModuleSpec, Refused},
    sources::{Reading, Sources},
};
use crate::{config::natives::Natives, file_trust::Rule};

/// The interpreted settings of one generation.
#[derive(Clone, Debug)]
pub(crate) struct Configuration {
    /// All effective settings with their origins.
    pub(crate) settings: SysConfig,
    /// The paths of the daemon.
    pub(crate) place: DaemonPaths,
    /// How long a module may take to end its round.
    pub(crate) stop_grace: Duration,
    pub(crate) log: LogSettings,
    /// Whether what modules and tasks start may gain privileges.
    pub(crate) new_privileges: bool,
    /// The registered modules that can run, by name.
    pub(crate) modules: Vec<ModuleSpec>,
    /// The registered modules that cannot run, each with the reason.
    pub(crate) refused: Vec<Refused>,
    /// All problems that do not prevent the rest from running.
    pub(crate) problems: Vec<Problem>,
    /// What prevents a daemon from running with it.
    fault: Option<String>,
}

impl Configuration {
    /// Interprets the settings. A bad one is a problem, and its default applies; only an invalid `NodeID` is a fault,
    /// because a daemon with another node's number would harm the cluster.
    pub(crate) fn interpret(
        settings: SysConfig,
        mut problems: Vec<Problem>,
        natives: &Natives,
        places: &DefaultPaths,
    ) -> Self {
        let mut directory = |name, standard: &PathBuf| {
            let given = text(&settings, name).filter(|path| !path.is_empty()).map(PathBuf::from);
            match given {
                Some(path) if !path.is_absolute() => {
                    let what = format!("no absolute path; {} is used", standard.display());
                    problems.push(problem(&settings, name, what));
                    standard.clone()
                }
                given => given.unwrap_or_else(|| standard.clone()),
            }
        };
        let node_id = node_id(&settings);
        let place = DaemonPaths {
            directory: directory("Daemon::PID::Path", &places.run),
            node_id: *node_id.as_ref().unwrap_or(&1),
        };
        let log_directory = directory("Daemon::Log::LogPath", &places.log);
        let log = LogSettings::interpret(&settings, log_directory, &mut problems);
        let stop_grace = reference::whole(&settings, STOP_GRACE);
        let (modules, refused) = modules::interpret(&settings, natives, &mut problems);
        problems.extend(database::fault(&settings));
        let runs_tasks = modules.iter().any(|it| it.module == packages::TASK_WORKER);
        problems.extend(of_readers(&settings, runs_tasks.then_some(natives)));
        let others = reference::findings(&settings, &problems);
        problems.extend(others);
        Self {
            place,
            stop_grace: Duration::from_secs(stop_grace),
            log,
            new_privileges: new_privileges(&settings),
            modules,
            refused,
            problems,
            fault: node_id.err(),
            settings,
        }
    }

    /// This configuration, if a daemon can run with it.
    pub(crate) fn usable(self) -> anyhow::Result<Self> {
        match self.fault {
            None => Ok(self),
            Some(fault) => bail!(fault),
        }
    }

    /// What prevents a daemon from running with it.
    pub(crate) fn fault(&self) -> Option<&str> {
        self.fault.as_deref()
    }

    /// The module registered as `name`, if it can run.
    pub(crate) fn module(&self, name: &str) -> Option<&ModuleSpec> {
        self.modules.iter().find(|spec| spec.name == name)
    }

    /// Whether a process of module `name` would be started in the same way with `other`.
    pub(crate) fn is_same_for(&self, name: &str, other: &Self) -> bool {
        let (Some(own), Some(theirs)) = (self.module(name), other.module(name)) else {
            return false;
        };
        let others = registered_names(&self.settings);
        let concerns = |setting: &str| own.kind == Kind::Native && concerns(own, &others, setting);
        let settings = |of: &'_ Self| {
            let all = of.settings.iter().filter(|(setting, ..)| concerns(setting));
            all.map(|(setting, value, _)| (setting.to_owned(), value.clone())).collect::<Vec<_>>()
        };
        own == theirs
            && self.log.is_same_for_modules(&other.log)
            && self.new_privileges == other.new_privileges
            && settings(self) == settings(other)
    }
}

/// Whether a native module may read the setting: every setting that belongs neither to the supervisor nor to another
/// module's registration or `Daemon::<name>::*`. The console shows all settings.
fn concerns(module: &ModuleSpec, registered: &[&str], setting: &str) -> bool {
    let name = module.name.as_str();
    if setting == home::CONFIGURED {
        return false;
    }
    if module.module == packages::WEB_CONSOLE || reads_too(&module.module, setting) {
        return true;
    }
    if let Some(registration) = setting.strip_prefix("DaemonModules###") {
        return registration == name || registration.starts_with(&format!("{name}###"));
    }
    let Some(rest) = setting.strip_prefix("Daemon::") else { return true };
    let owner = rest.split("::").next().unwrap_or_default();
    let is_supervisors = matches!(owner, "Log" | "PID" | "StopGrace");
    !is_supervisors && (owner == name || !registered.contains(&owner))
}

/// Whether what modules and tasks start may gain privileges, as by a setuid program. In a help desk always: its
/// `sendmail` is one.
pub(crate) fn new_privileges(settings: &SysConfig) -> bool {
    settings.get(home::SETTING).is_some()
        || reference::whole(settings, "Daemon::NewPrivileges") == 1
}

/// How long modules, and tasks, have to end at a stop.
pub(crate) const STOP_GRACE: &str = "Daemon::StopGrace";

/// Settings of another module, or of the supervisor, that a native module reads too: the worker runs the commands of
/// cron tasks, and the cron manager applies the policy of a type to the tasks that it adds.
fn reads_too(module: &str, setting: &str) -> bool {
    match module {
        packages::TASK_WORKER => setting.starts_with(cron_tasks::TASK) || setting == STOP_GRACE,
        packages::CRON_MANAGER => setting.starts_with(task_types::SETTING),
        _ => false,
    }
}

fn registered_names(settings: &SysConfig) -> Vec<&str> {
    let registrations = settings.get("DaemonModules").and_then(Value::as_map);
    registrations.into_iter().flatten().map(|(name, _)| name.as_str()).collect()
}

/// The problems that the modules will find in their own settings, reported before they start. `runs_tasks`: the
/// program, if its worker runs here.
fn of_readers(settings: &SysConfig, runs_tasks: Option<&Natives>) -> Vec<Problem> {
    let cron = cron_tasks::read(settings);
    let events = events::read(settings);
    let mut problems = task_types::read(settings).1;
    if let Some(program) = runs_tasks {
        problems.extend(cron_tasks::without_handler(settings, &cron.tasks, program));
        problems.extend(events::without_handler(settings, &events.registrations, program));
    }
    problems.extend(cron.problems.into_iter().chain(events.problems));
    problems.extend(failure_mail::read(settings).1);
    problems.extend(console::read(settings).1);
    problems
}

fn node_id(settings: &SysConfig) -> Result<u16, String> {
    let text = text(settings, "NodeID").unwrap_or_default();
    let origin = settings.origin("NodeID").map(ToString::to_string).unwrap_or_default();
    match text.parse::<u16>() {
        // Only in the form that file names use.
        Ok(number @ 1..=999) if number.to_string() == text => Ok(number),
        _ => Err(format!("{origin}: setting NodeID: '{text}' is not a number from 1 to 999")),
    }
}

/// The `NodeID`. A configuration with another value than a number from 1 to 999 was refused before.
pub(crate) fn node(settings: &SysConfig) -> u16 {
    node_id(settings).unwrap_or(1)
}

/// A time zone by its name. UTC needs no system data, which a minimal image does not have.
pub(crate) fn time_zone(name: &str) -> Result<TimeZone, jiff::Error> {
    if ["UTC", "Etc/UTC"].contains(&name) { Ok(TimeZone::UTC) } else { TimeZone::get(name) }
}

/// The text of a setting.
pub(crate) fn text<'a>(settings: &'a SysConfig, name: &str) -> Option<&'a str> {
    settings.get(name).and_then(Value::as_text)
}

/// A problem of the setting `name`, located at its origin.
pub(crate) fn problem(settings: &SysConfig, name: &str, what: String) -> Problem {
    let origin =
        settings.origin(name).cloned().unwrap_or_else(|| sysconfig::Origin::named("built-in"));
    Problem { origin, setting: Some(name.to_owned()), what }
}

/// Reads all layers and interprets them.
///
/// # Errors
///
/// All files that cannot be used, or the fault that prevents a daemon from running.
pub(crate) fn load(sources: &Sources, natives: &Natives) -> anyhow::Result<Configuration> {
    loaded(sources.read(), sources, natives)
}

/// As [`load`], for a daemon.
///
/// # Errors
///
/// Those of [`load`], and directories that other users could write to.
pub(crate) fn load_to_run(sources: &Sources, natives: &Natives) -> anyhow::Result<Configuration> {
    let configuration = loaded(sources.read_to_run(), sources, natives)?;
    let faults = directories::faults(&configuration, Rule::own());
    if !faults.is_empty() {
        bail!(faults.join("\n"));
    }
    Ok(configuration)
}

fn loaded(reading: Reading, sources: &Sources, natives: &Natives) -> anyhow::Result<Configuration> {
    if !reading.errors.is_empty() {
        bail!(reading.errors.join("\n"));
    }
    Configuration::interpret(reading.settings, reading.problems, natives, &sources.places).usable()
}
