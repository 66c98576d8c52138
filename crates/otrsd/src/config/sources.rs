//! The sources of settings, lowest layer first: built-in defaults, an installation, XML files and directories, the
//! environment, the command line.

use std::{
    collections::HashMap,
    env,
    ffi::OsString,
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use anyhow::bail;
use sysconfig::{Document, Origin, Problem, Setting, SysConfig, Value};

use super::default_paths::DefaultPaths;
use crate::{
    config::home::{self, Home},
    file_trust,
};

const DEFAULTS: &str = include_str!("defaults.xml");
/// The layer that applies without an installation.
const STANDALONE: &str = include_str!("standalone.xml");

/// The variables that are settings. They are removed from the modules' environment.
const VARIABLES: [(&str, &str); 3] = [
    ("OTRSD_NODE_ID", "NodeID"),
    ("OTRSD_PID_PATH", "Daemon::PID::Path"),
    ("OTRSD_LOG_PATH", "Daemon::Log::LogPath"),
];

/// The variable that names the configuration paths, separated by `:`.
const CONFIG_VARIABLE: &str = "OTRSD_CONFIG";

/// What the configuration is read from.
#[derive(Clone, Debug)]
pub(crate) struct Sources {
    /// XML files and directories of them, in the order of their layers.
    pub(crate) paths: Vec<PathBuf>,
    pub(crate) home: Option<Home>,
    /// Environment and command line.
    overrides: Vec<Setting>,
    pub(crate) places: DefaultPaths,
}

/// The state of every file that was read; another state means that the files must be read again.
pub(crate) type Stamp = Vec<(PathBuf, Option<[i64; 5]>)>;

/// The settings of all layers, and their problems.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    pub(crate) settings: SysConfig,
    /// Bad single settings, which were skipped.
    pub(crate) problems: Vec<Problem>,
    /// Files that cannot be used, each with its location.
    pub(crate) errors: Vec<String>,
}

impl Reading {
    /// Adds documents on top, as one layer.
    fn take(&mut self, documents: Vec<Result<Document, sysconfig::Error>>) {
        let mut settings = Vec::new();
        for document in documents {
            match document {
                Ok(document) => {
                    self.problems.extend(set_twice(&document));
                    self.problems.extend(document.problems);
                    settings.extend(document.settings);
                }
                Err(error) => self.errors.push(error.to_string()),
            }
        }
        self.overlay(settings);
    }

    fn overlay(&mut self, settings: Vec<Setting>) {
        let problems = self.settings.overlay(settings);
        self.problems.extend(problems);
    }
}

/// The settings of one file that a later setting of the same name in it silently replaces.
fn set_twice(document: &Document) -> Vec<Problem> {
    let last: HashMap<&str, &Origin> =
        document.settings.iter().map(|it| (it.name.as_str(), &it.origin)).collect();
    let again = |setting: &Setting| {
        let counts = last.get(setting.name.as_str()).filter(|it| **it != &setting.origin)?;
        Some(Problem {
            origin: setting.origin.clone(),
            setting: Some(setting.name.clone()),
            what: format!("is set again in {counts}, which counts"),
        })
    };
    document.settings.iter().filter_map(again).collect()
}

impl Sources {
    /// `home`, `paths` and `node_id` as given on the command line.
    pub(crate) fn new(
        home: Option<&Path>,
        paths: &[PathBuf],
        node_id: Option<&str>,
    ) -> anyhow::Result<Self> {
        let named = env::var_os(home::VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from);
        let home = home.or(named.as_deref()).map(std::path::absolute).transpose()?;
        let home = home.as_deref().map(Home::at);
        let places = home.as_ref().map_or_else(DefaultPaths::of_this_user, DefaultPaths::of);
        let mut overrides: Vec<Setting> = VARIABLES
            .iter()
            .filter_map(|(variable, setting)| {
                let value = env::var_os(variable)?.into_string().ok()?;
                Some(override_by(variable, setting, value))
            })
            .collect();
        overrides.extend(node_id.map(|id| override_by("--node-id", "NodeID", id.to_owned())));
        let paths = if paths.is_empty() { standard_paths(&places) } else { paths.to_vec() };
        // A daemon changes its directory to `/`: relative paths refer to the caller's directory.
        let paths = paths.iter().map(std::path::absolute).collect::<Result<Vec<_>, _>>()?;
        // Messages, origins and the guard's arguments contain them.
        if let Some(path) = paths.iter().find(|path| path.to_str().is_none()) {
            bail!("{}: the path of a configuration must be UTF-8", path.display());
        }
        Ok(Self { paths, home, overrides, places })
    }

    /// Reads every layer; what cannot be read is left out and listed in the errors.
    pub(crate) fn read(&self) -> Reading {
        let mut reading = Reading::default();
        reading.take(vec![sysconfig::parse("built-in", DEFAULTS)]);
        reading.overlay(vec![super::database::standard(&self.places)]);
        match self.home.as_ref().map(Home::settings) {
            Some(Ok((settings, problem))) => {
                reading.overlay(settings);
                reading.problems.extend(problem);
            }
            Some(Err(error)) => reading.errors.push(format!("{error:#}")),
            None => reading.take(vec![sysconfig::parse("built-in", STANDALONE)]),
        }
        for path in &self.paths {
            reading.take(if path.is_dir() {
                sysconfig::read_directory_by(path, &file_trust::open)
            } else {
                vec![sysconfig::read_file_by(path, &file_trust::open)]
            });
        }
        reading.overlay(self.overrides.clone());
        self.hold_home(&mut reading);
        reading
    }

