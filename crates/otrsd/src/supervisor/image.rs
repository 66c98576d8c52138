//! The program file of a running image.

use std::{
    fs,
    io::Read as _,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};

use crate::file_trust;

/// The program file that this image was started from.
#[derive(Debug)]
pub(super) struct Image {
    pub(super) path: PathBuf,
    identity: Option<[u64; 3]>,
}

impl Image {
    pub(super) fn current() -> Self {
        let path = fs::read_link("/proc/self/exe").unwrap_or_default();
        Self { path, identity: identity(Path::new("/proc/self/exe")) }
    }

    /// The file must be an ELF program, since the C library passes a file of unknown format, even an empty one, to a
    /// shell. A file that other users could have written or replaced is refused; otherwise it cannot change before it
    /// is executed.
    pub(super) fn ensure_program(&self) -> anyhow::Result<()> {
        let mut magic = [0; 4];
        file_trust::open(&self.path)?.read_exact(&mut magic).context("it is no program")?;
        ensure!(magic == *b"\x7fELF", "it is no program");
        Ok(())
    }

    /// Accepts the file at the path as the known one: it was tried, and only another file is a change.
    pub(super) fn accept_file(&mut self) {
        self.identity = identity(&self.path);
    }

    /// Whether the path of this image now holds another file.
    pub(super) fn is_replaced(&self) -> bool {
        identity(&self.path).is_some_and(|there| Some(there) != self.identity)
    }
}

fn identity(path: &Path) -> Option<[u64; 3]> {
    let file = fs::metadata(path).ok()?;
    Some([file.dev(), file.ino(), file.mtime().cast_unsigned()])
}
