//! Output: colours only on terminals, and a reader that went away is no error.

use std::{
    env,
    io::{self, IsTerminal as _, Write as _},
};

use nix::sys::stat::{SFlag, fstat};

use crate::text::escape::output;

/// The colours of the original's console.
#[derive(Clone, Copy, Debug)]
pub(super) enum Colour {
    Red = 31,
    Green = 32,
    Yellow = 33,
}

/// Colours text, where standard output is a terminal and the environment does not forbid it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paint {
    is_on: bool,
}

impl Paint {
    pub(super) fn for_stdout() -> Self {
        let objection = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { is_on: io::stdout().is_terminal() && !objection }
    }

    /// For tests and files.
    #[cfg(test)]
    pub(super) fn none() -> Self {
        Self { is_on: false }
    }

    pub(super) fn paint(self, colour: Colour, text: &str) -> String {
        if self.is_on { format!("\x1b[{}m{text}\x1b[0m", colour as u8) } else { text.to_owned() }
    }
}

/// The width of standard output, if it is a terminal.
pub(super) fn width() -> Option<usize> {
    let (terminal_size::Width(width), _) = terminal_size::terminal_size_of(io::stdout())?;
    Some(width.into())
}

/// Whether another program reads standard output as it is written.
pub(super) fn stdout_is_pipe() -> bool {
    fstat(io::stdout()).is_ok_and(|it| it.st_mode & SFlag::S_IFMT.bits() == SFlag::S_IFIFO.bits())
}

/// The sequences that [`Paint`] prints around a text.
const SEQUENCES: [&str; 4] = ["\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[0m"];

/// Prints on standard output.
pub(super) fn print(text: &str) {
    is_printed(text);
}

/// Prints on standard output; false if the reader is gone, so that long lists may end. All output of the command line
/// passes through here, so untrusted text cannot affect a terminal.
pub(super) fn is_printed(text: &str) -> bool {
    let mut stdout = io::stdout().lock();
    stdout.write_all(output(text, &SEQUENCES).as_bytes()).and_then(|()| stdout.flush()).is_ok()
}

/// Prints JSON.
pub(super) fn print_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    print(&format!("{}\n", serde_json::to_string_pretty(value)?));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_reach_the_terminal() {
        for colour in [Colour::Red, Colour::Green, Colour::Yellow] {
            let text = Paint { is_on: true }.paint(colour, "text");
            assert_eq!(output(&text, &SEQUENCES), text);
        }
    }
}
