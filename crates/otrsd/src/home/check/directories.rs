//! The check of the installation's directories that its daemon writes into.

use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access};
use sysconfig::SysConfig;

use super::Finding;
use crate::config::{home::Home, text};

/// The directories of the PID file and the logs are checked for every daemon.
pub(super) fn findings(home: &Home, settings: &SysConfig) -> Vec<Finding> {
    let usual = home.directory().join("var/tmp");
    let temporary = text(settings, "TempDir").map_or(usual, PathBuf::from);
    let cache = temporary.join("CacheFileStorable");
    let deployed = home.directory().join("Kernel/Config/Files");
    let places = [
        (temporary, "temporary files"),
        (cache.join("DaemonRunning"), "the word to the web interface that the daemon runs"),
        (cache, "cached data"),
        (deployed, "deployed settings"),
    ];
    places.iter().filter_map(|(directory, what)| finding(directory, what)).collect()
}

/// A missing directory will be created, so its nearest existing ancestor must permit that.
fn finding(directory: &Path, what: &str) -> Option<Finding> {
    let nearest = directory.ancestors().find(|path| path.exists())?;
    let error = access(nearest, AccessFlags::W_OK | AccessFlags::X_OK).err()?;
    let (directory, nearest) = (directory.display(), nearest.display());
    Some(Finding::Problem(format!(
        "cannot write {what} into {directory}: {nearest}: {error}. \
         Let bin/*.SetPermissions.pl or chown give it to the daemon's user"
    )))
}
