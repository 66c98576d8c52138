//! The display of a manual page: by `man`, which formats it and pages it through `$MANPAGER` or `$PAGER`; without
//! `man`, as plain text through that pager. Programs get the source.
//!
//! The process executes `man` or the pager, so that only one process reads keys and signals. No shell interprets the
//! variables.

use std::{
    convert::Infallible,
    env,
    fs::File,
    io::{self, IsTerminal as _, Seek as _, Write as _},
    os::unix::process::CommandExt as _,
    process::Command,
};

use nix::sys::memfd::{MFdFlags, memfd_create};

use crate::cli::terminal::print;

/// The pager if no variable names another.
const DEFAULT_PAGER: &str = "less";
/// The options that git sets: quit if it fits one screen, keep colours, leave the text on the screen.
const DEFAULT_LESS: &str = "FRX";

/// Returns only if no other program took over.
pub(super) fn show(source: &[u8], plain: impl FnOnce() -> String) {
    if !io::stdout().is_terminal() {
        print(&String::from_utf8_lossy(source));
        return;
    }
    // A program that cannot be run is skipped: the text is shown in any case.
    let _ = become_reader(Command::new("man").args(["-l", "-"]), source);
    let plain = plain();
    let variable = |name: &str| env::var_os(name)?.into_string().ok();
    if let Some((program, arguments)) = pager(variable("MANPAGER"), variable("PAGER")) {
        let mut pager = Command::new(program);
        if env::var_os("LESS").is_none() {
            pager.env("LESS", DEFAULT_LESS);
        }
        let _ = become_reader(pager.args(arguments), plain.as_bytes());
    }
    print(&plain);
}

/// The pager and its arguments; `None` if the text is to be printed as it is.
fn pager(manpager: Option<String>, pager: Option<String>) -> Option<(String, Vec<String>)> {
    let line = manpager.or(pager).unwrap_or_else(|| DEFAULT_PAGER.to_owned());
    let mut words = line.split_whitespace().map(str::to_owned);
    let program = words.next().filter(|program| program != "cat")?;
    Some((program, words.collect()))
}

/// Executes the program with the text as its standard input; returns only on an error.
fn become_reader(program: &mut Command, text: &[u8]) -> io::Result<Infallible> {
    let mut file = File::from(memfd_create("page", MFdFlags::MFD_CLOEXEC)?);
    file.write_all(text)?;
    file.rewind()?;
    Err(program.stdin(file).exec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pager_is_the_one_of_the_environment() {
        for (manpager, pager_variable, expected) in [
            (None, None, Some("less")),
            (Some("less -S  -i"), Some("more"), Some("less -S -i")),
            (None, Some("more"), Some("more")),
            (Some(""), Some("more"), None),
            (None, Some("cat"), None),
        ] {
            let found = pager(manpager.map(str::to_owned), pager_variable.map(str::to_owned));
            let words =
                found.map(|(program, arguments)| [vec![program], arguments].concat().join(" "));
            assert_eq!(words.as_deref(), expected, "{manpager:?} {pager_variable:?}");
        }
    }
}