    /// Sets the installation to the one that was named, whatever its own configuration or a file says, because its Perl
    /// is run.
    fn hold_home(&self, reading: &mut Reading) {
        let named = self.home.as_ref().map(|home| home.directory().to_string_lossy().into_owned());
        let said = super::text(&reading.settings, home::SETTING).map(str::to_owned);
        if said == named {
            return;
        }
        let is_same = |said: &str| {
            let named = named.as_ref().and_then(|named| fs::canonicalize(named).ok());
            named.is_some() && named == fs::canonicalize(said).ok()
        };
        if let Some(said) = said.filter(|said| !is_same(said)) {
            let named = named.as_deref().unwrap_or("none");
            let what = format!(
                "'{said}' is not followed: the installation is what --home or OTRS_HOME names, {named}"
            );
            reading.problems.push(super::problem(&reading.settings, home::SETTING, what));
        }
        let held = override_by("--home", home::SETTING, named.clone().unwrap_or_default());
        reading.overlay(vec![Setting { valid: named.is_some(), ..held }]);
    }

    /// As [`read`](Self::read), with the facts about an installation that only schedulers need. It costs half a second
    /// of Perl.
    pub(crate) fn read_to_run(&self) -> Reading {
        let mut reading = self.read();
        let events = home::cron_events::setting(&reading.settings);
        reading.overlay(events.into_iter().collect());
        reading
    }

    /// The installation, and the XML files and directories, lowest layer first.
    pub(crate) fn places_read(&self) -> Vec<PathBuf> {
        let home = self.home.iter().map(|home| home.directory().to_owned());
        home.chain(self.paths.iter().cloned()).collect()
    }

    /// What distinguishes these sources from others: the paths, and what takes precedence over them.
    pub(crate) fn identity(&self) -> Vec<OsString> {
        let overrides = self.overrides.iter().filter_map(|setting| {
            Some(format!("{}={}", setting.name, setting.value.as_text()?).into())
        });
        self.places_read().into_iter().map(PathBuf::into_os_string).chain(overrides).collect()
    }

    /// The present state of the files.
    pub(crate) fn stamp(&self) -> Stamp {
        let mut stamp: Stamp = self
            .home
            .iter()
            .flat_map(Home::files)
            .map(|path| {
                let identity = identity(&path);
                (path, identity)
            })
            .collect();
        for path in &self.paths {
            let mut entries: Vec<_> = fs::read_dir(path)
                .into_iter()
                .flatten()
                .filter_map(|entry| entry.ok().map(|entry| entry.path()))
                .collect();
            entries.sort();
            stamp.push((path.clone(), identity(path)));
            stamp.extend(entries.into_iter().map(|path| {
                let identity = identity(&path);
                (path, identity)
            }));
        }
        stamp
    }

    /// Every variable of this program that modules do not inherit.
    pub(crate) fn variables() -> impl Iterator<Item = &'static str> {
        VARIABLES.iter().map(|(variable, _)| *variable).chain([CONFIG_VARIABLE, home::VARIABLE])
    }
}

/// The sources of a configuration, in words.
pub(crate) fn described(places: &[PathBuf]) -> String {
    if places.is_empty() {
        return "the built-in defaults alone".to_owned();
    }
    places.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

fn override_by(source: &str, name: &str, value: String) -> Setting {
    Setting {
        name: name.to_owned(),
        value: Value::Text(value),
        valid: true,
        required: true,
        read_only: false,
        origin: Origin::named(source),
    }
}

/// The paths in `OTRSD_CONFIG`, otherwise the standard directory where it exists.
fn standard_paths(places: &DefaultPaths) -> Vec<PathBuf> {
    match env::var_os(CONFIG_VARIABLE) {
        Some(paths) => {
            env::split_paths(&paths).filter(|path| !path.as_os_str().is_empty()).collect()
        }
        None => Some(places.config.clone()).filter(|path| path.exists()).into_iter().collect(),
    }
}

fn identity(path: &Path) -> Option<[i64; 5]> {
    let file = fs::metadata(path).ok()?;
    let inode = i64::try_from(file.ino()).unwrap_or_default();
    let size = i64::try_from(file.size()).unwrap_or_default();
    Some([inode, size, file.mtime(), file.mtime_nsec(), file.ctime_nsec()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_that_its_own_file_sets_again_is_told() {
        let one = |name: &str| {
            format!("<Setting Name='{name}' Valid='1'><Value><Item>1</Item></Value></Setting>\n")
        };
        let text = format!(
            "<otrsd_config version='2.0' init='Application'>\n{}{}{}</otrsd_config>",
            one("A"),
            one("B"),
            one("A")
        );
        let document = sysconfig::parse("a.xml", &text).unwrap();
        let told: Vec<_> = set_twice(&document).iter().map(ToString::to_string).collect();
        assert_eq!(told, ["a.xml:2: setting A: is set again in a.xml:4, which counts"]);
    }
}
