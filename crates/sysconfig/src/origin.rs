//! The origin of a setting, and the problem of a setting that was left out.

use std::fmt;
use std::ops::Not;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The origin of a setting. Displayed as `/etc/otrsd/a.xml:12`, or, with line 0, as the source alone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Origin {
    /// A file, or a name for a source that is no file: a variable, the command line.
    pub source: Arc<str>,
    /// The line, counted from 1; 0 where there are no lines.
    pub line: u32,
    /// Whether other programs than the administrator's write there, as a help desk's web interface does.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub is_shared: bool,
}

impl Origin {
    /// An origin without lines: an environment variable, the command line, a built-in default.
    pub fn named(source: &str) -> Self {
        Self { source: Arc::from(source), line: 0, is_shared: false }
    }

    /// As [`named`](Self::named), for a source that other programs write, too.
    pub fn shared(source: &str) -> Self {
        Self { is_shared: true, ..Self::named(source) }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.source),
            line => write!(f, "{}:{line}", self.source),
        }
    }
}

/// One setting that cannot be used. It is left out; all others are used. Displayed as `file:line: setting X: what`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The position of the fault, which may be some lines below the start of the setting.
    pub origin: Origin,
    /// The setting's full name; `None` where the fault is outside any setting or its name is missing.
    pub setting: Option<String>,
    /// What was found and what was expected.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.setting {
            Some(setting) => write!(f, "{}: setting {setting}: {}", self.origin, self.what),
            None => write!(f, "{}: {}", self.origin, self.what),
        }
    }
}
