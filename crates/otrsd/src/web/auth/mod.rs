//! Authentication of callers: a person with a one-time link, or a program with a token.

use crate::config::console::{Grant, Role};

mod failures;
mod links;
mod sessions;

pub(super) use self::{failures::Failures, links::Links, sessions::Sessions};

/// An authenticated caller.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Caller {
    /// For the audit lines and the ledger.
    pub(super) name: String,
    pub(super) role: Role,
    /// Programs have no session.
    pub(super) session: Option<Ticket>,
}

impl Caller {
    /// Whether the caller may see the contents of tasks and modules: payloads, output and the lines of it that became
    /// errors and reasons, logs, and the values of settings that say what is run. All pages and the API check it here.
    pub(super) fn sees_contents(&self) -> bool {
        self.role >= Role::Operate
    }

    /// Returns such a text if the caller may see it.
    pub(super) fn seen<'a>(&self, text: impl Into<Option<&'a str>>) -> Option<&'a str> {
        text.into().filter(|text| self.sees_contents() && !text.trim().is_empty())
    }
}

/// A person's session.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Ticket {
    /// The public id of the session; it grants nothing.
    pub(super) id: String,
    /// The key that each form must contain.
    pub(super) form_key: String,
}

/// The maximum number of links, and of sessions, per name in a role: a further one replaces the oldest of the same
/// name, and none of another.
const MOST_OF_A_NAME: usize = 20;

/// Makes room for one more of a name.
fn make_room<T>(all: &mut Vec<T>, of: &Grant, grant: impl Fn(&T) -> &Grant) {
    let is_own = |it: &T| grant(it).name == of.name && grant(it).role == of.role;
    let own = all.iter().filter(|it| is_own(it)).count();
    if own >= MOST_OF_A_NAME
        && let Some(oldest) = all.iter().position(is_own)
    {
        all.remove(oldest);
    }
}
