//! The directories that the daemon writes into, as they are found: who else could write there.

use std::{
    fs::File,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use super::{
    Configuration, database,
    trust::{self, Rule},
};
use crate::home::Home;

const OTHERS_MAY_WRITE: u32 = 0o002;
const PID_PATH: &str = "Daemon::PID::Path";
const LOG_PATH: &str = "Daemon::Log::LogPath";

/// The settings that name them, with what they name: of the PID file, the logs, and the database if it is a file.
pub(crate) fn all(configuration: &Configuration) -> Vec<(&'static str, PathBuf)> {
    let file = database::file(&configuration.settings);
    let database = file.as_deref().and_then(Path::parent).map(Path::to_path_buf);
    let own = [
        (PID_PATH, configuration.place.directory.clone()),
        (LOG_PATH, configuration.log.directory.clone()),
    ];
    let database = database.map(|directory| (database::DATABASE_URL, directory));
    own.into_iter().chain(database).collect()
}

/// What is wrong with them. They are judged as settings are, but that in a help desk a group may write: see [`Rule`].
pub(crate) fn faults(configuration: &Configuration, rule: Rule) -> Vec<String> {
    let home = Home::of(&configuration.settings);
    let rule = if home.is_some() { rule.with_group() } else { rule };
    all(configuration)
        .into_iter()
        .filter_map(|(setting, path)| fault(setting, &path, rule))
        .collect()
}

fn fault(setting: &str, path: &Path, rule: Rule) -> Option<String> {
    let shown = path.display();
    match trust::directory(path, rule) {
        // What SQLite makes beside a database is its own to open: the sticky bit does not help there.
        Ok(Some(found)) if setting == database::DATABASE_URL && is_open(&found) => Some(format!(
            "setting {setting}: {shown} is refused, for others could lay files there that SQLite reads; name a \
             directory of the daemon's own below it"
        )),
        Ok(_) => None,
        Err(error) => Some(format!("setting {setting}: {shown}: {error}")),
    }
}

fn is_open(directory: &File) -> bool {
    directory.metadata().is_ok_and(|it| it.mode() & OTHERS_MAY_WRITE != 0)
}
