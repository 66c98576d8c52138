//! The logs of modules: their ends, and the lines that are appended while a page is open.

use std::{
    collections::VecDeque,
    io::{self, Read as _, Seek as _, SeekFrom},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use crate::{
    config::log,
    process::{own_file, watch::Watch},
    supervisor::status::Status,
    web::Console,
};

/// The size of the initially shown end of a file.
const TAIL: u64 = 64 << 10;
/// A reader that is further behind misses the lines in between.
const FURTHEST_BEHIND: u64 = 256 << 10;

/// The files of a registered module, or of the supervisor.
pub(super) fn files(console: &Console, status: &Status, name: &str) -> Option<[PathBuf; 2]> {
    let is_known = name == "Supervisor" || status.modules.iter().any(|it| it.name == name);
    let directory = log::directory(console.context.settings());
    // A registered name contains no slash.
    is_known.then(|| ["ERR", "OUT"].map(|stream| directory.join(format!("{name}{stream}.log"))))
}

/// The end of a file, starting at a whole line; empty if the file does not exist.
pub(super) fn tail(path: &Path) -> String {
    let read = || {
        let mut file = own_file::read(path)?;
        let begin = file.metadata()?.len().saturating_sub(TAIL);
        file.seek(SeekFrom::Start(begin))?;
        let mut bytes = Vec::new();
        file.take(TAIL).read_to_end(&mut bytes)?;
        if begin > 0 {
            let line = bytes.iter().position(|byte| *byte == b'\n').map_or(0, |place| place + 1);
            bytes.drain(..line);
        }
        io::Result::Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    read().unwrap_or_default()
}

/// A growing file.
pub(super) struct Follower {
    path: PathBuf,
    watch: Watch,
    /// The identity of the file, and the offset that was read.
    file: u64,
    offset: u64,
    lines: VecDeque<String>,
    /// An incomplete line.
    begun: Vec<u8>,
}

impl Follower {
    /// Starts at the present end.
    ///
    /// # Errors
    ///
    /// The kernel has no more watches, or the directory does not exist.
    pub(super) fn of(path: &Path) -> anyhow::Result<Self> {
        let watch = Watch::new()?;
        watch.writes_in(path.parent().unwrap_or(path))?;
        let (file, offset) = path.metadata().map_or((0, 0), |it| (it.ino(), it.len()));
        let (lines, begun) = (VecDeque::new(), Vec::new());
        Ok(Self { path: path.to_owned(), watch, file, offset, lines, begun })
    }

    /// The next line.
    pub(super) async fn next(&mut self) -> io::Result<String> {
        loop {
            if let Some(line) = self.lines.pop_front() {
                return Ok(line);
            }
            self.read()?;
            if self.lines.is_empty() {
                self.watch.changed().await?;
            }
        }
    }

    fn read(&mut self) -> io::Result<()> {
        let Ok(mut file) = own_file::read(&self.path) else { return Ok(()) };
        let metadata = file.metadata()?;
        if metadata.ino() != self.file || metadata.len() < self.offset {
            (self.file, self.offset) = (metadata.ino(), 0);
            self.begun.clear();
        }
        let behind = metadata.len() - self.offset;
        if behind > FURTHEST_BEHIND {
            self.lines.push_back(format!("… {} bytes are left out …", behind - TAIL));
            self.begun.clear();
            self.offset = metadata.len() - TAIL;
        }
        file.seek(SeekFrom::Start(self.offset))?;
        let mut bytes = Vec::new();
        self.offset += file.take(FURTHEST_BEHIND).read_to_end(&mut bytes)? as u64;
        self.begun.extend(bytes);
        while let Some(end) = self.begun.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.begun.drain(..=end).collect();
            self.lines.push_back(String::from_utf8_lossy(&line).trim_end().replace('\r', " "));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write as _};

    use super::*;

    #[tokio::test]
    async fn lines_are_followed_through_a_renaming() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ERR.log");
        fs::write(&path, "before\n").unwrap();
        assert_eq!(tail(&path), "before\n");
        let mut follower = Follower::of(&path).unwrap();
        let add = |text: &str| {
            let mut file = fs::OpenOptions::new().append(true).create(true).open(&path).unwrap();
            file.write_all(text.as_bytes()).unwrap();
        };
        add("one\ntw");
        assert_eq!(follower.next().await.unwrap(), "one");
        add("o\n");
        assert_eq!(follower.next().await.unwrap(), "two");
        fs::rename(&path, directory.path().join("ERR-1.log")).unwrap();
        add("new\n");
        assert_eq!(follower.next().await.unwrap(), "new");
        add(&"x".repeat(300_000));
        add("\nlast\n");
        assert!(follower.next().await.unwrap().contains("left out"));
    }

    #[test]
    fn a_long_log_begins_with_a_whole_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ERR.log");
        assert_eq!(tail(&path), "");
        fs::write(&path, "a line of some length\n".repeat(10_000)).unwrap();
        let shown = tail(&path);
        assert!(shown.len() < 65_536 && shown.starts_with("a line"), "{}", &shown[..40]);
    }
}
