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

/// Takes the next dead child, if there is one, after ending what is left of its process group.
///
/// The group is killed while the dead leader still holds the number, so the signal cannot reach a
/// stranger who got it anew.
pub(super) fn reap_next() -> Option<Reaped> {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    loop {
        let pid = match waitid(Id::All, flags) {
            Ok(WaitStatus::Exited(pid, _) | WaitStatus::Signaled(pid, ..)) => pid,
            Err(Errno::EINTR) => continue,
            Ok(_) | Err(_) => return None,
        };
        // Only a leader's number names a group of ours; anything else answers "no such group".
        let _ = killpg(pid, Signal::SIGKILL);
        if let Some(reaped) = collect(pid) {
            return Some(reaped);
        }
    }
}

/// Takes every child that was just killed, so that none is left for others to take. A child that
/// nobody could kill is waited for no longer than a second.
pub(super) fn take_the_rest() {
    for _ in 0..200 {
        while reap_next().is_some() {}
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
        collect(pid);
    }
}

/// `wait4` rather than `waitid`: it alone tells the peak memory of a child.
#[expect(unsafe_code, reason = "nix has no wait4")]
fn collect(pid: Pid) -> Option<Reaped> {
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
