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

    /// The C library hands a file without a known format to a shell, an empty one too. A file that others could have
    /// written, or put there, is none of ours; where they cannot, it is still this one when it is executed.
    pub(super) fn ensure_program(&self) -> anyhow::Result<()> {
        let mut magic = [0; 4];
        file_trust::open(&self.path)?.read_exact(&mut magic).context("it is no program")?;
        ensure!(magic == *b"\x7fELF", "it is no program");
        Ok(())
    }

    /// Takes the file that lies there now for this image's: it was tried, another one is news again.
    pub(super) fn accept_file(&mut self) {
        self.identity = identity(&self.path);
    }

    /// Whether another file lies where this image came from.
    pub(super) fn is_replaced(&self) -> bool {
        identity(&self.path).is_some_and(|there| Some(there) != self.identity)
    }
}

fn identity(path: &Path) -> Option<[u64; 3]> {
    let file = fs::metadata(path).ok()?;
    Some([file.dev(), file.ino(), file.mtime().cast_unsigned()])
}
