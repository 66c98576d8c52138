//! One-time links: the command line asks for one, a browser uses it up.

use std::time::Duration;

use super::{Role, Secret};
use crate::clock::Moment;

/// How long a link may be used.
pub(crate) const VALID: Duration = Duration::from_mins(1);
/// Links that wait to be used; more are asked for by nobody but a script gone wild.
const MOST: usize = 100;

/// The links that were given out and not used yet.
#[derive(Default)]
pub(crate) struct Links {
    links: Vec<Link>,
}

struct Link {
    secret: Secret,
    /// Who asked for it.
    name: String,
    role: Role,
    until: Moment,
}

impl Links {
    /// A new link's code.
    pub(crate) fn add(&mut self, name: &str, role: Role, now: Moment) -> anyhow::Result<String> {
        let (code, secret) = Secret::draw()?;
        self.links.retain(|link| link.until > now);
        if self.links.len() >= MOST {
            self.links.remove(0);
        }
        self.links.push(Link { secret, name: name.to_owned(), role, until: now + VALID });
        Ok(code)
    }

    /// Uses a link up: whose it is.
    pub(crate) fn take(&mut self, code: &str, now: Moment) -> Option<(String, Role)> {
        self.links.retain(|link| link.until > now);
        let place = self.links.iter().position(|link| link.secret.is_of(code))?;
        let link = self.links.remove(place);
        Some((link.name, link.role))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_opens_once_and_not_for_long() {
        let mut links = Links::default();
        let begin = Moment::from_secs(100);
        let one = links.add("anna", Role::Operate, begin).unwrap();
        let other = links.add("bert", Role::View, begin).unwrap();
        assert_eq!(links.take("", begin), None);
        assert_eq!(links.take(&one, begin), Some(("anna".to_owned(), Role::Operate)));
        assert_eq!(links.take(&one, begin), None);
        assert_eq!(links.take(&other, begin + VALID), None);
        let many: Vec<_> = (0..=MOST).map(|_| links.add("x", Role::View, begin).unwrap()).collect();
        assert_eq!(links.take(&many[0], begin), None);
        assert!(links.take(&many[MOST], begin).is_some());
    }
}
