//! The holders of a shared lock, by the kernel's list of locks.
//!
//! A group may read the PID file of a help desk, so its members can lock it. Such a process is not a daemon, and must
//! not prevent a start or a stop.

use std::{
    fs::{self, File},
    os::unix::fs::MetadataExt as _,
    path::Path,
};

use nix::{
    sys::stat::{major, minor},
    unistd::geteuid,
};

use crate::process::is_of;

/// Whether the lock on the file is held only by users that are neither root, nor this process's user, nor the file's
/// owner. False if that is unknown: for a process in another container, or a kernel that does not report it.
pub(crate) fn are_strangers(file: &File) -> bool {
    let Ok(metadata) = file.metadata() else { return false };
    let place = (metadata.dev(), metadata.ino());
    let ours = [0, geteuid().as_raw(), metadata.uid()];
    let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
    let pids: Vec<i32> = locks.lines().filter_map(|line| holder(line, place)).collect();
    let is_stranger = |pid: &i32| match user(*pid) {
        Some(_) => !ours.iter().any(|uid| is_of(*pid, *uid)),
        // The holder has ended; a process that it started may have inherited the file.
        None => !processes().any(|(pid, uid)| ours.contains(&uid) && has_open(pid, place)),
    };
    !pids.is_empty() && pids.iter().all(is_stranger)
}

/// The process named by a line of `/proc/locks`, if it holds a lock on the file.
fn holder(line: &str, (device, inode): (u64, u64)) -> Option<i32> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [_, "FLOCK", _, _, pid, file, ..] = words.as_slice() else { return None };
    let wanted = format!("{:02x}:{:02x}:{inode}", major(device), minor(device));
    pid.parse().ok().filter(|_| *file == wanted)
}

fn user(pid: i32) -> Option<u32> {
    fs::metadata(format!("/proc/{pid}")).ok().map(|it| it.uid())
}

fn processes() -> impl Iterator<Item = (i32, u32)> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid| Some((pid, user(pid)?)))
}

/// Whether a process has the file open, as far as this process may see.
fn has_open(pid: i32, place: (u64, u64)) -> bool {
    let is_it = |path: &Path| fs::metadata(path).is_ok_and(|it| (it.dev(), it.ino()) == place);
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    descriptors.map(|it| it.path()).any(|path| is_it(&path))
}

#[cfg(test)]
mod tests {
    use nix::sys::stat::makedev;

    use super::*;

    #[test]
    fn the_holder_of_a_lock() {
        let place = (makedev(8, 0x21), 131);
        for (line, expected) in [
            ("1: FLOCK  ADVISORY  WRITE 4711 08:21:131 0 EOF", Some(4711)),
            ("12: FLOCK  ADVISORY  READ 5 08:21:131 0 EOF", Some(5)),
            ("1: -> FLOCK  ADVISORY  WRITE 4712 08:21:131 0 EOF", None),
            ("1: POSIX  ADVISORY  WRITE 4711 08:21:131 0 EOF", None),
            ("1: FLOCK  ADVISORY  WRITE 4711 08:21:132 0 EOF", None),
            ("1: FLOCK  ADVISORY  WRITE 4711 08:22:131 0 EOF", None),
            ("1: FLOCK  ADVISORY", None),
            ("", None),
        ] {
            assert_eq!(holder(line, place), expected, "{line}");
        }
    }

    #[test]
    fn our_own_lock_is_no_strangers() {
        let directory = tempfile::tempdir().unwrap();
        let file = File::create(directory.path().join("lock")).unwrap();
        assert!(!are_strangers(&file));
        file.lock().unwrap();
        assert!(!are_strangers(&file));
    }
}
