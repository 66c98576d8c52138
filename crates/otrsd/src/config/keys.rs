//! The keys of a hash among the settings, each read with what it must be.

use std::time::Duration;

use sysconfig::{SysConfig, Value};

use super::trust;
use crate::home::Home;

/// Much of a help desk's configuration is written by its web interface, whose administrators have no shell.
const FROM_A_DESK: &str = "a help desk's web interface may write its configuration; only a file of otrsd's own settings (--config) \
     may say this";

/// A hash setting, and where its keys come from.
pub(super) struct Keys<'a> {
    pub(super) value: &'a Value,
    settings: &'a SysConfig,
    name: String,
}

impl<'a> Keys<'a> {
    /// The hash `value` of the setting `<parent>###<name>`.
    pub(super) fn of(settings: &'a SysConfig, parent: &str, name: &str, value: &'a Value) -> Self {
        Self { value, settings, name: format!("{parent}###{name}") }
    }

    /// Whoever set the key alone matters: its hash may come from a file of others.
    pub(super) fn check_trust(&self, key: &str) -> Result<(), String> {
        let name = format!("{}###{key}", self.name);
        let mut sources = self.settings.origins(&name).map(|origin| origin.source.as_ref());
        let desk = Home::of(self.settings).map(|home| home.configuration());
        let refusal = |source: &str| match &desk {
            Some(desk) if desk == source => Some(FROM_A_DESK.to_owned()),
            _ => trust::refusal(source.as_ref()),
        };
        match sources.find_map(refusal) {
            None => Ok(()),
            Some(why) => Err(format!("'{key}' is refused, for others could have set it: {why}")),
        }
    }

    pub(super) fn text(&self, key: &str) -> Result<Option<&str>, String> {
        match self.value.get(key) {
            None | Some(Value::Undef) => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text.trim()).filter(|text| !text.is_empty())),
            Some(_) => Err(format!("'{key}' must be a text")),
        }
    }

    pub(super) fn seconds(&self, key: &str) -> Result<Option<Duration>, String> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        let seconds = text.parse::<f64>().ok().and_then(|s| Duration::try_from_secs_f64(s).ok());
        seconds.map(Some).ok_or_else(|| format!("'{key}' must be seconds, not '{text}'"))
    }

    pub(super) fn number<N: std::str::FromStr>(&self, key: &str) -> Result<Option<N>, String> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        let number = text.parse().map(Some);
        number.map_err(|_| format!("'{key}' must be a whole number, not '{text}'"))
    }

    /// Bytes, or with K, M or G; 0 is no limit.
    pub(super) fn bytes(&self, key: &str) -> Result<Option<u64>, String> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        let (digits, shift) = match text.as_bytes().last() {
            Some(b'K') => (&text[..text.len() - 1], 10),
            Some(b'M') => (&text[..text.len() - 1], 20),
            Some(b'G') => (&text[..text.len() - 1], 30),
            _ => (text, 0),
        };
        let bytes = digits.parse::<u64>().ok().and_then(|n| n.checked_mul(1 << shift));
        let bytes =
            bytes.ok_or_else(|| format!("'{key}' must be bytes like 200M, not '{text}'"))?;
        Ok(Some(bytes).filter(|bytes| *bytes > 0))
    }

    /// A relative program would be another one for each caller's directory.
    pub(super) fn argv(&self, key: &str) -> Result<Option<Vec<String>>, String> {
        match self.words(key)? {
            Some(argv) if argv[0].contains('/') && !argv[0].starts_with('/') => {
                Err(format!("'{key}' must name a program by an absolute path or by its name alone"))
            }
            argv => Ok(argv),
        }
    }

    fn words(&self, key: &str) -> Result<Option<Vec<String>>, String> {
        let wrong = || format!("'{key}' must be an array: the program, then its arguments");
        match self.value.get(key) {
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
}
