//! The common setup of all child processes, whichever part starts them.

use std::{
    env,
    ffi::{CString, OsString},
    fs::{self, File},
    io,
    os::{
        fd::{AsFd as _, FromRawFd as _, RawFd},
        unix::fs::MetadataExt as _,
    },
    path::PathBuf,
    time::Duration,
};

use nix::{
    errno::Errno,
    libc,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        prctl::{set_no_new_privs, set_pdeathsig},
        resource::{Resource, getrlimit, setrlimit},
        signal::Signal,
    },
    unistd::{Gid, Pid, Uid, User, getgrouplist, getppid, setgroups, setresgid, setresuid, setsid},
};

pub(crate) mod exit;
pub(crate) mod lock_holders;
pub(crate) mod marks;
pub(crate) mod output;
pub(crate) mod own_file;
pub(crate) mod pid_file;
pub(crate) mod reaper;
pub(crate) mod sd_notify;
pub(crate) mod socket;
pub(crate) mod sweep;
pub(crate) mod watch;

use crate::clock;

/// The environment variables that another user's process keeps, besides those that begin with `LC_`; all others may be
/// secret.
const KEPT: [&str; 4] = ["LANG", "LANGUAGE", "PATH", "TZ"];

/// Changing to a user takes `CAP_SETGID` and `CAP_SETUID`, ending its processes `CAP_KILL`: the bits of all three.
const TO_CHANGE: u64 = 1 << 5 | 1 << 6 | 1 << 7;

/// The user that a module or a task's command runs as.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Identity {
    uid: Uid,
    gid: Gid,
    groups: Vec<Gid>,
    name: String,
    home: PathBuf,
}

impl Identity {
    pub(crate) fn of(name: &str) -> io::Result<Self> {
        let user = User::from_name(name)?
            .ok_or_else(|| io::Error::other(format!("there is no user '{name}'")))?;
        let groups = getgrouplist(&CString::new(name)?, user.gid)?;
        Ok(Self { uid: user.uid, gid: user.gid, groups, name: user.name, home: user.dir })
    }

    /// The user that a setting names.
    ///
    /// # Errors
    ///
    /// This process may not change to another user, or there is no user of that name.
    pub(crate) fn asked(name: &str) -> Result<Self, String> {
        Self::check_rights()?;
        Self::of(name).map_err(|error| format!("'User': {error}"))
    }

    /// Checks whether this process may change to other users and end their processes. In a container even root may lack
    /// these rights.
    pub(crate) fn check_rights() -> Result<(), String> {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
        let effective = effective.and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok());
        if effective.unwrap_or_default() & TO_CHANGE == TO_CHANGE {
            return Ok(());
        }
        Err("'User' needs a daemon started by root, or with CAP_SETUID, CAP_SETGID and CAP_KILL"
            .into())
    }

    /// The owner of a file. An owner without an entry gets the file's group.
    pub(crate) fn of_owner(uid: Uid, gid: Gid) -> io::Result<Self> {
        if let Some(user) = User::from_uid(uid)? {
            return Self::of(&user.name);
        }
        let (groups, name, home) = (vec![gid], uid.to_string(), PathBuf::from("/"));
        Ok(Self { uid, gid, groups, name, home })
    }

    /// The complete environment for a program of this user, taken from the environment of this process.
    pub(crate) fn environment(&self) -> impl Iterator<Item = (OsString, OsString)> {
        let is_kept = |name: &OsString| {
            name.to_str().is_some_and(|name| KEPT.contains(&name) || name.starts_with("LC_"))
        };
        let name = OsString::from(&self.name);
        let own = [("HOME", self.home.clone().into()), ("USER", name.clone()), ("LOGNAME", name)];
        let own = own.map(|(variable, value)| (variable.into(), value));
        env::vars_os().filter(move |(name, _)| is_kept(name)).chain(own)
    }

    /// Called between fork and exec. The ambient capabilities of a daemon that is not root would otherwise remain.
    pub(crate) fn assume(&self) -> nix::Result<()> {
        drop_ambient()?;
        setgroups(&self.groups)?;
        setresgid(self.gid, self.gid, self.gid)?;
        setresuid(self.uid, self.uid, self.uid)
    }
}

/// Prevents core dumps of this process, since settings are in its memory. Its children may raise their own limit.
pub(crate) fn write_no_core() -> nix::Result<()> {
    let (_, most) = getrlimit(Resource::RLIMIT_CORE)?;
    setrlimit(Resource::RLIMIT_CORE, 0, most)
}

