//! The waits for child processes, own and adopted; no other code waits for children.

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

use crate::process::exit::End;

/// A child that is gone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reaped {
    pub(crate) pid: i32,
    pub(crate) end: End,
    /// Largest resident size of the process, or of a descendant that it waited for.
    pub(crate) peak_rss_kb: u64,
    /// Processor time of the process and of the descendants that it waited for.
    pub(crate) cpu: Duration,
}

/// The next dead child, if there is one. Its PID stays reserved until it is taken.
pub(crate) fn next_dead() -> Option<Pid> {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    loop {
        match waitid(Id::All, flags) {
            Ok(WaitStatus::Exited(pid, _) | WaitStatus::Signaled(pid, ..)) => return Some(pid),
            Err(Errno::EINTR) => {}
            Ok(_) | Err(_) => return None,
        }
    }
}

/// Kills what is left of the process group of a dead leader that was not taken yet: while the leader reserves the
/// number, the signal cannot reach an unrelated process.
pub(crate) fn end_group(leader: Pid) {
    let _ = killpg(leader, Signal::SIGKILL);
}

/// Takes every child that was just killed, so that none is left for other code to take. Waits no longer than a second
/// for a child that could not be killed.
pub(crate) fn take_the_rest() {
    for _ in 0..200 {
        while next_dead().and_then(take).is_some() {}
        if waitid(Id::All, WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG) == Err(Errno::ECHILD) {
            return;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Kills a child and takes it.
pub(crate) fn end(pid: i32) {
    let pid = Pid::from_raw(pid);
    if kill(pid, Signal::SIGKILL).is_ok() {
        take(pid);
    }
}

/// Takes a dead child, or waits for its death.
///
/// It uses `wait4` rather than `waitid`, because only `wait4` reports a child's peak memory.
#[expect(unsafe_code, reason = "nix has no wait4")]
pub(crate) fn take(pid: Pid) -> Option<Reaped> {
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
    let cpu = duration(usage.ru_utime) + duration(usage.ru_stime);
    (pid > 0).then_some(Reaped { pid, end, peak_rss_kb, cpu })
}

fn duration(time: libc::timeval) -> Duration {
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::from_secs(seconds) + Duration::from_micros(time.tv_usec.unsigned_abs())
}
