//! The PID file, by the original's protocol: the decimal PID without a newline, mode 0660, and a
//! shared lock for life. A daemon runs if and only if somebody holds the lock; what the file says, or
//! whether some process has that number, proves nothing.
//!
//! Perl deletes the file when it thinks that nobody runs. So our daemons exclude each other by a lock
//! on a file of their own, which nobody deletes.

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

use anyhow::{Context as _, bail};
use nix::libc;

use crate::process::{ends_within, pidfd};

const MODE: u32 = 0o660;

/// Held while the daemon runs.
#[derive(Debug)]
pub(crate) struct PidFile {
    path: PathBuf,
    /// Shared lock, for the original's `status` and `stop`.
    file: File,
    /// Exclusive lock, among ourselves.
    own: File,
}

/// Who has the daemon's place.
#[derive(Debug)]
pub(crate) enum Taken {
    /// We, now.
    Free(PidFile),
    /// A running daemon, ours or Perl's; its PID where the file tells it.
    By(Option<i32>),
}

impl PidFile {
    /// Takes the daemon's place, if it is free.
    pub(crate) fn take(path: &Path) -> anyhow::Result<Taken> {
        let own = open(&lock_path(path))?;
        if !patiently(|| locks(own.try_lock()))? {
            return Ok(Taken::By(pid_in(path)));
        }
        Ok(match take_shared(path)? {
            Some(file) => Taken::Free(Self { path: path.to_owned(), file, own }),
            None => Taken::By(pid_in(path)),
        })
    }

    /// Whether both files are where they were made.
    pub(crate) fn is_in_place(&self) -> bool {
        is_at(&self.own, &lock_path(&self.path)) && is_at(&self.file, &self.path)
    }

    /// Makes and locks anew what was removed.
    ///
    /// # Errors
    ///
    /// Another daemon has taken the place meanwhile, or the files cannot be made.
    pub(crate) fn renew(&mut self) -> anyhow::Result<()> {
        let taken = || format!("another daemon has taken {}", self.path.display());
        if !is_at(&self.own, &lock_path(&self.path)) {
            let own = open(&lock_path(&self.path))?;
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

    /// Begins the name of every run at this place. A path alone may mean another file elsewhere: in
    /// another container, say.
    pub(crate) fn mark(&self) -> io::Result<String> {
        let lock = self.own.metadata()?;
        Ok(format!("{}:{}-{}:", self.path.display(), lock.dev(), lock.ino()))
    }

    /// Deletes the file, as the original does, unless it is another's by now. The locks go with the
    /// process: whoever waits for its end is not woken before.
    pub(crate) fn release(self) {
        if is_at(&self.file, &self.path) {
            let _ = fs::remove_file(&self.path);
        }
        mem::forget(self);
    }
}

/// The file, with the shared lock and our number in it; `None` if another daemon has it.
fn take_shared(path: &Path) -> anyhow::Result<Option<File>> {
    // Between our look and our lock Perl may delete the file or start: then look again.
    for _ in 0..10 {
        let file = open(path)?;
        if !patiently(|| locks(file.try_lock()))? {
            return Ok(None);
        }
        // From exclusive to shared there is a moment without a lock; the first process to take it wins.
        if !locks(file.try_lock_shared())? || !is_at(&file, path) {
            continue;
        }
        file.set_len(0)?;
        (&file).write_all(std::process::id().to_string().as_bytes())?;
        return Ok(Some(file));
    }
    bail!("{}: another program keeps replacing this file", path.display())
}

/// Whether a daemon, ours or Perl's, is running.
///
/// # Errors
///
/// The files are there but cannot be looked at: then nobody knows.
pub(crate) fn is_running(path: &Path) -> anyhow::Result<bool> {
    Ok(!matches!(occupant(path)?, Occupant::Nobody))
}

/// Who runs at a place; with the PID where the file tells it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Occupant {
    Nobody,
    Ours(Option<i32>),
    /// Perl's, which knows the shared lock alone.
    Original(Option<i32>),
}

/// Looks who holds the locks.
///
/// # Errors
///
/// As [`is_running`].
pub(crate) fn occupant(path: &Path) -> anyhow::Result<Occupant> {
    // Shared: two who look at the same time do not see each other.
    if look(&lock_path(path), |file| Ok(!locks(file.try_lock_shared())?))? {
        return Ok(Occupant::Ours(pid_in(path)));
    }
    let is_held = look(path, |file| Ok(!patiently(|| locks(file.try_lock()))?))?;
    Ok(if is_held { Occupant::Original(pid_in(path)) } else { Occupant::Nobody })
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

/// The end of the daemon that runs now, not of one that is started after it.
#[derive(Debug)]
pub(crate) struct End {
    locks: Vec<File>,
    /// Where we may look at it.
    process: Option<File>,
}

impl End {
    pub(crate) fn of_daemon(path: &Path) -> anyhow::Result<Self> {
        let mut locks = Vec::new();
        for path in [lock_path(path), path.to_owned()] {
            match open_to_read(&path) {
                Ok(file) => locks.push(file),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error).with_context(|| path.display().to_string()),
            }
        }
        Ok(Self { locks, process: process_of_holder(path) })
    }

    /// Waits for it. The kernel wakes us: the daemon holds its locks as long as it lives, and for a
    /// moment of its dying not any more.
    pub(crate) fn wait(self) -> anyhow::Result<()> {
        // Exclusively: a Perl daemon's lock is a shared one.
        self.locks.iter().try_for_each(File::lock)?;
        self.process.map_or(Ok(()), |process| ends_within(&process, None).map(drop))
    }
}

fn process_of_holder(path: &Path) -> Option<File> {
    // Opened first: what is seen of the process then is of this one.
    let pid = pid_in(path)?;
    let process = pidfd(pid).ok()?;
    (holder(path) == Some(pid)).then_some(process)
}

/// The process that the file tells, if it really has the file open: a number alone may be anybody's,
/// or one of another PID name space.
pub(crate) fn holder(path: &Path) -> Option<i32> {
    let pid = pid_in(path)?;
    let file = open_to_read(path).ok()?;
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).ok()?.flatten();
    descriptors.map(|it| it.path()).any(|held| is_at(&file, &held)).then_some(pid)
}

/// The PID that the file tells; it proves nothing.
pub(crate) fn pid_in(path: &Path) -> Option<i32> {
    let mut text = String::new();
    open_to_read(path).ok()?.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok().filter(|pid| *pid > 0)
}

/// Another process may hold the lock for a moment, only to look.
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

fn open(path: &Path) -> anyhow::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(MODE);
    let file =
        plain(&mut options, path).with_context(|| format!("cannot write {}", path.display()))?;
    // The umask does not count: the original's group reads the file.
    let _ = file.set_permissions(Permissions::from_mode(MODE));
    Ok(file)
}

fn open_to_read(path: &Path) -> io::Result<File> {
    plain(OpenOptions::new().read(true), path)
}

/// A link would let others choose which file is emptied, a FIFO would make us wait.
fn plain(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let file = match options.custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path) {
        Err(error) if error.raw_os_error() == Some(libc::ELOOP) => {
            return Err(io::Error::other("a symbolic link is not followed here"));
        }
        file => file?,
    };
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("no plain file")) }
}

fn is_at(file: &File, path: &Path) -> bool {
    let same = || -> io::Result<bool> {
        let (held, named) = (file.metadata()?, fs::metadata(path)?);
        Ok((held.dev(), held.ino()) == (named.dev(), named.ino()))
    };
    same().unwrap_or(false)
}
