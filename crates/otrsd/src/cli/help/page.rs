//! The manual page of one command: as source for `man`, and as plain text.

use std::io;

use clap::Command;
use clap_mangen::{
    Man,
    roff::{Inline, Roff, bold, roman},
};

use super::{
    examples::{self, Example},
    sections::{OF_PROGRAM, Section},
};

pub(super) struct Page<'a> {
    command: &'a Command,
    examples: &'static [Example],
    sections: &'static [&'static Section],
}

impl<'a> Page<'a> {
    /// The page of a built command.
    pub(super) fn of(command: &'a Command) -> Self {
        let path = command.get_bin_name().unwrap_or("otrsd");
        let sections: &[_] = if path == "otrsd" { &OF_PROGRAM } else { &[] };
        Self { command, examples: examples::of(path), sections }
    }

    pub(super) fn file_name(&self) -> String {
        Man::new(self.command.clone()).get_filename()
    }

    /// The page in the format of `man`.
    pub(super) fn source(&self) -> io::Result<Vec<u8>> {
        let mut command = self.command.clone();
        let usage = command.render_usage().to_string();
        let command = command.override_usage(usage.trim_start_matches("Usage: ").to_owned());
        // An empty date would make the next word the date.
        let source = concat!("otrsd ", env!("CARGO_PKG_VERSION"));
        let man = Man::new(command).date(" ").source(source).manual("User Commands");
        let mut text = Vec::new();
        man.render_title(&mut text)?;
        man.render_name_section(&mut text)?;
        man.render_synopsis_section(&mut text)?;
        man.render_description_section(&mut text)?;
        man.render_options_section(&mut text)?;
        if self.command.get_subcommands().any(|it| !it.is_hide_set()) {
            man.render_subcommands_section(&mut text)?;
        }
        let mut roff = Roff::new();
        self.add_examples(&mut roff);
        self.sections.iter().for_each(|section| add_section(&mut roff, section));
        roff.to_writer(&mut text)?;
        man.render_version_section(&mut text)?;
        let mut roff = Roff::new();
        self.add_parents(&mut roff);
        roff.to_writer(&mut text)?;
        Ok(text)
    }

    fn add_examples(&self, roff: &mut Roff) {
        if self.examples.is_empty() {
            return;
        }
        roff.control("SH", ["EXAMPLES"]);
        for (purpose, line) in self.examples {
            roff.control("PP", []);
            roff.text([roman(format!("{purpose}:"))]);
            roff.control("PP", []);
            roff.control("RS", ["4"]);
            roff.control("nf", []);
            roff.text([bold(*line)]);
            roff.control("fi", []);
            roff.control("RE", []);
        }
    }

    /// For `otrsd task add`: otrsd-task(1) and otrsd(1).
    fn add_parents(&self, roff: &mut Roff) {
        let mut name = self.command.get_bin_name().unwrap_or_default();
        let mut parents = Vec::new();
        while let Some((parent, _)) = name.rsplit_once(' ') {
            parents.push(format!("{}(1)", parent.replace(' ', "-")));
            name = parent;
        }
        if !parents.is_empty() {
            roff.control("SH", ["SEE ALSO"]);
            roff.text([roman(parents.join(", "))]);
        }
    }

    /// For systems without `man`: the help, and the sections that only the page has.
    pub(super) fn text(&self) -> String {
        let help = self.command.clone().render_long_help().to_string();
        let has_it = |section: &Section| help.contains(&section.help());
        let more = self.sections.iter().filter(|section| !has_it(section));
        more.fold(help.clone(), |text, section| format!("{text}\n{}\n", plain(section)))
    }
}

fn add_section(roff: &mut Roff, section: &Section) {
    roff.control("SH", [section.heading.to_uppercase().as_str()]);
    for (term, meaning) in section.entries {
        roff.control("TP", []);
        roff.text([bold(*term)]);
        roff.text([Inline::from(*meaning)]);
    }
}

fn plain(section: &Section) -> String {
    let entries =
        section.entries.iter().map(|(term, meaning)| format!("\n  {term}\n      {meaning}"));
    format!("{}:{}", section.heading, entries.collect::<String>())
}
