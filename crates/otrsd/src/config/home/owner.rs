//! Perl of an installation never runs as root: its authors would be root.

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

/// What makes a directory an installation; its owner is the installation's user.
const CONFIG: &str = "Kernel/Config.pm";
const KERNEL: &str = "Kernel";
const CALL: &str = "call this as the help desk's user, as with runuser --user otrs -- otrsd …";

/// Whom root became.
static LEFT_ROOT: OnceLock<Identity> = OnceLock::new();

/// The user that root became, whose programs get nothing of root's environment.
pub(crate) fn left_root() -> Option<&'static Identity> {
    LEFT_ROOT.get()
}

impl Home {
    /// Makes root the installation's user, with its groups and without capabilities, for the rest of this process. Others
    /// stay who they are.
    ///
    /// # Errors
    ///
    /// It belongs to root: then nothing says who its user is.
    pub(crate) fn leave_root(&self) -> anyhow::Result<()> {
        if !geteuid().is_root() {
            return Ok(());
        }
        let shown = self.directory.join(CONFIG);
        let shown = shown.display();
        let (uid, gid) = match self.owner() {
            Ok(owner) => owner,
            // Told by who reads it.
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
        // From root to another user, the kernel takes all capabilities. Nothing of root's is in this process yet, so that
        // its user's own files in /proc can be its user's; but that user could type into root's terminal.
        owner
            .assume()
            .and_then(|()| set_dumpable(File::open("/dev/tty").is_err()))
            .with_context(|| format!("cannot become the owner of {shown}, user {uid}"))?;
        let _ = LEFT_ROOT.set(owner);
        Ok(())
    }

    /// Whose the installation is, by its file and all directories above it: by a link, or in a directory of another, a user
    /// could have what is not theirs taken for theirs, or exchange it afterwards.
    fn owner(&self) -> nix::Result<(u32, u32)> {
        let inside = OFlag::O_PATH | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
        let found = stat(&self.directory.join(CONFIG))?;
        if found.st_uid == 0 {
            return Ok((0, 0));
        }
        // Its web server's group writes into it.
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
