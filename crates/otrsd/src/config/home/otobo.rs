//! The start conditions of OTOBO: its daemon must not work before the web installer has finished, nor while the
//! container still copies its files.

use std::{env, path::Path};

use sysconfig::{Problem, SysConfig};

use crate::config::{home::Home, problem, text};

const SECURE_MODE: &str = "SecureMode";
/// Set in the images of OTOBO; only there the files are copied.
const IN_CONTAINER: &str = "OTOBO_RUNS_UNDER_DOCKER";
/// Exists when the files have been copied.
pub(crate) const COPIED: &str = ".copy_otobo_next_finished";

/// Why the modules of an installation have to wait.
pub(crate) fn waits(settings: &SysConfig) -> Option<Problem> {
    let home = Home::of(settings)?;
    if !home.is_otobo() {
        return None;
    }
    let is_copied = env::var_os(IN_CONTAINER).is_none_or(|value| value.is_empty())
        || home.directory().join(COPIED).exists();
    let secure = text(settings, SECURE_MODE).unwrap_or_default();
    let what = reason(home.directory(), secure, is_copied)?;
    Some(problem(settings, SECURE_MODE, what))
}

fn reason(home: &Path, secure: &str, is_copied: bool) -> Option<String> {
    let waits = "the daemon modules wait, and start by themselves";
    if !is_copied {
        let marker = home.join(COPIED);
        let marker = marker.display();
        return Some(format!("{marker} is missing: OTOBO's files are still being copied; {waits}"));
    }
    (secure != "1").then(|| {
        format!("is '{secure}', and not 1: OTOBO's web installer is not through; {waits} when it has set it")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_waited_for() {
        for (secure, is_copied, expected) in [
            ("1", true, None),
            ("0", true, Some("is '0', and not 1")),
            ("", true, Some("is '', and not 1")),
            ("1", false, Some("/o/.copy_otobo_next_finished is missing")),
        ] {
            let said = reason(Path::new("/o"), secure, is_copied);
            assert_eq!(said.is_some(), expected.is_some(), "{said:?}");
            assert!(said.unwrap_or_default().contains(expected.unwrap_or_default()));
        }
    }
}
