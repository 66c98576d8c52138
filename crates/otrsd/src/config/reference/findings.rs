//! Findings about settings whose value is replaced by their reader, and about settings that are not read at all.

use std::collections::BTreeSet;

use sysconfig::{Problem, SysConfig, Value};

use super::{GROUPS, Group, Key, Kind, kind};
use crate::{
    config::{home::Home, problem},
    text::nearest,
};

/// Prefixes below which only the described names have a meaning.
const OWN: [&str; 6] = [
    "Daemon::Event",
    "Daemon::Log::",
    "Daemon::PID::",
    "Daemon::SchedulerCronTaskManager::",
    "Daemon::SchedulerTaskWorker::",
    "WebConsole::",
];

/// The findings of all settings, without those that their reader has already reported in `told`.
pub(crate) fn findings(settings: &SysConfig, told: &[Problem]) -> Vec<Problem> {
    // A bad NodeID is a fault, and is reported as such.
    let told: BTreeSet<_> =
        told.iter().filter_map(|it| it.setting.as_deref()).chain(["NodeID"]).collect();
    let values = plain().filter_map(|key| Some((key.name, wrong(key, settings.get(key.name)?)?)));
    let is_hash = |name: &str| settings.get(name).is_none_or(|it| it.as_map().is_some());
    let hashes = hashes().filter(|name| !is_hash(name));
    let hashes = hashes.map(|name| (name, "must be a hash; nothing of it counts".to_owned()));
    let all = values.chain(hashes).filter(|(name, _)| !told.contains(name));
    let all = all.map(|(name, what)| problem(settings, name, what));
    all.chain(unknown(settings)).collect()
}

/// The whole number of a setting; its default if it is not set, no number, or out of bounds.
pub(crate) fn whole(settings: &SysConfig, name: &str) -> u64 {
    let key = plain().find(|key| key.name == name);
    let text = settings.get(name).and_then(Value::as_text).unwrap_or_default();
    let given = key.and_then(|key| within(key.kind, text.trim()));
    given.or_else(|| default(key?).parse().ok()).unwrap_or_default()
}

fn within(kind: Kind, text: &str) -> Option<u64> {
    let Kind::Whole(least, most) = kind else { return None };
    let number = kind::whole(text, least, most).filter(|number| !number.is_held)?;
    u64::try_from(number.value).ok()
}

/// What is wrong with the value of a setting, and which value is used instead.
fn wrong(key: &Key, value: &Value) -> Option<String> {
    let default = default(key);
    let what = match (key.kind, key.kind.judge(value), value) {
        (_, Ok(None), _) => return None,
        (Kind::Whole(0, 1), _, Value::Text(text)) => format!("'{text}' is neither 0 nor 1"),
        (Kind::Whole(0, most), _, Value::Text(text)) => {
            format!("'{text}' is not a whole number up to {most}")
        }
        (Kind::Whole(least, most), _, Value::Text(text)) => {
            format!("'{text}' is not a whole number from {least} to {most}")
        }
        (Kind::Zone, Err(what), _) => {
            return Some(format!("{what}; nothing opens the database until it is one"));
        }
        (_, Ok(Some(what)) | Err(what), _) => what,
    };
    Some(if default.is_empty() {
        format!("{what}; it is left out")
    } else {
        format!("{what}; {default} is used")
    })
}

/// The default as it would be written.
fn default(key: &Key) -> &'static str {
    key.default.split(',').next().unwrap_or_default().trim_matches('`')
}

/// The described settings that are not hashes with arbitrary keys.
fn plain() -> impl Iterator<Item = &'static Key> {
    let groups = GROUPS.iter().filter(|group| group.hash.is_empty());
    groups.flat_map(|group| group.keys).filter(|key| !key.name.contains("###"))
}

/// The names of the hashes.
fn hashes() -> impl Iterator<Item = &'static str> {
    let groups = GROUPS.iter().map(|group| group.hash).filter(|hash| !hash.is_empty());
    let keys = GROUPS.iter().flat_map(|group| group.keys).map(|key| key.name);
    let hashes = groups.chain(keys).filter_map(|name| name.split_once("###"));
    hashes.map(|(name, _)| name).collect::<BTreeSet<_>>().into_iter()
}

/// Settings that are not read: those below a prefix of this program, and those that are close enough to a described one
/// to be a typo. The other settings of an installation belong to the installation.
fn unknown(settings: &SysConfig) -> Vec<Problem> {
    let known: BTreeSet<&str> = plain().map(|key| key.name).chain(hashes()).collect();
    let desk = Home::of(settings).map(|home| home.configuration());
    let is_desks = |source: &str| desk.as_deref() == Some(source);
    let given = settings.iter().filter(|(.., origin)| !is_desks(&origin.source));
    let given = given.map(|(name, ..)| (name, name.split("###").next().unwrap_or(name)));
    let unknown = given.filter(|(_, root)| !known.contains(root));
    let say = |(name, root): (&str, &str)| {
        let meant = nearest::meant(root, known.iter().copied());
        let is_ours = OWN.iter().any(|own| root.starts_with(own));
        let what = format!("means nothing here{meant}");
        (is_ours || !meant.is_empty()).then(|| problem(settings, name, what))
    };
    unknown.filter_map(say).collect()
}

impl Group {
    /// What is wrong with the keys of a hash of this group: the name of each, and the finding.
    pub(crate) fn findings(&self, hash: &Value) -> Vec<(String, String)> {
        let keys = hash.as_map().into_iter().flatten();
        let find = |(name, value): (&String, &Value)| match self.key(name) {
            None => {
                let meant = nearest::meant(name, self.keys.iter().map(|key| key.name));
                Some((name.clone(), format!("key '{name}' means nothing here{meant}")))
            }
            Some(key) => match key.kind.judge(value) {
                Ok(None) => None,
                Ok(Some(what)) | Err(what) => Some((name.clone(), format!("'{name}' {what}"))),
            },
        };
        keys.filter_map(find).collect()
    }
}
