//! A module that runs but does not serve says so; the supervisor shows it as `degraded`.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use crate::process::sd_notify;

/// The database does not answer, or its tables are not those of this program.
pub(crate) const DATABASE: &str = "waits for its database";
/// The console's port or socket is another program's.
pub(crate) const ADDRESS: &str = "waits for its address";

/// The database was used elsewhere, where no worker is seen to live.
pub(crate) const COPY: &str = "does nothing, since the database may be a copy";

/// Rows that hold what they must not, or about which the database refuses something.
pub(crate) const ROWS: &str = "leaves rows out";

/// What `/readyz` may tell everybody. A module's other words are for those who may see its status.
const PUBLIC: [&str; 4] = [DATABASE, ADDRESS, COPY, ROWS];

/// What keeps a module from serving, as it last said.
#[derive(Debug, Default)]
pub(super) struct Degraded {
    said: Mutex<Said>,
}

#[derive(Debug, Default)]
struct Said {
    /// The supervisor has heard how the module is.
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

    /// Tells the supervisor how the module is, unless it knows.
    pub(super) fn tell_first(&self) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if !said.told {
            said.tell();
        }
    }
}

/// What everybody may know of a module's reasons.
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
