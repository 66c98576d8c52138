//! What would hurt an installation's daemon, each with what to do: looked at all at once, nothing changed.

mod database;
mod directories;
mod perl;
mod rivals;

use std::path::Path;

use nix::unistd::geteuid;

use crate::config::{Configuration, home::Home};

/// What was found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Finding {
    /// The daemon, or what it runs, will not work.
    Problem(String),
    /// Worth knowing; it may be meant so.
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

/// Root may write everywhere, so that what is said of rights is not said of the daemon's user.
fn as_root(home: &Path) -> Option<Finding> {
    geteuid().is_root().then(|| {
        Finding::Hint(format!(
            "root may write everywhere, the daemon's user may not: let the user to whom {} belongs check",
            home.join("var").display()
        ))
    })
}
