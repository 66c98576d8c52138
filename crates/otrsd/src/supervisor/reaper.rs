//! The one place that waits for children, own and adopted.

use std::{mem::MaybeUninit, thread, time::Duration};

use nix::{
    errno::Errno,
    libc,
    sys::{
        signal::{Signal, kill, killpg},
        wait::{Id, WaitPidFlag, WaitStatus, waitid},
    },
    unistd::Pid,
};

use super::exit::End;

/// A child that is gone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reaped {
    pub(super) pid: i32,
    pub(super) end: End,
    /// Largest resident size of the process, or of a descendant that it waited for.
    pub(super) peak_rss_kb: u64,
}

/// The next dead child, if there is one. It keeps its number until it is taken.
pub(super) fn next_dead() -> Option<Pid> {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    loop {
        match waitid(Id::All, flags) {
            Ok(WaitStatus::Exited(pid, _) | WaitStatus::Signaled(pid, ..)) => return Some(pid),
            Err(Errno::EINTR) => {}
            Ok(_) | Err(_) => return None,
        }
    }
}

/// Ends what is left of the group of a dead leader that was not taken yet: while it holds the
/// number, the signal cannot reach a stranger.
pub(super) fn end_group(leader: Pid) {
    let _ = killpg(leader, Signal::SIGKILL);
}

/// Takes every child that was just killed, so that none is left for others to take. A child that
/// nobody could kill is waited for no longer than a second.
pub(super) fn take_the_rest() {
    for _ in 0..200 {
        while next_dead().and_then(take).is_some() {}
        if waitid(Id::All, WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG) == Err(Errno::ECHILD) {
            return;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Kills a child and takes it.
pub(super) fn end(pid: i32) {
    let pid = Pid::from_raw(pid);
    if kill(pid, Signal::SIGKILL).is_ok() {
        take(pid);
    }
}

/// Takes a dead child, or waits for its death.
///
/// `wait4` rather than `waitid`: it alone tells the peak memory of a child.
#[expect(unsafe_code, reason = "nix has no wait4")]
pub(super) fn take(pid: Pid) -> Option<Reaped> {
    let mut status = 0;
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: both pointers are valid for writing; rusage is plain data, and zeroed is a value of it.
    let (pid, usage) = unsafe {
        (libc::wait4(pid.as_raw(), &raw mut status, 0, usage.as_mut_ptr()), usage.assume_init())
    };
    let end = if libc::WIFSIGNALED(status) {
        End::Signal(libc::WTERMSIG(status))
    } else {
        End::Code(libc::WEXITSTATUS(status))
    };
    let peak_rss_kb = u64::try_from(usage.ru_maxrss).unwrap_or_default();
    (pid > 0).then_some(Reaped { pid, end, peak_rss_kb })
}
