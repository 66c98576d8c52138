//! The effective configuration of an installation, as its own Perl computes it in one short process.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail};
use sysconfig::{Origin, Problem, Setting, Value};

use crate::config::{
    database::DATABASE_URL,
    home::{
        Home, MIXED_CLUSTER,
        dsn::{Access, plain},
        question::ask,
    },
};

const SETTINGS: &str = include_str!("perl/settings.pl");

/// The setting that only an installation has: its directory.
pub(crate) const SETTING: &str = "Home";
/// The number of the help desk, the same on all of its nodes.
pub(crate) const SYSTEM_ID: &str = "SystemID";
/// The state of its configuration, which identifies modules in Perl.
pub(crate) const CONFIGURED: &str = "HomeConfiguration";
/// Prefixes of the settings that the daemon reads; all others are left out.
const WANTED: [&str; 13] = [
    "Daemon",
    "NodeID",
    SETTING,
    "OTRSTimeZone",
    "OTOBOTimeZone",
    "Database",
    "SecureMode",
    SYSTEM_ID,
    "TempDir",
    "Cache::",
    "Product",
    "LogModule",
    "MinimumLogLevel",
];
/// The seconds that tasks in Perl may continue at a stop.
const STOP_GRACE: &str = "300";
/// Hashes whose keys are settings of their own in the layers above.
const SPLIT: [&str; 2] = ["DaemonModules", "Daemon::SchedulerCronTaskManager::Task"];

impl Home {
    /// The origin of all settings that its Perl reports, whichever file they are from.
    pub(crate) fn configuration(&self) -> String {
        self.directory.join("Kernel/Config.pm").to_string_lossy().into_owned()
    }

    /// Queries Perl. Output on standard error beside a readable configuration is a problem.
    ///
    /// # Errors
    ///
    /// Perl, or the configuration, is broken: the error has its output.
    pub(crate) fn settings(&self) -> anyhow::Result<(Vec<Setting>, Option<Problem>)> {
        let place = || format!("cannot read the configuration of {}", self.directory.display());
        self.check()?;
        // Taken before the configuration is read: a change in between is another state.
        let configured = self.configured();
        let (answer, complaint) = self.ask().with_context(place)?;
        let origin = Origin::shared(&self.configuration());
        let mut settings = Vec::new();
        let mut add = |name: String, value: Value| {
            let origin = origin.clone();
            settings.push(Setting {
                name,
                value,
                valid: true,
                required: true,
                read_only: false,
                origin,
            });
        };
        // The installation's own value takes precedence.
        add("Daemon::StopGrace".to_owned(), Value::Text(STOP_GRACE.to_owned()));
        add(MIXED_CLUSTER.to_owned(), Value::Text("1".to_owned()));
        add(CONFIGURED.to_owned(), Value::Text(configured));
        add(DATABASE_URL.to_owned(), Value::Text(database_url(&answer).with_context(place)?));
        for (name, value) in answer {
            match value {
                // It is part of the URL.
                _ if name.starts_with("Database") => {}
                Value::Map(keys) if SPLIT.contains(&name.as_str()) => {
                    for (key, value) in keys {
                        add(format!("{name}###{key}"), value);
                    }
                }
                value if name == "OTOBOTimeZone" => add("OTRSTimeZone".to_owned(), value),
                value => add(name, value),
            }
        }
        let problem = Problem { origin, setting: None, what: complaint };
        Ok((settings, Some(problem).filter(|problem| !problem.what.is_empty())))
    }

    fn ask(&self) -> anyhow::Result<(BTreeMap<String, Value>, String)> {
        let argv = self.perl(SETTINGS, &WANTED);
        let (answer, complaint) = ask(&argv, &self.directory)?;
        match serde_json::from_slice(&answer) {
            Ok(answer) => Ok((answer, complaint)),
            // Perl died before it could answer.
            Err(_) if !complaint.is_empty() => bail!(complaint),
            Err(error) => bail!("what {} answered is no JSON: {error}", argv[0]),
        }
    }
}

fn database_url(answer: &BTreeMap<String, Value>) -> anyhow::Result<String> {
    let text = |name| answer.get(name).and_then(Value::as_text).unwrap_or_default();
    let password = plain(text("DatabasePw"));
    let access =
        Access { dsn: text("DatabaseDSN"), user: text("DatabaseUser"), password: &password };
    access.url().map_err(|why| anyhow::anyhow!("setting DatabaseDSN: {why}"))
}
