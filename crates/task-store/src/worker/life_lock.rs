//! Which workers on a file of SQLite live. All are processes of one machine, so the kernel knows: each locks a byte of
//! a file beside the database, and the lock ends with its process, neither sooner nor later. While it is held, a file
//! that another program keeps locked for minutes does not make a worker look dead.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc;

use crate::model::lock_key::Owner;
use crate::store::Store;

/// Held by a living worker.
#[derive(Debug)]
pub struct LifeLock {
    file: File,
    path: PathBuf,
}

impl Store {
    /// Locks an instance's life, until the answer is dropped. `None` on a server, whose workers may be on other
    /// hosts, and where the file system has no such locks.
    pub fn lock_life(&self, owner: Owner) -> Option<LifeLock> {
        let database = self.pools().sqlite_file()?;
        let path = beside(&database);
        let file = make(&path, &database).ok()?;
        fcntl(&file, FcntlArg::F_OFD_SETLK(&byte(owner))).ok()?;
        Some(LifeLock { file, path })
    }

    /// Whether the kernel says that an instance lives. So it is, too, where the file cannot be read: no node may take
    /// tasks from a worker that may live. `None` on a server: the kernel does not know all its workers.
    pub fn has_locked_life(&self, owner: Owner) -> Option<bool> {
        let database = self.pools().sqlite_file()?;
        let file = match plain(OpenOptions::new().read(true), &beside(&database)) {
            Ok(file) => file,
            Err(error) => return Some(error.kind() != ErrorKind::NotFound),
        };
        let mut lock = byte(owner);
        let asked = fcntl(&file, FcntlArg::F_OFD_GETLK(&mut lock));
        Some(asked.is_ok() && i32::from(lock.l_type) != libc::F_UNLCK)
    }
}

impl LifeLock {
    /// Whether others can see it: its file may have been deleted.
    pub fn is_visible(&self) -> bool {
        let identity = |it: fs::Metadata| (it.dev(), it.ino());
        let there = fs::metadata(&self.path).map(identity);
        matches!((there, self.file.metadata().map(identity)), (Ok(there), Ok(ours)) if there == ours)
    }
}

fn beside(database: &Path) -> PathBuf {
    let mut name = OsString::from(database);
    name.push("-workers");
    PathBuf::from(name)
}

/// With the rights of the database's file, as SQLite makes its own.
fn make(path: &Path, database: &Path) -> std::io::Result<File> {
    let model = fs::metadata(database)?;
    let mut options = OpenOptions::new();
    let file = plain(options.read(true).write(true).create(true).mode(0o600), path)?;
    // Refused where they are another user's, and right already.
    let _ = fchown(&file, Some(model.uid()), Some(model.gid()));
    let _ = file.set_permissions(fs::Permissions::from_mode(model.mode() & 0o666));
    Ok(file)
}

/// What else lies there is not followed or waited for.
fn plain(options: &mut OpenOptions, path: &Path) -> std::io::Result<File> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let file = options.custom_flags(flags.bits()).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(ErrorKind::InvalidInput.into()) }
}

/// The byte of an instance.
fn byte(owner: Owner) -> libc::flock {
    libc::flock {
        l_type: libc::c_short::try_from(libc::F_WRLCK).unwrap_or_default(),
        l_whence: libc::c_short::try_from(libc::SEEK_SET).unwrap_or_default(),
        l_start: owner.key(),
        l_len: 1,
        l_pid: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Options;

    #[tokio::test]
    async fn a_life_is_locked_as_long_as_it_lasts() {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("tasks.db");
        fs::write(&database, "").unwrap();
        let open = || Store::connect(&format!("sqlite:{}", database.display()), Options::default());
        let (store, other) = (open().unwrap(), open().unwrap());
        let [first, second] =
            [1, 2].map(|number| Owner::new(number, crate::FIRST_INSTANCE).unwrap());
        assert_eq!(other.has_locked_life(first), Some(false), "there is no file");
        let life = store.lock_life(first).unwrap();
        assert!(store.lock_life(first).is_none(), "it is one's alone");
        assert_eq!([first, second].map(|it| other.has_locked_life(it)), [Some(true), Some(false)]);
        assert!(life.is_visible());
        fs::remove_file(beside(&database)).unwrap();
        assert!(!life.is_visible());
        let again = store.lock_life(first).unwrap();
        drop(again);
        assert_eq!(other.has_locked_life(first), Some(false));
        // What cannot be looked at is not known.
        fs::remove_file(beside(&database)).unwrap();
        std::os::unix::fs::symlink("tasks.db-workers", beside(&database)).unwrap();
        assert_eq!(other.has_locked_life(second), Some(true));
    }

    #[tokio::test]
    async fn a_server_has_workers_elsewhere() {
        let store = Store::connect("postgres://localhost/none", Options::default()).unwrap();
        let owner = Owner::new(1, crate::FIRST_INSTANCE).unwrap();
        assert!(store.lock_life(owner).is_none() && store.has_locked_life(owner).is_none());
    }
}
