//! Who asks: a person who came by a one-time link, or a machine with a token.

use crate::config::console::{Grant, Role};

mod failures;
mod links;
mod sessions;

pub(super) use self::{failures::Failures, links::Links, sessions::Sessions};

/// Who asks.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Caller {
    /// For the audit lines and the ledger.
    pub(super) name: String,
    pub(super) role: Role,
    /// A machine has none.
    pub(super) session: Option<Ticket>,
}

impl Caller {
    /// Whether the caller may see what tasks and modules bring along: payloads, output and the lines of it that became errors and
    /// reasons, logs, and the values of settings that say what is run. All pages and answers ask here.
    pub(super) fn sees_contents(&self) -> bool {
        self.role >= Role::Operate
    }

    /// Such a text, if there is one that the caller may see.
    pub(super) fn seen<'a>(&self, text: impl Into<Option<&'a str>>) -> Option<&'a str> {
        text.into().filter(|text| self.sees_contents() && !text.trim().is_empty())
    }
}

/// A person's session.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Ticket {
    /// What the console calls it; it opens nothing.
    pub(super) id: String,
    /// What each form must bring along.
    pub(super) form_key: String,
}

/// Of each name in a role, links and sessions alike: more push out its own oldest, and those of no other.
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
