//! The PID file, by the original's protocol: the decimal PID without a newline, mode 0660, and a shared lock for the
//! whole run. A daemon runs if and only if a process holds the lock; neither the file's content nor the existence of a
//! process with that number proves it.
//!
//! Perl deletes the file when it believes that no daemon runs. Daemons of this program therefore exclude each other by
//! a lock on a separate file, which is never deleted and which only their user can open.

use std::{
    fs::{self, File, OpenOptions, Permissions, TryLockError},
    io::{self, Read as _, Write as _},
    mem,
    os::{
        fd::{AsRawFd as _, OwnedFd, RawFd},
        unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
    },
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use crate::process::{ends_within, lock_holders::are_strangers, own_file, pidfd};
use anyhow::{Context as _, bail};

/// As the original's, whose group reads the file.
const MODE: u32 = 0o660;
const LOCK_MODE: u32 = 0o600;
/// The poll interval for a daemon that cannot be observed in another way.
const LOOK: Duration = Duration::from_millis(100);

/// Held while the daemon runs.
#[derive(Debug)]
pub(crate) struct PidFile {
    path: PathBuf,
    /// Shared lock, for the original's `status` and `stop`.
    file: File,
    /// Exclusive lock between daemons of this program.
    own: File,
}

/// The result of taking the PID file.
#[derive(Debug)]
pub(crate) enum Taken {
    /// It is this process's now.
    Free(PidFile),
    /// A running daemon of this program or the original; its PID if the file contains it.
    By(Option<i32>),
}

impl PidFile {
    /// Takes the PID file, if no daemon holds it.
    pub(crate) fn take(path: &Path) -> anyhow::Result<Taken> {
        let lock = lock_path(path);
        let own = open(&lock, LOCK_MODE)?;
        if !patiently(|| locks(own.try_lock()))? {
            let shown = lock.display();
            anyhow::ensure!(
                !are_strangers(&own),
                "another user's process holds a lock on {shown}: see /proc/locks; end it, or remove the file"
            );
            return Ok(Taken::By(pid_in(path)));
        }
        Ok(match take_shared(path)? {
            Some(file) => Taken::Free(Self { path: path.to_owned(), file, own }),
            None => Taken::By(pid_in(path)),
        })
    }

    /// Whether both files are still the ones that were created.
    pub(crate) fn is_in_place(&self) -> bool {
        is_at(&self.own, &lock_path(&self.path)) && is_at(&self.file, &self.path)
    }

    /// Creates and locks again what was removed.
    ///
    /// # Errors
    ///
    /// Another daemon has taken the PID file meanwhile, or the files cannot be created.
    pub(crate) fn renew(&mut self) -> anyhow::Result<()> {
        let taken = || format!("another daemon has taken {}", self.path.display());
        if !is_at(&self.own, &lock_path(&self.path)) {
            let own = open(&lock_path(&self.path), LOCK_MODE)?;
            anyhow::ensure!(patiently(|| locks(own.try_lock()))?, taken());
            self.own = own;
        }
        if !is_at(&self.file, &self.path) {
            self.file = take_shared(&self.path)?.with_context(taken)?;
        }
        Ok(())
    }

    /// The descriptors that hold the locks.
    pub(crate) fn descriptors(&self) -> [RawFd; 2] {
        [self.file.as_raw_fd(), self.own.as_raw_fd()]
    }

    /// Takes over the locks that an earlier image of this process held.
    pub(crate) fn adopt(path: &Path, file: OwnedFd, own: OwnedFd) -> Self {
        Self { path: path.to_owned(), file: file.into(), own: own.into() }
    }

    /// The prefix of the name of every run at this path. The path alone may mean another file elsewhere, for example in
    /// another container.
    pub(crate) fn mark(&self) -> io::Result<String> {
        let lock = self.own.metadata()?;
        Ok(format!("{}:{}-{}:", self.path.display(), lock.dev(), lock.ino()))
    }

    /// Deletes the file, as the original does, unless it is another daemon's by now. The locks are released with the
    /// process, so that a caller that waits for its end is not woken early.
    pub(crate) fn release(self) {
        if is_at(&self.file, &self.path) {
            let _ = fs::remove_file(&self.path);
        }
        mem::forget(self);
    }
}

/// The file, with the shared lock and this process's PID in it; `None` if another daemon has it.
fn take_shared(path: &Path) -> anyhow::Result<Option<File>> {
    // Between the check and the lock, Perl may delete the file or start: then try again.
    for _ in 0..10 {
        let file = open(path, MODE)?;
        if !patiently(|| locks(file.try_lock()))? {
            if !are_strangers(&file) {
                return Ok(None);
            }
            // The original would not detect the lock that is shared with that process; in a new file it does.
            fs::remove_file(path)
                .with_context(|| format!("another user's process locks {}", path.display()))?;
            continue;
        }
        // The change from exclusive to shared leaves a moment without a lock; the first process to take it wins.
        if !locks(file.try_lock_shared())? || !is_at(&file, path) {
            continue;
        }
        file.set_len(0)?;
        (&file).write_all(std::process::id().to_string().as_bytes())?;
        return Ok(Some(file));
    }
    bail!("{}: another program keeps replacing this file", path.display())
}

/// Whether a daemon, of this program or the original, is running.
///
/// # Errors
///
/// The files exist but cannot be examined, so the answer is unknown.
pub(crate) fn is_running(path: &Path) -> anyhow::Result<bool> {
    Ok(!matches!(occupant(path)?, Occupant::Nobody))
}

/// The daemon that runs at a path, with its PID if the file contains it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Occupant {
    Nobody,
    Ours(Option<i32>),
    /// The original, which knows only the shared lock.
    Original(Option<i32>),
}