/// The changes of a process's privileges before it executes a program.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) user: Option<Identity>,
    /// Whether the program, and what it starts, may gain privileges.
    pub(crate) new_privileges: bool,
}

impl Change {
    /// Called between fork and exec.
    pub(crate) fn make(&self) -> nix::Result<()> {
        if let Some(user) = &self.user {
            user.assume()?;
        }
        if self.new_privileges { Ok(()) } else { set_no_new_privs() }
    }
}

/// An executed program then has only the capabilities of its file.
#[expect(unsafe_code, reason = "nix has no ambient capabilities")]
fn drop_ambient() -> nix::Result<()> {
    // SAFETY: the call takes numbers alone.
    let result =
        unsafe { libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) };
    Errno::result(result).map(drop)
}

/// Called between fork and exec: the kernel kills the child when `parent`'s thread that started it ends. It must be the
/// last step, because changing the user clears the setting; the parent may have died before.
pub(crate) fn die_with(parent: Pid) -> nix::Result<()> {
    set_pdeathsig(Signal::SIGKILL)?;
    if getppid() == parent { Ok(()) } else { Err(Errno::ESRCH) }
}

/// Called between fork and exec: detaches from the caller's terminal and from the descriptors that it left open. A
/// program of another user could type into the terminal and read the descriptors.
pub(crate) fn leave_caller() -> nix::Result<()> {
    setsid()?;
    keep_descriptors();
    Ok(())
}

/// Marks the caller's open descriptors so that no executed program inherits them.
#[expect(unsafe_code, reason = "nix has no close_range")]
fn keep_descriptors() {
    // SAFETY: no descriptor is closed; each is marked.
    unsafe {
        libc::syscall(libc::SYS_close_range, 3, u32::MAX, libc::CLOSE_RANGE_CLOEXEC);
    }
}

/// Whether a process belongs to that user, and was not started as a setuid program by another user: the arguments and
/// descriptors of a setuid program come from its caller.
pub(crate) fn is_of(pid: i32, uid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let all = status.lines().find_map(|line| line.strip_prefix("Uid:")).unwrap_or_default();
    let mut all = all.split_whitespace().peekable();
    // A process that cannot be inspected belongs to another user or to this one.
    let program = fs::metadata(format!("/proc/{pid}/exe"));
    let changes_user = program.is_ok_and(|it| it.mode() & libc::S_ISUID != 0);
    all.peek().is_some() && all.all(|it| it.parse() == Ok(uid)) && !changes_user
}

/// A descriptor that becomes readable when the process is dead.
#[expect(unsafe_code, reason = "nix has no pidfd_open")]
pub(crate) fn pidfd(pid: i32) -> io::Result<File> {
    // SAFETY: the call takes two numbers, and the returned descriptor is not owned elsewhere.
    unsafe {
        let number = libc::syscall(libc::SYS_pidfd_open, pid, 0);
        match RawFd::try_from(number) {
            Ok(number) if number >= 0 => Ok(File::from_raw_fd(number)),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

/// Waits until the process behind a [`pidfd`] is dead, but no longer than `longest`, if given; whether it is dead.
/// Interruptions by signals do not count.
pub(crate) fn ends_within(process: &File, longest: Option<Duration>) -> anyhow::Result<bool> {
    let until = longest.map(|longest| clock::now() + longest);
    loop {
        let rest =
            until.map(|until| PollTimeout::try_from(until.since(clock::now()))).transpose()?;
        let mut ends = [PollFd::new(process.as_fd(), PollFlags::POLLIN)];
        match poll(&mut ends, rest.unwrap_or(PollTimeout::NONE)) {
            Err(Errno::EINTR) => {}
            ended => return Ok(ended? > 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
        process::{Command, id},
    };

    use nix::unistd::geteuid;

    use super::*;

    #[test]
    fn a_setuid_program_is_not_its_owners() {
        let (own, uid) = (i32::try_from(id()).unwrap(), geteuid().as_raw());
        assert!(is_of(own, uid) && !is_of(own, uid + 1) && !is_of(i32::MAX, uid));
        if uid != 0 {
            return;
        }
        let directory = tempfile::tempdir().unwrap();
        let mode = |path: &std::path::Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        mode(directory.path(), 0o755);
        let program = directory.path().join("sleep");
        fs::copy("/bin/sleep", &program).unwrap();
        mode(&program, 0o4755);
        let mut child = Command::new(&program).arg("60").uid(4711).gid(4711).spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        assert_eq!(fs::metadata(format!("/proc/{pid}")).unwrap().uid(), 0);
        assert!(!is_of(pid, 0) && !is_of(pid, 4711));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
