//! One-time links: the command line requests one, a browser consumes it.

use std::time::Duration;

use super::make_room;
use crate::{
    clock::MonotonicTime,
    config::{console::Grant, secret_hash::SecretHash},
};

/// The validity of a link.
pub(crate) const VALID: Duration = Duration::from_mins(1);

/// The links that were issued and not used yet.
#[derive(Default)]
pub(crate) struct Links {
    links: Vec<Link>,
}

struct Link {
    secret: SecretHash,
    grant: Grant,
    /// The host name of the session that the link starts, if it is restricted to one.
    host: Option<String>,
    until: MonotonicTime,
}

impl Links {
    /// The code of a new link. With a host name, it starts a session at that name and at no other.
    ///
    /// # Errors
    ///
    /// The kernel returns no random numbers.
    pub(crate) fn add(
        &mut self,
        grant: Grant,
        host: Option<String>,
        now: MonotonicTime,
    ) -> anyhow::Result<String> {
        let (code, secret) = SecretHash::draw()?;
        self.links.retain(|link| link.until > now);
        make_room(&mut self.links, &grant, |link| &link.grant);
        self.links.push(Link { secret, grant, host, until: now + VALID });
        Ok(code)
    }

    /// Consumes a link; returns its grant and its host name.
    pub(crate) fn take(
        &mut self,
        code: &str,
        now: MonotonicTime,
    ) -> Option<(Grant, Option<String>)> {
        self.links.retain(|link| link.until > now);
        let place = self.links.iter().position(|link| link.secret.is_of(code))?;
        let link = self.links.remove(place);
        Some((link.grant, link.host))
    }
}

#[cfg(test)]
mod tests {
    use super::{super::MOST_OF_A_NAME, *};
    use crate::config::console::Role;

    fn grant(name: &str, role: Role) -> Grant {
        Grant { name: name.to_owned(), role, token: None }
    }

    #[test]
    fn a_link_opens_once_and_not_for_long() {
        let mut links = Links::default();
        let begin = MonotonicTime::from_secs(100);
        let anna = grant("anna", Role::Operate);
        let one = links.add(anna.clone(), None, begin).unwrap();
        let other = links.add(anna.clone(), Some("x.localhost".to_owned()), begin).unwrap();
        assert_eq!(links.take("", begin), None);
        assert_eq!(links.take(&one, begin), Some((anna, None)));
        assert_eq!(links.take(&one, begin), None);
        assert_eq!(links.take(&other, begin + VALID), None);
    }

    #[test]
    fn many_links_push_out_those_of_the_same_name_alone() {
        let mut links = Links::default();
        let now = MonotonicTime::from_secs(100);
        let anna = links.add(grant("anna", Role::Operate), None, now).unwrap();
        let mut more = || links.add(grant("anna", Role::View), None, now).unwrap();
        let many: Vec<_> = (0..=MOST_OF_A_NAME).map(|_| more()).collect();
        assert_eq!(links.take(&many[0], now), None);
        assert!(links.take(&many[MOST_OF_A_NAME], now).is_some());
        assert!(links.take(&anna, now).is_some());
    }
}