/// Determines which daemon holds the locks.
///
/// # Errors
///
/// As [`is_running`].
pub(crate) fn occupant(path: &Path) -> anyhow::Result<Occupant> {
    // Shared: two processes that check at the same time do not see each other.
    let by_ours = |file: &File| Ok(!locks(file.try_lock_shared())? && !are_strangers(file));
    if look(&lock_path(path), by_ours)? {
        return Ok(Occupant::Ours(pid_in(path)));
    }
    Ok(if look(path, is_held)? { Occupant::Original(pid_in(path)) } else { Occupant::Nobody })
}

/// Whether a daemon locks the PID file.
fn is_held(file: &File) -> io::Result<bool> {
    Ok(!patiently(|| locks(file.try_lock()))? && !are_strangers(file))
}

fn look(path: &Path, is_held: impl Fn(&File) -> io::Result<bool>) -> anyhow::Result<bool> {
    let looked = match open_to_read(path) {
        Ok(file) => is_held(&file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    };
    looked.with_context(|| format!("cannot tell whether a daemon runs: {}", path.display()))
}

/// Whether the lock was taken; a file system that cannot lock is an error, not a daemon.
fn locks(attempt: Result<(), TryLockError>) -> io::Result<bool> {
    match attempt {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// A wait for the end of the daemon that runs now, not of one that starts after it.
#[derive(Debug)]
pub(crate) struct End {
    /// A daemon of this program locks a file that no other user can open.
    lock: Option<File>,
    /// The PID file of the original.
    shared: Option<File>,
    /// Present if the process may be observed.
    process: Option<File>,
}

impl End {
    pub(crate) fn of_daemon(path: &Path) -> anyhow::Result<Self> {
        let open = |path: &Path| match open_to_read(path) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| path.display().to_string()),
        };
        let (lock, shared) = match occupant(path)? {
            Occupant::Nobody => (None, None),
            Occupant::Ours(_) => (open(&lock_path(path))?, None),
            Occupant::Original(_) => (None, open(path)?),
        };
        Ok(Self { lock, shared, process: process_of_holder(path) })
    }

    /// Waits for it. The kernel wakes the caller: the daemon holds its locks as long as it lives, and loses them
    /// shortly before its process is gone.
    pub(crate) fn wait(self) -> anyhow::Result<()> {
        if let Some(lock) = &self.lock {
            lock.lock()?;
        }
        match (self.process, self.shared) {
            (Some(process), _) => ends_within(&process, None).map(drop),
            // A lock to wait for could belong to any user of the group.
            (None, Some(shared)) => {
                while is_held(&shared)? {
                    thread::sleep(LOOK);
                }
                Ok(())
            }
            (None, None) => Ok(()),
        }
    }
}

fn process_of_holder(path: &Path) -> Option<File> {
    // Opened first: all later observations of the process then refer to this one.
    let pid = pid_in(path)?;
    let process = pidfd(pid).ok()?;
    (holder(path) == Some(pid)).then_some(process)
}

/// The process that the file names, if it really has the file open: a number alone may be another process's, or one of
/// another PID name space.
pub(crate) fn holder(path: &Path) -> Option<i32> {
    let pid = pid_in(path)?;
    let file = open_to_read(path).ok()?;
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).ok()?.flatten();
    descriptors.map(|it| it.path()).any(|held| is_at(&file, &held)).then_some(pid)
}

/// The PID in the file; it proves nothing.
pub(crate) fn pid_in(path: &Path) -> Option<i32> {
    let mut text = String::new();
    open_to_read(path).ok()?.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok().filter(|pid| *pid > 0)
}

/// Another process may hold the lock briefly, only to check it.
fn patiently(attempt: impl Fn() -> io::Result<bool>) -> io::Result<bool> {
    for _ in 0..5 {
        if attempt()? {
            return Ok(true);
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(false)
}

fn lock_path(path: &Path) -> PathBuf {
    path.with_extension("lock")
}

fn open(path: &Path, mode: u32) -> anyhow::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(mode);
    let file = own_file::own(path, &mut options)
        .with_context(|| format!("cannot write {}", path.display()))?;
    // Independent of the umask, and of a mode that a program for a help desk's permissions has set.
    let _ = file.set_permissions(Permissions::from_mode(mode));
    Ok(file)
}

fn open_to_read(path: &Path) -> io::Result<File> {
    own_file::plain(path, OpenOptions::new().read(true))
}

fn is_at(file: &File, path: &Path) -> bool {
    let same = || -> io::Result<bool> {
        let (held, named) = (file.metadata()?, fs::metadata(path)?);
        Ok((held.dev(), held.ino()) == (named.dev(), named.ino()))
    };
    same().unwrap_or(false)
}
