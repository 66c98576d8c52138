//! The reference of all settings: the single source for `config describe`, for the handbook's chapter, and for the
//! readers of hashes, which report any other key as a problem.

#[cfg(test)]
pub(crate) mod every_setting;
mod findings;
mod hashes;
mod kind;
mod settings;

use std::fmt::Write as _;

pub(crate) use self::{
    findings::{findings, whole},
    hashes::{CRON_TASK, EVENT, HTTP, MODULE, TASK_TYPE},
    kind::{Kind, bytes, seconds, whole as number, zone},
};

/// All groups, in the order of the chapter.
pub(crate) const GROUPS: [&Group; 12] = [
    &settings::DAEMON,
    &settings::LOG,
    &settings::DATABASE,
    &MODULE,
    &settings::WORKER,
    &TASK_TYPE,
    &HTTP,
    &settings::CRON,
    &CRON_TASK,
    &EVENT,
    &settings::CONSOLE,
    &settings::HOME,
];

/// Settings that belong together, or the keys of one hash.
#[derive(Debug)]
pub(crate) struct Group {
    title: &'static str,
    /// For a hash: the name of its setting, before `###`.
    hash: &'static str,
    about: &'static str,
    keys: &'static [Key],
}

/// A setting, or a key of a hash.
#[derive(Debug)]
pub(crate) struct Key {
    name: &'static str,
    /// As it would be written, or in words; empty if there is none.
    default: &'static str,
    meaning: &'static str,
    kind: Kind,
}

const fn key(name: &'static str, default: &'static str, meaning: &'static str) -> Key {
    Key { name, default, meaning, kind: Kind::Text }
}

impl Key {
    const fn is(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }
}

/// A setting with its full name.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Described {
    pub(crate) name: String,
    /// What its value must be.
    pub(crate) value: String,
    pub(crate) default: &'static str,
    pub(crate) meaning: &'static str,
}

impl Group {
    /// Whether the hash has such a key.
    pub(crate) fn knows(&self, name: &str) -> bool {
        self.key(name).is_some()
    }

    fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// The setting that holds the hashes.
    pub(crate) fn setting(&self) -> &'static str {
        self.hash.split("###").next().unwrap_or_default()
    }

    /// The kind of a key's value.
    pub(crate) fn kind(&self, name: &str) -> Kind {
        self.key(name).map_or(Kind::Text, |key| key.kind)
    }

    fn full(&self, key: &Key) -> String {
        if self.hash.is_empty() {
            key.name.to_owned()
        } else {
            format!("{}###{}", self.hash, key.name)
        }
    }
}

/// All settings whose names contain the text, ignoring case.
pub(crate) fn find(text: &str) -> Vec<Described> {
    let text = text.to_lowercase();
    let all = GROUPS.iter().flat_map(|group| group.keys.iter().map(|key| (*group, key)));
    all.map(|(group, key)| Described {
        name: group.full(key),
        value: key.kind.to_string(),
        default: key.default,
        meaning: key.meaning,
    })
    .filter(|it| it.name.to_lowercase().contains(&text))
    .collect()
}

/// The handbook's chapter.
pub(crate) fn chapter() -> String {
    let mut page = include_str!("chapter.md").to_owned();
    for group in GROUPS {
        let Group { title, hash, about, keys } = group;
        let _ = write!(page, "\n## {title}\n\n");
        if !about.is_empty() {
            let _ = write!(page, "{about}\n\n");
        }
        let head = if hash.is_empty() { "setting" } else { "key" };
        let _ = write!(page, "| {head} | value | default | meaning |\n|---|---|---|---|\n");
        for Key { name, kind, default, meaning } in *keys {
            let _ = writeln!(page, "| `{name}` | {kind} | {default} | {meaning} |");
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_handbooks_chapter_is_of_this_program() {
        let page = include_str!("../../../../../docs/settings.md");
        assert!(page == chapter(), "otrsd config describe --markdown >docs/settings.md");
    }

    #[test]
    fn what_the_built_in_defaults_set_is_described_so() {
        let defaults = include_str!("../defaults.xml");
        for part in defaults.split("<Setting Name=\"").skip(1) {
            let (name, rest) = part.split_once('"').unwrap();
            let value = rest.split_once("</Item>").unwrap().0.rsplit('>').next().unwrap();
            let found = find(name);
            let described = found.iter().find(|it| it.name == name).expect(name);
            assert!(value.is_empty() || described.default.starts_with(value), "{described:?}");
        }
    }

    /// Names that occur as a whole string in the sources are described; the settings that only an installation has are
    /// excluded.
    #[test]
    fn what_the_program_reads_is_described() {
        let sources = [
            include_str!("../database.rs"),
            include_str!("../events.rs"),
            include_str!("../failure_mail.rs"),
            include_str!("../log.rs"),
            include_str!("../mod.rs"),
            include_str!("../registration.rs"),
            include_str!("../task_types.rs"),
            include_str!("../cron_tasks/mod.rs"),
            include_str!("../../home/mod.rs"),
            include_str!("../console.rs"),
            include_str!("../../worker/mod.rs"),
            include_str!("../../worker/perl/mod.rs"),
        ];
        let begins = ["Daemon::", "WebConsole::", "DatabaseURL", "OTRSTimeZone", "NodeID"];
        let names = sources.iter().flat_map(|source| source.split('"').skip(1).step_by(2));
        let names = names.filter(|name| begins.iter().any(|begin| name.starts_with(begin)));
        for name in names.filter(|name| !name.contains([' ', '#', '{'])) {
            assert!(!find(name).is_empty(), "{name}");
        }
    }

    #[test]
    fn a_text_finds_settings_and_keys() {
        let names = |text| find(text).into_iter().map(|it| it.name).collect::<Vec<_>>();
        assert_eq!(names("stopgrace"), ["Daemon::StopGrace"]);
        assert_eq!(names("###missedrunsl").len(), 1);
        assert!(names("").len() > 60);
    }
}
