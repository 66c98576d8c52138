//! The user of an installation. Its Perl code never runs as root, because its authors would then be root.

use std::{fs::File, sync::OnceLock};

use anyhow::{Context as _, bail};
use nix::{
    errno::Errno,
    fcntl::{OFlag, openat},
    sys::{
        prctl::set_dumpable,
        stat::{Mode, fstat, stat},
    },
    unistd::{Gid, Uid, geteuid},
};

use crate::{
    config::home::Home,
    file_trust::{self, Group, Rule},
    process::Identity,
};

/// The file that makes a directory an installation; its owner is the installation's user.
const CONFIG: &str = "Kernel/Config.pm";
const KERNEL: &str = "Kernel";
const CALL: &str = "call this as the help desk's user, as with runuser --user otrs -- otrsd …";

/// The user that root became.
static LEFT_ROOT: OnceLock<Identity> = OnceLock::new();

/// The user that root became; its programs get nothing of root's environment.
pub(crate) fn left_root() -> Option<&'static Identity> {
    LEFT_ROOT.get()
}

impl Home {
    /// Switches from root to the installation's user, with its groups and without capabilities, for the rest of this
    /// process. Processes of other users do not change.
    ///
    /// # Errors
    ///
    /// The installation belongs to root: then its user is unknown.
    pub(crate) fn leave_root(&self) -> anyhow::Result<()> {
        if !geteuid().is_root() {
            return Ok(());
        }
        let shown = self.directory.join(CONFIG);
        let shown = shown.display();
        let (uid, gid) = match self.owner() {
            Ok(owner) => owner,
            // The caller that reads the installation reports it.
            Err(Errno::ENOENT) => return Ok(()),
            Err(_) => bail!(
                "{shown} is reached by a link, or by directories that another user than its own has or can write, and \
                 Perl of a help desk is not run as root: {CALL}"
            ),
        };
        if uid == 0 {
            bail!("{shown} belongs to root, and Perl of a help desk is not run as root: {CALL}");
        }
        let owner = Identity::of_owner(Uid::from_raw(uid), Gid::from_raw(gid))?;
        // On the change from root to another user, the kernel drops all capabilities. The process holds no secret of
        // root yet, so its files in /proc may belong to its user; but with root's terminal, that user could inject
        // input.
        owner
            .assume()
            .and_then(|()| set_dumpable(File::open("/dev/tty").is_err()))
            .with_context(|| format!("cannot become the owner of {shown}, user {uid}"))?;
        let _ = LEFT_ROOT.set(owner);
        Ok(())
    }

    /// The owner of the installation, by its file and all directories above it: through a link, or in a directory of
    /// another user, a file of another user could be presented as the owner's, or be exchanged later.
    fn owner(&self) -> nix::Result<(u32, u32)> {
        let inside = OFlag::O_PATH | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
        let found = stat(&self.directory.join(CONFIG))?;
        if found.st_uid == 0 {
            return Ok((0, 0));
        }
        // The group of its web server writes to it.
        let rule = Rule::of(found.st_uid).with_group(Group::Any);
        let home = file_trust::directory(&self.directory, rule).map_err(|_| Errno::EACCES)?;
        let home = home.ok_or(Errno::ENOENT)?;
        let kernel = openat(&home, KERNEL, inside | OFlag::O_DIRECTORY, Mode::empty())?;
        let config = fstat(openat(&kernel, "Config.pm", inside, Mode::empty())?)?;
        let is_alike =
            config.st_uid == found.st_uid && [0, config.st_uid].contains(&fstat(kernel)?.st_uid);
        if is_alike { Ok((config.st_uid, config.st_gid)) } else { Err(Errno::EACCES) }
    }
}
