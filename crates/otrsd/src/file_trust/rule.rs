//! The rule for a file or directory: who must own it, and who may write to it.

use std::{
    fs::{File, Metadata},
    io,
    os::unix::fs::MetadataExt as _,
    path::Path,
};

use nix::unistd::geteuid;

use crate::file_trust::mounts;

const GROUP_MAY_WRITE: u32 = 0o020;
const OTHERS_MAY_WRITE: u32 = 0o002;
const STICKY: u32 = 0o1000;

/// The group that may write besides the owner.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Group {
    None,
    /// The daemon's user is its only member.
    Own(u32),
    /// The group of a help desk's web server can write into each of its directories, and into the Perl code that the
    /// daemon's user runs.
    Any,
}

/// The requirements for each step of a path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rule {
    /// The permitted owner besides root. `None`: the first other user on the path, if only root could have put that
    /// step there.
    user: Option<u32>,
    group: Group,
    /// Whether root may have given a directory above to a group, as Ubuntu gives `/var/log` to the group of its log
    /// daemon.
    trusts_groups_of_root: bool,
    /// Whether other users may put files into the directory above.
    is_shared: bool,
}

impl Rule {
    /// For files that only this process's user writes.
    pub(crate) fn own() -> Self {
        Self {
            user: Some(geteuid().as_raw()),
            group: Group::None,
            trusts_groups_of_root: false,
            is_shared: false,
        }
    }

    /// For files that only `user` writes.
    pub(crate) fn of(user: u32) -> Self {
        Self { user: Some(user), ..Self::own() }
    }

    /// For root when it inspects another user's daemon.
    pub(crate) fn of_owner() -> Self {
        Self { user: None, ..Self::own() }
    }

    /// The same rule, but a group may write.
    pub(crate) fn with_group(self, group: Group) -> Self {
        Self { group, ..self }
    }

    /// The same rule, but a group may write where root gave it a directory.
    pub(crate) fn with_groups_of_root(self) -> Self {
        Self { trusts_groups_of_root: true, ..self }
    }

    pub(crate) fn without_groups_of_root(self) -> Self {
        Self { trusts_groups_of_root: false, ..self }
    }

    /// The write bits that count: those of all others, and those of the group unless root's groups are trusted there.
    fn counting(&self, metadata: &Metadata) -> u32 {
        let is_given = self.trusts_groups_of_root && metadata.uid() == 0 && metadata.is_dir();
        if is_given { OTHERS_MAY_WRITE } else { GROUP_MAY_WRITE | OTHERS_MAY_WRITE }
    }

    /// The owner of the steps so far, if it is not root.
    pub(crate) fn user(&self) -> Option<u32> {
        self.user
    }

    /// Checks what was opened by `path`, which contains no links.
    pub(crate) fn judge(&mut self, file: &File, path: &Path) -> io::Result<Metadata> {
        let metadata = file.metadata()?;
        let uid = metadata.uid();
        if self.user.is_none() && uid != 0 && !self.is_shared {
            self.user = Some(uid);
        }
        if let Some(why) = self.refusal(&metadata, file, path) {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
        }
        if metadata.is_dir() {
            self.is_shared = metadata.mode() & self.counting(&metadata) != 0;
        }
        Ok(metadata)
    }

    fn refusal(&self, metadata: &Metadata, file: &File, path: &Path) -> Option<String> {
        let (uid, mode, shown) = (metadata.uid(), metadata.mode(), path.display());
        if uid != 0 && Some(uid) != self.user {
            let hint = if geteuid().is_root() {
                "; if that is the daemon's user, run this as that user"
            } else {
                ""
            };
            return Some(format!(
                "{shown} belongs to user {uid}, not to root or the daemon's user{hint}"
            ));
        }
        let sticky = metadata.is_dir() && mode & STICKY != 0;
        let (refused, remedy) = if [Group::Any, Group::Own(metadata.gid())].contains(&self.group) {
            (OTHERS_MAY_WRITE, "o-w")
        } else {
            (self.counting(metadata), "go-w")
        };
        // The mode of a link is meaningless.
        let may_write = mode & refused != 0 && !sticky && !metadata.is_symlink();
        (may_write && !mounts::is_read_only(file, path))
            .then(|| format!("{shown} can be written by others; chmod {remedy} {shown}"))
    }
}
