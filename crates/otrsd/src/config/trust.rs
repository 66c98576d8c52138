//! Who may have written a file that names programs to run.
//!
//! A registration with `Command`, `User` and the like is a shell for whoever can write it. Hence the
//! file and every directory above it belong to root or to the daemon's user, and nobody else may
//! write them. A directory with the sticky bit, like `/tmp`, is fine: others cannot replace in it
//! what is not theirs. So is one of a mode for everybody that is mounted read-only, as Kubernetes
//! does it with settings: no user can write it (`mounts.rs`).

use std::{fs, os::unix::fs::MetadataExt as _, path::Path};

use nix::unistd::geteuid;

use super::mounts;

const OTHERS_MAY_WRITE: u32 = 0o022;
const STICKY: u32 = 0o1000;

/// Says why `file` must not name programs to run.
pub(super) fn refusal(file: &Path) -> Option<String> {
    let file = match file.canonicalize() {
        Ok(file) => file,
        Err(error) => return Some(format!("{}: {error}", file.display())),
    };
    file.ancestors().find_map(|path| {
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) => return Some(format!("{}: {error}", path.display())),
        };
        let (uid, mode) = (metadata.uid(), metadata.mode());
        let shown = path.display();
        if uid != 0 && uid != geteuid().as_raw() {
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
        let may_write = mode & OTHERS_MAY_WRITE != 0 && !sticky;
        (may_write && !mounts::is_read_only(path))
            .then(|| format!("{shown} can be written by others; chmod go-w {shown}"))
    })
}
