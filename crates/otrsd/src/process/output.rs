//! The tail of a handler's output, however long the output was.

use std::{collections::VecDeque, io, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    time::timeout,
};

/// Bytes that are kept.
const LIMIT: usize = 16 << 10;
const CHUNK: usize = 64 << 10;
/// The maximum number of characters of a quoted line.
const LONGEST_LINE: usize = 500;
/// The longest wait for the end of a stream that a process which could not be killed may hold open.
const PATIENCE: Duration = Duration::from_secs(1);

/// The last part of a stream.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    kept: VecDeque<u8>,
    lost: u64,
}

impl Tail {
    /// Appends the next bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.kept.extend(bytes);
        let surplus = self.kept.len().saturating_sub(LIMIT);
        self.kept.drain(..surplus);
        self.lost += surplus as u64;
    }

    /// The text without characters that databases refuse; `None` if there was no output.
    pub(crate) fn text(&self) -> Option<String> {
        if self.kept.is_empty() {
            return None;
        }
        let bytes: Vec<u8> = self.kept.iter().copied().collect();
        let text = String::from_utf8_lossy(&bytes).replace('\0', "\u{fffd}");
        Some(match self.lost {
            0 => text,
            lost => format!("[{lost} bytes before]\n{text}"),
        })
    }

    /// The last line that is not blank; it usually gives the reason of a failure.
    pub(crate) fn last_line(&self) -> Option<String> {
        self.text()?.lines().rev().find(|line| !line.trim().is_empty()).map(legible)
    }

    /// The event, with the last line as its reason.
    pub(crate) fn explain(&self, what: String) -> String {
        match self.last_line() {
            Some(line) => format!("{what}: {line}"),
            None => what,
        }
    }

    /// The first line that is not blank.
    pub(crate) fn first_line(&self) -> Option<String> {
        self.text()?.lines().find(|line| !line.trim().is_empty()).map(legible)
    }

    /// Reads as long as any process may write, so that no writer is blocked. Cancelling it loses no data.
    pub(crate) async fn fill(&mut self, from: &mut (impl AsyncRead + Unpin)) -> io::Result<()> {
        let mut chunk = vec![0; CHUNK];
        loop {
            match from.read(&mut chunk).await? {
                0 => return Ok(()),
                length => self.push(&chunk[..length]),
            }
            // A handler that prints without end must not block the others.
            tokio::task::yield_now().await;
        }
    }

    /// Reads the remaining output when the writers are dead.
    pub(crate) async fn drain(&mut self, from: &mut (impl AsyncRead + Unpin)) {
        let _ = timeout(PATIENCE, self.fill(from)).await;
    }
}

/// A text for people and for databases, which refuse some characters: limited in length, without control characters.
pub(crate) fn legible(text: &str) -> String {
    let legible = |c: char| match c {
        '\n' | '\r' | '\t' => ' ',
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        c => c,
    };
    text.trim().chars().take(LONGEST_LINE).map(legible).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_kept() {
        let mut tail = Tail::default();
        assert_eq!((tail.text(), tail.last_line(), tail.first_line()), (None, None, None));
        tail.push(b"first\n\nno such file\0\n \n");
        assert_eq!(tail.last_line().as_deref(), Some("no such file\u{fffd}"));
        assert_eq!(tail.first_line().as_deref(), Some("first"));
        for _ in 0..100 {
            tail.push(&[b'x'; 1000]);
        }
        tail.push(b"\nend");
        assert_eq!(tail.kept.len(), LIMIT);
        assert_eq!(tail.last_line().as_deref(), Some("end"));
        assert!(tail.text().unwrap().starts_with("[83643 bytes before]\nxxx"), "{:?}", tail.text());
    }
}
