//! The program file of a running image.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

/// The program file that this image was started from.
#[derive(Debug)]
pub(super) struct Image {
    /// Counts the images of this run.
    pub(super) number: u64,
    pub(super) path: PathBuf,
    identity: Option<[u64; 3]>,
}

impl Image {
    pub(super) fn current(number: u64) -> Self {
        let path = fs::read_link("/proc/self/exe").unwrap_or_default();
        Self { number, path, identity: identity(Path::new("/proc/self/exe")) }
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
