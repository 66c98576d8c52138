//! The checks of an installation: each problem that would affect its daemon, with its remedy. They run all at once and
//! change nothing.

mod database;
mod directories;
mod perl;
mod rivals;

use std::path::Path;

use nix::unistd::geteuid;

use crate::config::{Configuration, home::Home};

/// The result of a check.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Finding {
    /// The daemon, or what it runs, will not work.
    Problem(String),
    /// A remark on something that may be intended.
    Hint(String),
}

/// All findings of an installation; none outside of one.
pub(crate) fn findings(configuration: &Configuration) -> Vec<Finding> {
    let Some(home) = Home::of(&configuration.settings) else { return Vec::new() };
    let mut findings: Vec<_> = as_root(home.directory()).into_iter().collect();
    findings.extend(directories::findings(&home, &configuration.settings));
    findings.extend(perl::findings(&home, configuration));
    let here = rivals::here(&home, &configuration.place);
    findings.extend(database::findings(configuration, &here));
    findings.extend(here.findings);
    findings
}

/// Root may write everywhere, so findings about permissions do not apply to the daemon's user.
fn as_root(home: &Path) -> Option<Finding> {
    geteuid().is_root().then(|| {
        Finding::Hint(format!(
            "root may write everywhere, the daemon's user may not: let the user to whom {} belongs check",
            home.join("var").display()
        ))
    })
}
