//! A log file as one incarnation of a module writes it.

use std::{
    fs::{self, File},
    os::unix::fs::{FileExt as _, MetadataExt as _},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    logs,
    process::{exit::printable, own_file},
};

/// The file, and the offset at which the output of this incarnation begins.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct OwnLog {
    path: PathBuf,
    inode: u64,
    start: u64,
}

const TAIL: u64 = 4096;

impl OwnLog {
    /// The present end of the file, before a module writes to it.
    pub(super) fn at_end(path: &Path, file: &File) -> Option<Self> {
        let metadata = file.metadata().ok()?;
        Some(Self { path: path.to_owned(), inode: metadata.ino(), start: metadata.len() })
    }

    /// Whether the path now holds another file, or none.
    pub(super) fn was_renamed(&self) -> bool {
        fs::symlink_metadata(&self.path).map_or(true, |there| there.ino() != self.inode)
    }

    /// The last line that is not empty, truncated.
    pub(super) fn last_line(&self) -> Option<String> {
        let file = own_file::read(&self.path).ok()?;
        let end = file.metadata().ok()?.len();
        let start = self.start.max(end.saturating_sub(TAIL));
        let mut tail = vec![0; usize::try_from(end.checked_sub(start)?).ok()?];
        file.read_exact_at(&mut tail, start).ok()?;
        let tail = String::from_utf8_lossy(&tail);
        let line = tail.lines().rev().map(str::trim).find(|line| !line.is_empty())?;
        Some(printable(logs::without_time(line)))
    }
}
