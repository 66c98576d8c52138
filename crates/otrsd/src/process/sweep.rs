//! The sweep of processes that no other mechanism reaches: descendants that left their session.
//!
//! Every process of a run has marks in its environment, and so have its descendants, whatever session, parent or user
//! they moved to. A process that also replaced its environment is not found; only a cgroup would contain it.

use std::{collections::BTreeSet, fs, thread, time::Duration};

use nix::{
    errno::Errno,
    sys::signal::{Signal, kill},
    unistd::{Pid, getpid},
};

use crate::process::marks::RUN;

/// Kills every process of a run whose mark satisfies `is_meant`, until none is left.
pub(crate) fn run(is_meant: impl Fn(&str) -> bool) -> usize {
    let mut killed = BTreeSet::new();
    // A process may fork while the list is read: repeat until none is found.
    for _ in 0..100 {
        let found = all_pids().filter(|pid| mark(*pid, RUN).is_some_and(|run| is_meant(&run)));
        let found: Vec<i32> = found.filter(|pid| end(*pid)).collect();
        if found.is_empty() {
            break;
        }
        killed.extend(found);
        thread::sleep(Duration::from_millis(5));
    }
    killed.len()
}

/// Kills the adopted children, except leaders, whose mark belongs to something that is over. Their own children are
/// adopted by this process when they die, so this is called again for each dead stray.
pub(crate) fn strays(
    mark: impl Fn(i32) -> Option<String>,
    is_leader: impl Fn(i32) -> bool,
    is_over: impl Fn(&str) -> bool,
) {
    for pid in children().into_iter().filter(|pid| !is_leader(*pid)) {
        if mark(pid).is_some_and(|mark| is_over(&mark)) {
            end(pid);
        }
    }
}

fn end(pid: i32) -> bool {
    match kill(Pid::from_raw(pid), Signal::SIGKILL) {
        Ok(()) => true,
        Err(Errno::ESRCH) => false,
        Err(error) => {
            tracing::error!("cannot end process {pid} of an earlier run: {error}");
            false
        }
    }
}

/// The value of a variable in a process's initial environment; `None` also for a zombie.
pub(crate) fn mark(pid: i32, variable: &str) -> Option<String> {
    let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let mut entries = environment.split(|byte| *byte == 0);
    let value = entries.find_map(|entry| {
        entry.strip_prefix(variable.as_bytes()).and_then(|rest| rest.strip_prefix(b"="))
    })?;
    Some(String::from_utf8_lossy(value).into_owned())
}

/// The word after `title` in a process's title. A forked copy that executed nothing still has the environment of its
/// parent.
pub(crate) fn mark_in_title(pid: i32, title: &str) -> Option<String> {
    let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let line = String::from_utf8_lossy(&line);
    line.strip_prefix(title)?.split_ascii_whitespace().next().map(str::to_owned)
}

fn all_pids() -> impl Iterator<Item = i32> {
    let own = getpid().as_raw();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(move |pid| *pid != own)
}

/// The children of this process; only its main thread has any.
fn children() -> Vec<i32> {
    let own = getpid();
    let list = fs::read_to_string(format!("/proc/{own}/task/{own}/children")).unwrap_or_default();
    list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}
