//! completions and man: made from the same text as `--help`.

use std::{fs, io, path::Path};

use clap::{Command, CommandFactory as _};
use clap_complete::Shell;
use clap_mangen::Man;

use super::{Failure, arguments::CommandLine, terminal::print};

pub(super) fn completions(shell: Shell) {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut CommandLine::command(), "otrsd", &mut script);
    print(&String::from_utf8_lossy(&script));
}

pub(super) fn manual(path: &[String]) -> Result<(), Failure> {
    let mut command = CommandLine::command();
    command.build();
    let mut page = &command;
    for name in path {
        page = page
            .find_subcommand(name)
            .ok_or_else(|| Failure::usage(format!("otrsd has no command {}", path.join(" "))))?;
    }
    let text = render(page.clone()).map_err(anyhow::Error::from)?;
    print(&String::from_utf8_lossy(&text));
    Ok(())
}

/// The pages of all commands, a file each.
pub(super) fn manuals(directory: &Path) -> Result<(), Failure> {
    let made = fs::create_dir_all(directory);
    made.and_then(|()| clap_mangen::generate_to(CommandLine::command(), directory)).map_err(
        |error| Failure::failed(format!("cannot write into {}: {error}", directory.display())),
    )
}

fn render(command: Command) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    Man::new(command).render(&mut text)?;
    Ok(text)
}
