//! The keys of one registration, each read and validated.

use std::{collections::BTreeMap, path::PathBuf};

use sysconfig::{Problem, SysConfig, Value};

use super::{
    keys::Keys,
    modules::{Kind, ModuleSpec},
    problem,
    secrets::Secret,
    text,
};
use crate::config::{
    home::{self, Home},
    natives::Natives,
    pace::Pace,
    packages,
};

/// Whether all modules of an installation run in Perl.
const PERL_MODULES: &str = "Daemon::PerlModules";

/// Keys that run programs or change the user that runs them.
const TRUSTED_KEYS: [&str; 5] =
    ["Command", "SummaryCommand", "WorkingDirectory", "Environment", "User"];

pub(super) struct Registration<'a> {
    pub(super) keys: &'a Keys<'a>,
    pub(super) natives: &'a Natives,
    pub(super) home: Option<&'a PerlHome>,
}

/// An installation whose packages run in Perl.
pub(super) struct PerlHome {
    installation: Home,
    configured: String,
    all: bool,
    /// Why its own managers of scheduled tasks run, if they must.
    schedules: Option<String>,
}

impl PerlHome {
    /// Packages that this program implements are its own, unless all modules are to run in Perl.
    pub(super) fn of(settings: &SysConfig, problems: &mut Vec<Problem>) -> Option<Self> {
        let installation = Home::of(settings)?;
        let configured = text(settings, home::CONFIGURED).unwrap_or_default().to_owned();
        let all = match text(settings, PERL_MODULES) {
            None | Some("" | "0") => false,
            Some("1") => true,
            Some(other) => {
                let what = format!("must be 0 or 1, not '{other}'; all modules run in Perl");
                problems.push(problem(settings, PERL_MODULES, what));
                true
            }
        };
        let schedules = home::cron_events::foreign(settings);
        Some(Self { installation, configured, all, schedules })
    }

    /// Why the native implementation of a package is not used.
    fn own(&self, package: &str) -> Option<String> {
        let schedules = || self.schedules.clone().filter(|_| packages::PLANNERS.contains(&package));
        self.installation.overrides(package).or_else(schedules)
    }

    /// Whether a package runs in the installation's Perl: local changes to it must not be lost.
    fn runs(&self, package: &str, natives: &Natives) -> bool {
        self.all || !natives.contains(package) || self.own(package).is_some()
    }

    /// Why a package that this program implements runs in Perl. No release includes the documentation's example: where
    /// it exists, the administrator wrote it.
    pub(super) fn keeps(&self, package: &str, natives: &Natives) -> Option<String> {
        if package == packages::TEST_DAEMON {
            return None;
        }
        let why = self.own(package).filter(|_| !self.all)?;
        let what = || format!("runs in Perl and not natively, for {why}");
        natives.contains(package).then(what)
    }
}

impl Registration<'_> {
    /// The specification, or why the registration is refused.
    pub(super) fn spec(&self, name: &str) -> Result<ModuleSpec, String> {
        let Some(keys) = self.keys.value.as_map() else {
            return Err("a registration is a hash with the key 'Module'".to_owned());
        };
        for key in TRUSTED_KEYS.iter().filter(|key| keys.contains_key(**key)) {
            self.keys.check_trust(key)?;
        }
        let module = self.keys.text("Module")?.unwrap_or_default().to_owned();
        let pace = Pace {
            sleep_post: self.keys.seconds("SleepPost")?,
            discard: self.keys.seconds("Discard")?,
        };
        let kind = self.kind(name, &module, pace)?;
        let summary_command = match &kind {
            Kind::Perl { argv, .. } => {
                Some(argv.iter().cloned().chain(["--summary".to_owned()]).collect())
            }
            _ => self.keys.argv("SummaryCommand")?,
        };
        let spec = ModuleSpec {
            name: name.to_owned(),
            kind,
            module,
            pace,
            summary_command,
            working_directory: self.directory("WorkingDirectory")?,
            environment: self.environment()?,
            user: self.keys.text("User")?.map(str::to_owned),
            watchdog: self.keys.seconds("WatchdogSeconds")?.filter(|longest| !longest.is_zero()),
            memory_max: self.keys.bytes("MemoryMax")?,
        };
        spec.check()?;
        Ok(spec)
    }

    /// A command is an explicit choice, so it takes precedence over a native module of the same name.
    fn kind(&self, name: &str, module: &str, pace: Pace) -> Result<Kind, String> {
        match self.keys.argv("Command")? {
            Some(argv) if pace == Pace::default() => Ok(Kind::Command(argv)),
            Some(argv) => Ok(Kind::Rounds(argv)),
            None if module.is_empty() => Err("the key 'Module' or 'Command' is missing".to_owned()),
            None if let Some(home) = self.home.filter(|home| home.runs(module, self.natives)) => {
                Ok(Kind::Perl {
                    argv: home.installation.module_host(name, module),
                    configured: home.configured.clone(),
                })
            }
            None if self.natives.contains(module) => Ok(Kind::Native),
            None => Err(format!(
                "no module '{module}' in this program; known are {}. \
                 Is the name right? Does it need a 'Command'?",
                self.natives.names(),
            )),
        }
    }

    fn directory(&self, key: &str) -> Result<Option<PathBuf>, String> {
        let Some(text) = self.keys.text(key)? else { return Ok(None) };
        let path = PathBuf::from(text);
        if path.is_absolute() {
            Ok(Some(path))
        } else {
            Err(format!("'{key}' must be an absolute path"))
        }
    }

    fn environment(&self) -> Result<BTreeMap<String, Secret>, String> {
        let wrong = || "'Environment' must be a hash of variables".to_owned();
        let value = match self.keys.value.get("Environment") {
            None | Some(Value::Undef) => return Ok(BTreeMap::new()),
            Some(value) => value,
        };
        let pairs = value.as_map().ok_or_else(wrong)?.iter();
        pairs
            .map(|(key, value)| Some((key.clone(), Secret::new(value.as_text()?))))
            .collect::<Option<_>>()
            .ok_or_else(wrong)
    }
}
