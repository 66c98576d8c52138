//! check: everything that is wrong, all at once; nothing is started.

use std::{fmt::Write as _, os::unix::fs::MetadataExt as _, path::Path};

use nix::unistd::{AccessFlags, User, access};

use super::{
    Failure, Program,
    terminal::{Colour, Paint, print},
};
use crate::config::{Configuration, modules::ModuleSpec, sources::Reading};

pub(super) fn run(program: &Program) -> Result<(), Failure> {
    let Reading { settings, problems, errors: mut found } = program.sources.read();
    let count = settings.iter().count();
    // What could be read is checked although the rest is broken.
    let (registry, places) = (&program.registry, &program.sources.places);
    let modules = match Configuration::interpret(settings, problems, registry, places) {
        Ok(configuration) => {
            found.extend(configuration.problems.iter().map(ToString::to_string));
            found.extend(directories(&configuration));
            found.extend(configuration.modules.iter().flat_map(surroundings));
            configuration.modules.len()
        }
        Err(error) => {
            found.push(format!("{error:#}"));
            0
        }
    };
    let paint = Paint::for_stdout();
    let mut text = String::new();
    for problem in &found {
        let _ = writeln!(text, "{}", paint.paint(Colour::Red, problem));
    }
    let verdict = match found.len() {
        0 => paint.paint(Colour::Green, "no problem"),
        1 => "1 problem".to_owned(),
        problems => format!("{problems} problems"),
    };
    let sources = sources(program);
    let _ = writeln!(text, "{count} settings from {sources}, {modules} modules to run: {verdict}");
    print(&text);
    if found.is_empty() { Ok(()) } else { Err(Failure { code: 3, text: String::new() }) }
}

fn sources(program: &Program) -> String {
    match program.sources.paths.as_slice() {
        [] => "the built-in defaults alone".to_owned(),
        paths => {
            let paths: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
            paths.join(", ")
        }
    }
}

/// Directories that cannot be used, or that `start` could not make.
fn directories(configuration: &Configuration) -> Vec<String> {
    let directories = [
        ("Daemon::PID::Path", &configuration.place.directory),
        ("Daemon::Log::LogPath", &configuration.log.directory),
    ];
    let mut problems = Vec::new();
    for (setting, directory) in directories {
        let nearest = directory.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
        if let Err(error) = access(nearest, AccessFlags::W_OK | AccessFlags::X_OK) {
            let (directory, nearest) = (directory.display(), nearest.display());
            problems.push(format!(
                "setting {setting}: cannot write into {directory}: {nearest}: {error}"
            ));
        }
    }
    problems
}

/// What a module needs and does not find.
fn surroundings(spec: &ModuleSpec) -> Vec<String> {
    let mut problems = Vec::new();
    let mut complain = |what: String| problems.push(format!("module {}: {what}", spec.name));
    let summary = spec.summary_command.as_deref();
    for argv in spec.argv().into_iter().chain(summary) {
        if let Some(what) = argv.first().and_then(|program| program_problem(program)) {
            complain(what);
        }
    }
    if let Some(directory) = spec.working_directory.as_ref().filter(|path| !path.is_dir()) {
        complain(format!("WorkingDirectory {} is no directory", directory.display()));
    }
    if let Some(name) = &spec.user
        && !matches!(User::from_name(name), Ok(Some(_)))
    {
        complain(format!("there is no user '{name}'"));
    }
    problems
}

fn program_problem(program: &str) -> Option<String> {
    if !program.contains('/') {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let found =
            std::env::split_paths(&path).any(|directory| is_executable(&directory.join(program)));
        return (!found).then(|| format!("{program} is not in PATH"));
    }
    match Path::new(program).metadata() {
        Err(error) => Some(format!("{program}: {error}")),
        Ok(_) if !is_executable(Path::new(program)) => Some(format!("{program} is not executable")),
        Ok(_) => None,
    }
}

fn is_executable(path: &Path) -> bool {
    path.metadata().is_ok_and(|file| file.is_file() && file.mode() & 0o111 != 0)
}
