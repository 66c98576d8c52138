//! The degraded state: a module that runs but does not serve reports it, and the supervisor shows it as `degraded`.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use crate::process::sd_notify;

/// The database does not answer, or its tables are not those of this program.
pub(crate) const DATABASE: &str = "waits for its database";
/// Another program uses the console's port or socket.
pub(crate) const ADDRESS: &str = "waits for its address";

/// The database was used elsewhere, and no worker appears to be alive there.
pub(crate) const COPY: &str = "does nothing, since the database may be a copy";

/// Rows with invalid contents, or for which the database refuses an operation.
pub(crate) const ROWS: &str = "leaves rows out";

/// The texts that `/readyz` may show publicly. A module's other texts are for users that may see its status.
const PUBLIC: [&str; 4] = [DATABASE, ADDRESS, COPY, ROWS];

/// The reasons that keep a module from serving, as last reported.
#[derive(Debug, Default)]
pub(super) struct Degraded {
    said: Mutex<Said>,
}

#[derive(Debug, Default)]
struct Said {
    /// Whether the supervisor knows the module's state.
    told: bool,
    reasons: BTreeMap<&'static str, String>,
}

impl Said {
    fn tell(&mut self) {
        self.told = true;
        let reasons: Vec<_> =
            self.reasons.iter().map(|(what, why)| format!("{what}: {why}")).collect();
        let text = reasons.join("; ").replace('\n', " ");
        let _ = sd_notify::send(&format!("X_DEGRADED={text}"));
    }
}

impl Degraded {
    pub(super) fn add(&self, what: &'static str, why: String) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.reasons.get(what) != Some(&why) {
            said.reasons.insert(what, why);
            said.tell();
        }
    }

    pub(super) fn remove(&self, what: &str) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.reasons.remove(what).is_some() {
            said.tell();
        }
    }

    /// Reports the module's state to the supervisor, unless it is known.
    pub(super) fn tell_first(&self) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if !said.told {
            said.tell();
        }
    }
}

/// The public part of a module's reasons.
pub(crate) fn public(reasons: &str) -> &'static str {
    let known = PUBLIC.iter().find(|what| reasons.split("; ").any(|it| it.starts_with(**what)));
    known.copied().unwrap_or("is degraded")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_words_are_public() {
        for (reasons, expected) in [
            ("waits for its database: postgres://db.example/tasks: refused", DATABASE),
            ("has no licence: key 4711; waits for its address: 127.0.0.1:8440 is taken", ADDRESS),
            ("has no licence: key 4711", "is degraded"),
        ] {
            assert_eq!(public(reasons), expected);
        }
    }
}
