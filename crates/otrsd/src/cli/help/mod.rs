//! The program's documentation of itself: the text of `--help` with its examples, the manual pages, the completions.
//!
//! The comments on commands and options (`arguments`) are their help texts; examples and further sections are here.

mod examples;
mod page;
mod pager;
mod sections;
#[cfg(test)]
mod tests;

use std::{fs, path::Path};

use clap::{Command, CommandFactory as _};
use clap_complete::Shell;

use super::{Failure, arguments::CommandLine, terminal::print};
use page::Page;

/// The command line with its examples.
pub(super) fn command() -> Command {
    let command = with_examples(CommandLine::command(), "otrsd");
    command.after_help(sections::SHORT_EXIT_STATUS).after_long_help(format!(
        "{}\n\n{}",
        examples::help("otrsd"),
        sections::EXIT_STATUS.help()
    ))
}

/// Adds to each command the examples of its path, for example `otrsd task add`.
fn with_examples(command: Command, path: &str) -> Command {
    let text = examples::help(path);
    let command = if text.is_empty() { command } else { command.after_long_help(text) };
    command.mut_subcommands(|it| {
        let path = format!("{path} {}", it.get_name());
        with_examples(it, &path)
    })
}

pub(super) fn completions(shell: Shell) {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command(), "otrsd", &mut script);
    print(&String::from_utf8_lossy(&script));
}

/// Shows the page of a command: formatted on a terminal, its source otherwise.
pub(super) fn manual(path: &[String]) -> Result<(), Failure> {
    let is_help = path.iter().any(|name| name == "help");
    let mut root = command().disable_help_subcommand(!is_help);
    root.build();
    let mut found = &root;
    for name in path {
        found = found
            .find_subcommand(name)
            .ok_or_else(|| Failure::usage(format!("otrsd has no command {}", path.join(" "))))?;
    }
    let page = Page::of(found);
    let source = page.source().map_err(anyhow::Error::from)?;
    pager::show(&source, || page.text());
    Ok(())
}

/// The pages of all commands, one file each.
pub(super) fn manuals(directory: &Path) -> Result<(), Failure> {
    let mut root = command().disable_help_subcommand(true);
    root.build();
    let made = fs::create_dir_all(directory).and_then(|()| write_pages(&root, directory));
    made.map_err(|error| {
        Failure::failed(format!("cannot write into {}: {error}", directory.display()))
    })
}

fn write_pages(command: &Command, directory: &Path) -> std::io::Result<()> {
    let page = Page::of(command);
    fs::write(directory.join(page.file_name()), page.source()?)?;
    let visible = command.get_subcommands().filter(|it| !it.is_hide_set());
    visible.into_iter().try_for_each(|it| write_pages(it, directory))
}
