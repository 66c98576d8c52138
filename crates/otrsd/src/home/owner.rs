//! Perl of an installation never runs as root: its authors would be root.

use std::{fs, os::unix::fs::MetadataExt as _};

use anyhow::{Context as _, bail};
use nix::{
    sys::prctl::set_dumpable,
    unistd::{Gid, Uid, geteuid},
};

use super::Home;
use crate::process::Identity;

/// What makes a directory an installation; its owner is the installation's user.
const CONFIG: &str = "Kernel/Config.pm";

impl Home {
    /// Makes root the installation's user, with its groups and without capabilities, for the rest of this process. Others
    /// stay who they are.
    ///
    /// # Errors
    ///
    /// It belongs to root: then nothing says who its user is.
    pub(crate) fn leave_root(&self) -> anyhow::Result<()> {
        let file = self.directory.join(CONFIG);
        // A link's own: who made it chose what it leads to. What is missing is told by who reads it.
        let Ok(config) = fs::symlink_metadata(&file) else { return Ok(()) };
        if !geteuid().is_root() {
            return Ok(());
        }
        let shown = file.display();
        if config.uid() == 0 {
            bail!(
                "{shown} belongs to root, and Perl of a help desk is not run as root: call this as the help desk's \
                 user, as with runuser --user otrs -- otrsd …"
            );
        }
        let owner = Identity::of_owner(Uid::from_raw(config.uid()), Gid::from_raw(config.gid()))?;
        // From root to another user, the kernel takes all capabilities. Nothing of root's is in this process yet, so that
        // its user's own files in /proc can be its user's.
        owner
            .assume()
            .and_then(|()| set_dumpable(true))
            .with_context(|| format!("cannot become the owner of {shown}, user {}", config.uid()))
    }
}
