//! Sessions of persons. They outlive the console's process in a file of hashes, so that a discard logs nobody out.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Caller, Role, Secret};

/// A working day.
const VALID: SignedDuration = SignedDuration::from_hours(12);
const MOST: usize = 200;

/// Who is logged in.
pub(crate) struct Sessions {
    file: PathBuf,
    sessions: Vec<Session>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Session {
    /// The hash of the cookie's value.
    hash: String,
    name: String,
    role: Role,
    until: Timestamp,
}

impl Sessions {
    /// Those of an earlier life; a file that cannot be read logs everybody out.
    pub(crate) fn read(file: &Path) -> Self {
        let text = fs::read(file).unwrap_or_default();
        let sessions = serde_json::from_slice(&text).unwrap_or_default();
        Self { file: file.to_owned(), sessions }
    }

    /// Begins a session: the cookie's value.
    ///
    /// # Errors
    ///
    /// The kernel gives no random numbers, or the file cannot be written.
    pub(crate) fn begin(
        &mut self,
        name: String,
        role: Role,
        now: Timestamp,
    ) -> anyhow::Result<String> {
        let (text, secret) = Secret::draw()?;
        self.sessions.retain(|it| it.until > now);
        if self.sessions.len() >= MOST {
            self.sessions.remove(0);
        }
        self.sessions.push(Session { hash: secret.to_hex(), name, role, until: now + VALID });
        self.write()?;
        Ok(text)
    }

    /// Whose cookie it is.
    pub(crate) fn caller(&self, cookie: &str, now: Timestamp) -> Option<Caller> {
        let mut living = self.sessions.iter().filter(|it| it.until > now);
        let own =
            living.find(|it| Secret::from_hex(&it.hash).is_some_and(|it| it.is_of(cookie)))?;
        let form_key = Secret::of(&format!("form {cookie}")).to_hex();
        Some(Caller { name: own.name.clone(), role: own.role, form_key: Some(form_key) })
    }

    /// Ends a session.
    pub(crate) fn end(&mut self, cookie: &str) -> anyhow::Result<()> {
        let hash = Secret::of(cookie).to_hex();
        self.sessions.retain(|it| it.hash != hash);
        self.write()
    }

    fn write(&self) -> anyhow::Result<()> {
        let new = self.file.with_extension("new");
        let write = || {
            let mut file = fs::OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&new)?;
            file.write_all(&serde_json::to_vec(&self.sessions)?)?;
            fs::rename(&new, &self.file)
        };
        write().with_context(|| format!("cannot write the sessions into {}", self.file.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_lasts_a_working_day_and_across_lives() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("sessions");
        let now = Timestamp::UNIX_EPOCH;
        let mut sessions = Sessions::read(&file);
        let cookie = sessions.begin("anna".to_owned(), Role::Operate, now).unwrap();
        assert!(!fs::read_to_string(&file).unwrap().contains(&cookie));
        let mut sessions = Sessions::read(&file);
        let anna = sessions.caller(&cookie, now).unwrap();
        assert_eq!((anna.name.as_str(), anna.role), ("anna", Role::Operate));
        assert_eq!(sessions.caller("", now), None);
        assert_eq!(sessions.caller(&cookie, now + VALID), None);
        sessions.end(&cookie).unwrap();
        assert_eq!(sessions.caller(&cookie, now), None);
        assert_eq!(Sessions::read(&file).caller(&cookie, now), None);
    }
}
