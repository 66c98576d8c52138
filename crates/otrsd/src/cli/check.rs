//! `check`: all problems at once, and further findings; nothing is started.

use std::{fmt::Write as _, path::Path};

use nix::unistd::{AccessFlags, access, geteuid};

use super::{
    Failure, Program,
    terminal::{Colour, Paint, print},
};
use crate::{
    config::{
        Configuration, database,
        directories::{all, faults},
        environment_check,
        sources::{Reading, described},
    },
    file_trust::Rule,
    home::check::{self, Finding},
};

pub(super) fn run(program: &Program) -> Result<(), Failure> {
    let Reading { settings, problems, errors: mut found } = program.sources.read_to_run();
    let count = settings.iter().count();
    // What could be read is checked although the rest is broken.
    let (natives, places) = (program.registry.natives(), &program.sources.places);
    let configuration = Configuration::interpret(settings, problems, natives, places);
    found.extend(configuration.fault().map(str::to_owned));
    found.extend(configuration.problems.iter().map(ToString::to_string));
    found.extend(directories(&configuration));
    for spec in &configuration.modules {
        let problems = environment_check::problems(spec).into_iter();
        found.extend(problems.map(|what| format!("module {}: {what}", spec.name)));
    }
    let mut hints: Vec<_> = database::exposure(&configuration.settings).into_iter().collect();
    for finding in check::findings(&configuration) {
        match finding {
            Finding::Problem(what) => found.push(what),
            Finding::Hint(what) => hints.push(what),
        }
    }
    let modules = configuration.modules.len();
    let paint = Paint::for_stdout();
    let mut text = String::new();
    for problem in &found {
        let _ = writeln!(text, "{}", paint.paint(Colour::Red, problem));
    }
    for hint in &hints {
        let _ = writeln!(text, "{}", paint.paint(Colour::Yellow, &format!("hint: {hint}")));
    }
    let verdict = match found.len() {
        0 => paint.paint(Colour::Green, "no problem"),
        1 => "1 problem".to_owned(),
        problems => format!("{problems} problems"),
    };
    let sources = described(&program.sources.places_read());
    let _ = writeln!(text, "{count} settings from {sources}, {modules} modules to run: {verdict}");
    print(&text);
    if found.is_empty() { Ok(()) } else { Err(Failure { code: 3, text: String::new() }) }
}

/// Directories that cannot be used, or that `start` could not create.
fn directories(configuration: &Configuration) -> Vec<String> {
    // Root may check the daemon of another user.
    let rule = if geteuid().is_root() { Rule::of_owner() } else { Rule::own() };
    let mut problems = faults(configuration, rule);
    for (setting, directory) in all(configuration) {
        let nearest = directory.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
        if let Err(error) = access(nearest, AccessFlags::W_OK | AccessFlags::X_OK) {
            let (directory, nearest) = (directory.display(), nearest.display());
            problems.push(format!(
                "setting {setting}: cannot write into {directory}: {nearest}: {error}; let the \
                 daemon's user write there, or name another directory"
            ));
        }
    }
    problems
}
