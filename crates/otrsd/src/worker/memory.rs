//! `MemoryMax` of a task type: the kernel refuses a process any memory beyond its limit.
//!
//! Neither the worker nor another process has to watch it, and the machine never comes near its own limit. Most
//! programs fail at such a refusal, each with its own message. The message, or the memory used, distinguishes this
//! failure from others.

use std::ptr;

use nix::{
    errno::Errno,
    libc,
    sys::resource::{Resource, setrlimit},
    unistd::Pid,
};

use super::outcome::Ending;
use crate::logs;

/// The messages by which programs of several languages report a refusal, in lower case.
const WORDS: [&str; 6] = [
    "out of memory",
    "cannot allocate memory",
    "memoryerror",
    "bad_alloc",
    "memory allocation of",
    "memory exhausted",
];

/// Limits the calling process and what it will start. Called between fork and exec.
pub(super) fn limit(most: Option<u64>) -> nix::Result<()> {
    most.map_or(Ok(()), |most| setrlimit(Resource::RLIMIT_DATA, most, most))
}

/// Limits another process, and what it will start.
#[expect(unsafe_code, reason = "nix has no prlimit")]
pub(super) fn limit_of(pid: Pid, most: Option<u64>) {
    let Some(most) = most else { return };
    let limit = libc::rlimit { rlim_cur: most, rlim_max: most };
    // SAFETY: the limit is read only, and the earlier one is not asked for.
    let result = unsafe {
        libc::prlimit(pid.as_raw(), libc::RLIMIT_DATA, &raw const limit, ptr::null_mut())
    };
    match Errno::result(result) {
        // A dead process uses no more memory.
        Ok(_) | Err(Errno::ESRCH) => {}
        Err(error) => logs::warn(&format!(
            "the memory of process {pid}, which runs a task, cannot be limited to {}: {error}",
            amount(most)
        )),
    }
}

/// The meaning of an ending under a limit, where the largest of the processes used `peak_kb`: a failure that reached
/// the limit, or mentions memory, is a failure of the task, and recurs at every attempt.
pub(super) fn told_apart(ending: Ending, limit: Option<u64>, peak_kb: Option<u64>) -> Ending {
    let (Ending::Failed(why) | Ending::Crashed(why), Some(most)) = (&ending, limit) else {
        return ending;
    };
    // Code and shared memory do not count, but in a process that uses this much they are insignificant.
    let is_full = peak_kb.is_some_and(|peak| peak >= (most >> 10) / 10 * 9);
    let words = why.to_lowercase();
    if is_full || WORDS.iter().any(|word| words.contains(word)) {
        let most = amount(most);
        return Ending::Failed(format!("above its memory limit of {most} (MemoryMax): {why}"));
    }
    ending
}

/// A number of bytes in the largest unit that divides it, for messages.
fn amount(bytes: u64) -> String {
    let units = [(30, "GB"), (20, "MB"), (10, "kB")];
    let whole = units.into_iter().find(|(shift, _)| bytes.trailing_zeros() >= *shift);
    whole.map_or_else(
        || format!("{bytes} bytes"),
        |(shift, unit)| format!("{} {unit}", bytes >> shift),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_under_a_limit() {
        let failed = |why: &str| Ending::Failed(why.to_owned());
        let crashed = |why: &str| Ending::Crashed(why.to_owned());
        let above = |why| failed(&format!("above its memory limit of 1 GB (MemoryMax): {why}"));
        let most = Some(1 << 30);
        for (ending, limit, peak_kb, expected) in [
            (failed("exit 1: Out of memory!"), most, None, above("exit 1: Out of memory!")),
            (failed("exit 1: Out of memory!"), None, None, failed("exit 1: Out of memory!")),
            (failed("exit 1: MemoryError"), most, Some(9), above("exit 1: MemoryError")),
            (crashed("signal 6: std::bad_alloc"), most, None, above("signal 6: std::bad_alloc")),
            (crashed("signal 11"), most, Some(1_000_000), above("signal 11")),
            (crashed("signal 11"), most, Some(900_000), crashed("signal 11")),
            (crashed("signal 11"), most, None, crashed("signal 11")),
            (failed("exit 1"), most, Some(1_000_000), above("exit 1")),
            (Ending::Success, most, Some(1_000_000), Ending::Success),
        ] {
            assert_eq!(told_apart(ending.clone(), limit, peak_kb), expected, "{ending:?}");
        }
    }

    #[test]
    fn amounts() {
        for (bytes, text) in
            [(2 << 30, "2 GB"), (200 << 20, "200 MB"), (5 << 10, "5 kB"), (1000, "1000 bytes")]
        {
            assert_eq!(amount(bytes), text);
        }
    }
}
