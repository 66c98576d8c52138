//! Sessions of persons. A file of hashes keeps them across restarts of the console, so that a discard ends no session.

use std::{
    io::Read as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Caller, Ticket, make_room};
use crate::{
    config::{console::Grant, secret_hash::SecretHash},
    process::own_file,
};

/// A working day.
const VALID: SignedDuration = SignedDuration::from_hours(12);
/// The maximum size of the file in bytes.
const LARGEST: u64 = 1 << 20;

/// The open sessions.
pub(crate) struct Sessions {
    file: PathBuf,
    sessions: Vec<Session>,
}

/// A session, as it is stored in the file.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Session {
    /// The hash of the cookie's value.
    hash: String,
    /// The hash of the host name that it is bound to: browsers send a cookie to every port of a host.
    host: String,
    #[serde(flatten)]
    pub(crate) grant: Grant,
    pub(crate) since: Timestamp,
    pub(crate) until: Timestamp,
}

impl Session {
    /// The public id of the session.
    pub(crate) fn id(&self) -> &str {
        self.hash.get(..16).unwrap_or_default()
    }
}

impl Sessions {
    /// Reads the sessions of an earlier process whose token, if they have one, still grants the same. Without a
    /// readable file there are no sessions.
    pub(crate) fn read(file: &Path, is_good: impl Fn(&Grant) -> bool) -> Self {
        let mut text = Vec::new();
        let read = own_file::read(file).and_then(|file| file.take(LARGEST).read_to_end(&mut text));
        let sessions = read.ok().and_then(|_| serde_json::from_slice(&text).ok());
        let mut sessions: Vec<Session> = sessions.unwrap_or_default();
        sessions.retain(|it| is_good(&it.grant));
        Self { file: file.to_owned(), sessions }
    }

    /// Starts a session at a host name and returns the cookie's value.
    ///
    /// # Errors
    ///
    /// The kernel returns no random numbers, or the file cannot be written.
    pub(crate) fn begin(
        &mut self,
        grant: Grant,
        host: &str,
        now: Timestamp,
    ) -> anyhow::Result<String> {
        let (text, secret) = SecretHash::draw()?;
        self.sessions.retain(|it| it.until > now);
        make_room(&mut self.sessions, &grant, |it| &it.grant);
        let (hash, host) = (secret.to_hex(), SecretHash::of(host).to_hex());
        self.sessions.push(Session { hash, host, grant, since: now, until: now + VALID });
        self.write()?;
        Ok(text)
    }

    /// The caller of a cookie, at the host name that it is bound to.
    pub(crate) fn caller(&self, cookie: &str, host: &str, now: Timestamp) -> Option<Caller> {
        let is =
            |hash: &str, text: &str| SecretHash::from_hex(hash).is_some_and(|it| it.is_of(text));
        let own = self.living(now).find(|it| is(&it.hash, cookie) && is(&it.host, host))?;
        let form_key = SecretHash::of(&format!("form {cookie}")).to_hex();
        let session = Some(Ticket { id: own.id().to_owned(), form_key });
        Some(Caller { name: own.grant.name.clone(), role: own.grant.role, session })
    }

    /// The sessions that have not expired, oldest first.
    pub(crate) fn living(&self, now: Timestamp) -> impl Iterator<Item = &Session> {
        self.sessions.iter().filter(move |it| it.until > now)
    }

    /// Ends a session.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub(crate) fn end(&mut self, id: &str) -> anyhow::Result<()> {
        self.sessions.retain(|it| it.id() != id);
        self.write()
    }

    fn write(&self) -> anyhow::Result<()> {
        let text = serde_json::to_vec(&self.sessions)?;
        own_file::replace(&self.file, 0o600, &text)
            .with_context(|| format!("cannot write the sessions into {}", self.file.display()))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{super::MOST_OF_A_NAME, *};
    use crate::config::console::Role;

    const HOST: &str = "a.localhost";

    fn grant(name: &str, role: Role) -> Grant {
        Grant { name: name.to_owned(), role, token: None }
    }

    #[test]
    fn a_session_lasts_a_working_day_and_across_lives() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("sessions");
        let now = Timestamp::UNIX_EPOCH;
        let mut sessions = Sessions::read(&file, |_| true);
        let cookie = sessions.begin(grant("anna", Role::Operate), HOST, now).unwrap();
        let text = fs::read_to_string(&file).unwrap();
        assert!(!text.contains(&cookie) && !text.contains(HOST), "{text}");
        let mut sessions = Sessions::read(&file, |_| true);
        let anna = sessions.caller(&cookie, HOST, now).unwrap();
        assert_eq!((anna.name.as_str(), anna.role), ("anna", Role::Operate));
        assert_eq!(sessions.caller("", HOST, now), None);
        assert_eq!(sessions.caller(&cookie, "b.localhost", now), None);
        assert_eq!(sessions.caller(&cookie, HOST, now + VALID), None);
        sessions.end(&anna.session.unwrap().id).unwrap();
        assert_eq!(sessions.caller(&cookie, HOST, now), None);
        assert_eq!(Sessions::read(&file, |_| true).caller(&cookie, HOST, now), None);
    }

    #[test]
    fn a_session_ends_with_its_token() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("sessions");
        let now = Timestamp::UNIX_EPOCH;
        let token = Grant { token: Some("abc".to_owned()), ..grant("token x", Role::View) };
        let cookie = Sessions::read(&file, |_| true).begin(token, HOST, now).unwrap();
        let read = |known: &str| {
            Sessions::read(&file, |it| it.token.as_deref().is_none_or(|it| it == known))
                .caller(&cookie, HOST, now)
        };
        assert!(read("abc").is_some());
        assert_eq!(read("def"), None);
    }

    #[test]
    fn many_sessions_push_out_those_of_the_same_name_alone() {
        let directory = tempfile::tempdir().unwrap();
        let mut sessions = Sessions::read(&directory.path().join("sessions"), |_| true);
        let now = Timestamp::UNIX_EPOCH;
        let anna = sessions.begin(grant("anna", Role::Operate), HOST, now).unwrap();
        let mut more = || sessions.begin(grant("anna", Role::View), HOST, now).unwrap();
        let many: Vec<_> = (0..=MOST_OF_A_NAME).map(|_| more()).collect();
        let is_in = |cookie: &str| sessions.caller(cookie, HOST, now).is_some();
        assert!(is_in(&anna) && is_in(&many[1]) && !is_in(&many[0]));
    }
}
