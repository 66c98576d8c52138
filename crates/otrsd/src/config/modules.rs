//! `DaemonModules###<Name>`: registrations are converted to module specifications.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    path::PathBuf,
    time::Duration,
};

use serde::{Deserialize, Serialize};
use sysconfig::{Problem, SysConfig, Value};

use super::{
    keys::Keys,
    problem,
    reference::MODULE,
    registration::{PerlHome, Registration},
    secrets::{self, Secret},
};
use crate::{
    config::{home, natives::Natives, pace::Pace, packages},
    process::Identity,
};

/// One registered module that can run.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub(crate) struct ModuleSpec {
    /// The key of the registration; log files and commands use this name.
    pub(crate) name: String,
    /// The registered package or native module; a command module may have none.
    pub(crate) module: String,
    pub(crate) kind: Kind,
    /// The registration's own pause and discard time, where given.
    pub(crate) pace: Pace,
    /// Prints the Summary of a command module as JSON.
    pub(crate) summary_command: Option<Vec<String>>,
    pub(crate) working_directory: Option<PathBuf>,
    /// The values are secrets.
    #[serde(with = "secrets::sealed")]
    pub(crate) environment: BTreeMap<String, Secret>,
    /// The user that a supervisor run by root starts the module as.
    pub(crate) user: Option<String>,
    /// The longest time without a finished round.
    pub(crate) watchdog: Option<Duration>,
    /// The resident bytes above which the module is discarded.
    pub(crate) memory_max: Option<u64>,
}

/// The kind of the module's process.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub(crate) enum Kind {
    /// This program, running a registered Rust module.
    Native,
    /// This program, running a command once a round.
    Rounds(Vec<String>),
    /// The command itself, running until it ends.
    Command(Vec<String>),
    /// An installation's own package, in the host for its daemon modules. Its configuration is identified by its state
    /// alone: another state makes it another module.
    Perl { argv: Vec<String>, configured: String },
}

impl Kind {
    /// Whether the process is this program.
    pub(crate) fn is_ours(&self) -> bool {
        matches!(self, Self::Native | Self::Rounds(_))
    }
}

/// A registered module that cannot run, and why.
#[derive(Clone, Debug)]
pub(crate) struct Refused {
    pub(crate) name: String,
    pub(crate) problem: Problem,
}

/// The longest name of a module; names of log files contain it.
const LONGEST_NAME: usize = 100;
/// The name of the supervisor's own log files.
pub(crate) const SUPERVISOR: &str = "Supervisor";

pub(super) fn interpret(
    settings: &SysConfig,
    natives: &Natives,
    problems: &mut Vec<Problem>,
) -> (Vec<ModuleSpec>, Vec<Refused>) {
    let (mut specs, mut refused) = (Vec::<ModuleSpec>::new(), Vec::new());
    let home = PerlHome::of(settings, problems);
    let mut first_of = BTreeMap::<String, String>::new();
    let registrations = settings.get("DaemonModules").and_then(Value::as_map);
    for (name, registration) in registrations.into_iter().flatten() {
        let setting = format!("DaemonModules###{name}");
        let keys = Keys::of(settings, &MODULE, name, registration);
        let registration_of = Registration { keys: &keys, natives, home: home.as_ref() };
        let spec = check_name(name).and_then(|()| registration_of.spec(name));
        let refusal = match spec.and_then(|spec| unique(spec, &mut first_of)) {
            Ok(spec) => {
                let home = home.as_ref().filter(|_| matches!(spec.kind, Kind::Perl { .. }));
                let kept = home.and_then(|home| home.keeps(&spec.module, natives));
                problems.extend(kept.map(|what| problem(settings, &setting, what)));
                specs.push(spec);
                None
            }
            Err(what) => {
                let problem = problem(settings, &setting, what.clone());
                refused.push(Refused { name: name.clone(), problem });
                Some(what)
            }
        };
        problems.extend(keys.problems(refusal));
    }
    if let Some(why) = home::waits(settings) {
        problems.push(why);
        // It notices when the wait is over.
        specs.retain(|spec| spec.module == packages::CONFIGURATION_SYNC);
        refused.clear();
    }
    (specs, refused)
}

/// Refuses the second of two registrations of a package; the original silently keeps a random one.
fn unique(spec: ModuleSpec, first_of: &mut BTreeMap<String, String>) -> Result<ModuleSpec, String> {
    if spec.module.is_empty() {
        return Ok(spec);
    }
    match first_of.entry(spec.module.clone()) {
        Entry::Occupied(first) => Err(format!(
            "module '{}' is registered twice; DaemonModules###{} runs, this one does not",
            spec.module,
            first.get(),
        )),
        Entry::Vacant(entry) => {
            entry.insert(spec.name.clone());
            Ok(spec)
        }
    }
}

impl ModuleSpec {
    /// The environment variables of its registration.
    pub(crate) fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        self.environment.iter().map(|(name, value)| (name.as_str(), value.expose()))
    }

    /// The program of a command module.
    pub(crate) fn argv(&self) -> Option<&[String]> {
        match &self.kind {
            Kind::Native => None,
            Kind::Rounds(argv) | Kind::Command(argv) | Kind::Perl { argv, .. } => Some(argv),
        }
    }

    /// Refuses keys that exclude each other.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.argv().is_none() && self.summary_command.is_some() {
            return Err(
                "'SummaryCommand' needs a 'Command': this module has a Summary of its own".into()
            );
        }
        if matches!(self.kind, Kind::Rounds(_)) && self.memory_max.is_some() {
            return Err("'MemoryMax' has no meaning for a command that ends with its round".into());
        }
        if self.user.is_some() { Identity::check_rights() } else { Ok(()) }
    }
}

fn check_name(name: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if name.len() > LONGEST_NAME || name.starts_with('.') || !name.chars().all(allowed) {
        return Err(format!(
            "a module's name becomes part of file names: at most {LONGEST_NAME} letters, digits, _ - ."
        ));
    }
    if name == SUPERVISOR || name.is_empty() {
        return Err(format!("a module cannot be called '{name}'"));
    }
    Ok(())
}
