//! Who asks: a person who came by a one-time link, or a machine with a token.

mod links;
mod secret;
mod sessions;
mod throttle;

use serde::{Deserialize, Serialize};

pub(crate) use self::secret::Secret;
pub(super) use self::{links::Links, sessions::Sessions, throttle::Throttle};

/// What somebody may do.
#[derive(
    Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, clap::ValueEnum, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    /// See everything but payloads and output.
    View,
    /// See and change everything.
    Operate,
}

/// Who asks.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Caller {
    /// For the audit lines and the ledger.
    pub(super) name: String,
    pub(super) role: Role,
    /// Of a person's session: what a form must bring along. A machine has none.
    pub(super) form_key: Option<String>,
}

impl Role {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Operate => "operate",
        }
    }
}
