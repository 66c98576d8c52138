//! The keys of one registration, each read with what it must be.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use sysconfig::{Origin, Value};

use super::{
    modules::{Kind, ModuleSpec},
    trust,
};
use crate::module::{Pace, registry::Registry};

/// Keys that run programs or change who runs them.
const TRUSTED_KEYS: [&str; 5] =
    ["Command", "SummaryCommand", "WorkingDirectory", "Environment", "User"];
const OTHER_KEYS: [&str; 5] = ["Module", "SleepPost", "Discard", "WatchdogSeconds", "MemoryMax"];

pub(super) struct Registration<'a> {
    pub(super) keys: &'a Value,
    /// Everything that contributed to the keys.
    pub(super) origins: Vec<&'a Origin>,
    pub(super) registry: &'a Registry,
}

impl Registration<'_> {
    /// The specification, or what keeps it from being one.
    pub(super) fn spec(&self, name: &str) -> Result<ModuleSpec, String> {
        let Some(keys) = self.keys.as_map() else {
            return Err("a registration is a hash with the key 'Module'".to_owned());
        };
        if let Some(key) = TRUSTED_KEYS.iter().find(|key| keys.contains_key(**key)) {
            self.check_trust(key)?;
        }
        let module = self.text("Module")?.unwrap_or_default().to_owned();
        let pace =
            Pace { sleep_post: self.seconds("SleepPost")?, discard: self.seconds("Discard")? };
        let spec = ModuleSpec {
            name: name.to_owned(),
            kind: self.kind(&module, pace)?,
            module,
            pace,
            summary_command: self.argv("SummaryCommand")?,
            working_directory: self.directory("WorkingDirectory")?,
            environment: self.environment()?,
            user: self.text("User")?.map(str::to_owned),
            watchdog: self.seconds("WatchdogSeconds")?.filter(|longest| !longest.is_zero()),
            memory_max: self.bytes("MemoryMax")?.filter(|most| *most > 0),
        };
        spec.check()?;
        Ok(spec)
    }

    /// A command is asked for expressly, so it goes before a native module of the same name.
    fn kind(&self, module: &str, pace: Pace) -> Result<Kind, String> {
        match self.argv("Command")? {
            Some(argv) if pace == Pace::default() => Ok(Kind::Command(argv)),
            Some(argv) => Ok(Kind::Rounds(argv)),
            None if module.is_empty() => Err("the key 'Module' or 'Command' is missing".to_owned()),
            None if self.registry.contains(module) => Ok(Kind::Native),
            None => Err(format!(
                "no module '{module}' in this program; known are {}. \
                 Is the name right? Does it need a 'Command'?",
                self.registry.names(),
            )),
        }
    }

    fn check_trust(&self, key: &str) -> Result<(), String> {
        let mut sources = self.origins.iter().map(|origin| origin.source.as_ref());
        match sources.find_map(|source: &str| trust::refusal(source.as_ref())) {
            None => Ok(()),
            Some(why) => Err(format!("'{key}' is refused, for others could have set it: {why}")),
        }
    }

    fn text(&self, key: &str) -> Result<Option<&str>, String> {
        match self.keys.get(key) {
            None | Some(Value::Undef) => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text.trim()).filter(|text| !text.is_empty())),
            Some(_) => Err(format!("'{key}' must be a text")),
        }
    }

    fn seconds(&self, key: &str) -> Result<Option<Duration>, String> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        let seconds = text.parse::<f64>().ok().and_then(|s| Duration::try_from_secs_f64(s).ok());
        seconds.map(Some).ok_or_else(|| format!("'{key}' must be seconds, not '{text}'"))
    }

    fn bytes(&self, key: &str) -> Result<Option<u64>, String> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        let (digits, shift) = match text.as_bytes().last() {
            Some(b'K') => (&text[..text.len() - 1], 10),
            Some(b'M') => (&text[..text.len() - 1], 20),
            Some(b'G') => (&text[..text.len() - 1], 30),
            _ => (text, 0),
        };
        let bytes = digits.parse::<u64>().ok().and_then(|n| n.checked_mul(1 << shift));
        bytes.map(Some).ok_or_else(|| format!("'{key}' must be bytes like 200M, not '{text}'"))
    }

    fn directory(&self, key: &str) -> Result<Option<PathBuf>, String> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        let path = PathBuf::from(text);
        if path.is_absolute() {
            Ok(Some(path))
        } else {
            Err(format!("'{key}' must be an absolute path"))
        }
    }

    /// A relative program would be another one for each caller's directory.
    fn argv(&self, key: &str) -> Result<Option<Vec<String>>, String> {
        match self.words(key)? {
            Some(argv) if argv[0].contains('/') && !argv[0].starts_with('/') => {
                Err(format!("'{key}' must name a program by an absolute path or by its name alone"))
            }
            argv => Ok(argv),
        }
    }

    fn words(&self, key: &str) -> Result<Option<Vec<String>>, String> {
        let wrong = || format!("'{key}' must be an array: the program, then its arguments");
        match self.keys.get(key) {
            None | Some(Value::Undef) => Ok(None),
            // One word needs no array; more would need a shell to be split by.
            Some(Value::Text(program)) if !program.contains(char::is_whitespace) => {
                Ok(Some(vec![program.clone()]).filter(|argv| !argv[0].is_empty()))
            }
            Some(Value::List(items)) if !items.is_empty() => {
                let words = items.iter().map(|item| item.as_text().map(str::to_owned));
                words.collect::<Option<Vec<_>>>().map(Some).ok_or_else(wrong)
            }
            Some(_) => Err(wrong()),
        }
    }

    fn environment(&self) -> Result<BTreeMap<String, String>, String> {
        let wrong = || "'Environment' must be a hash of variables".to_owned();
        let value = match self.keys.get("Environment") {
            None | Some(Value::Undef) => return Ok(BTreeMap::new()),
            Some(value) => value,
        };
        let pairs = value.as_map().ok_or_else(wrong)?.iter();
        pairs
            .map(|(key, value)| Some((key.clone(), value.as_text()?.to_owned())))
            .collect::<Option<_>>()
            .ok_or_else(wrong)
    }
}

/// Keys that nothing reads: most often a slip of the pen.
pub(super) fn unknown_keys(registration: &Value) -> impl Iterator<Item = String> {
    let keys = registration.as_map().into_iter().flat_map(BTreeMap::keys);
    keys.filter(|key| !TRUSTED_KEYS.contains(&key.as_str()) && !OTHER_KEYS.contains(&key.as_str()))
        .map(|key| format!("key '{key}' means nothing here"))
}
