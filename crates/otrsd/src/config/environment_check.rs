//! The check of what a module needs on this machine.

use std::{env, os::unix::fs::MetadataExt as _, path::Path};

use nix::unistd::User;

use super::modules::ModuleSpec;

/// What a module needs and does not find.
pub(crate) fn problems(spec: &ModuleSpec) -> Vec<String> {
    let mut problems = Vec::new();
    let mut warn = |what: String| problems.push(what);
    let summary = spec.summary_command.as_deref();
    for argv in spec.argv().into_iter().chain(summary) {
        if let Some(what) = argv.first().and_then(|program| program_problem(program)) {
            warn(what);
        }
    }
    if let Some(directory) = spec.working_directory.as_ref().filter(|path| !path.is_dir()) {
        warn(format!("WorkingDirectory {} is no directory", directory.display()));
    }
    if let Some(name) = &spec.user
        && !matches!(User::from_name(name), Ok(Some(_)))
    {
        warn(format!("there is no user '{name}'"));
    }
    problems
}

fn program_problem(program: &str) -> Option<String> {
    if !program.contains('/') {
        let path = env::var_os("PATH").unwrap_or_default();
        let found =
            env::split_paths(&path).any(|directory| is_executable(&directory.join(program)));
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
