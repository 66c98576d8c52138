//! The keys of a hash setting, each read and validated.

use std::time::Duration;

use jiff::tz::TimeZone;
use sysconfig::{Problem, SysConfig, Value};

use super::{
    problem,
    reference::{self, Group, Kind},
};

/// Much of a help desk's configuration is written by its web interface, whose administrators have no shell.
const FROM_A_DESK: &str = "a help desk's web interface may write its configuration; only a file of otrsd's own settings (--config) \
     may say this";

/// A hash setting, and where its keys come from.
pub(super) struct Keys<'a> {
    pub(super) value: &'a Value,
    settings: &'a SysConfig,
    group: &'static Group,
    name: String,
}

impl<'a> Keys<'a> {
    /// The hash `value` of the group's setting that is called `name`.
    pub(super) fn of(
        settings: &'a SysConfig,
        group: &'static Group,
        name: &str,
        value: &'a Value,
    ) -> Self {
        Self { value, settings, group, name: format!("{}###{name}", group.setting()) }
    }

    /// All problems of the hash: the refusal of its reader, if there is one, and the findings about its other keys.
    pub(super) fn problems(&self, refusal: Option<String>) -> Vec<Problem> {
        let is_told =
            |key: &str| refusal.as_ref().is_some_and(|what| what.starts_with(&format!("'{key}'")));
        let findings = self.group.findings(self.value).into_iter();
        let findings = findings.filter(|(key, _)| !is_told(key)).map(|(_, what)| what);
        let all: Vec<_> = findings.collect();
        let all = refusal.into_iter().chain(all);
        all.map(|what| problem(self.settings, &self.name, what)).collect()
    }

    /// Checks the origins of the key alone: its hash may come from a file of other users.
    pub(super) fn check_trust(&self, key: &str) -> Result<(), String> {
        let name = format!("{}###{key}", self.name);
        if self.settings.origins(&name).any(|origin| origin.is_shared) {
            return Err(format!("'{key}' is refused, for others could have set it: {FROM_A_DESK}"));
        }
        Ok(())
    }

    pub(super) fn text(&self, key: &str) -> Result<Option<&str>, String> {
        match self.value.get(key) {
            None | Some(Value::Undef) => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text.trim()).filter(|text| !text.is_empty())),
            Some(_) => Err(format!("'{key}' must be a text")),
        }
    }

    /// A duration, limited to the maximum.
    pub(super) fn seconds(&self, key: &str) -> Result<Option<Duration>, String> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        let seconds = reference::seconds(text).map(|it| Some(it.value));
        seconds.ok_or_else(|| format!("'{key}' must be seconds, not '{text}'"))
    }

    /// A whole number, limited to the bounds of its key.
    pub(super) fn number<N: TryFrom<i64>>(&self, key: &str) -> Result<Option<N>, String> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        let Kind::Whole(least, most) = self.group.kind(key) else {
            return Err(format!("'{key}' has no bounds"));
        };
        let number = reference::number(text, least, most);
        let number = number.and_then(|number| N::try_from(number.value).ok());
        number.map(Some).ok_or_else(|| format!("'{key}' must be a whole number, not '{text}'"))
    }

    pub(super) fn switch(&self, key: &str) -> Result<bool, String> {
        Ok(self.number::<i64>(key)? == Some(1))
    }

    /// 0 means no limit.
    pub(super) fn bytes(&self, key: &str) -> Result<Option<u64>, String> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        let bytes = reference::bytes(text);
        let bytes =
            bytes.ok_or_else(|| format!("'{key}' must be bytes like 200M, not '{text}'"))?;
        Ok(Some(bytes).filter(|bytes| *bytes > 0))
    }

    pub(super) fn zone(&self, key: &str) -> Result<Option<TimeZone>, String> {
        let Some(name) = self.text(key)? else { return Ok(None) };
        let wrong = || {
            format!(
                "'{key}': this machine's time-zone database knows no '{name}'; for example Europe/Berlin"
            )
        };
        reference::zone(name).map(Some).ok_or_else(wrong)
    }

    /// A relative program would depend on the caller's directory.
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
            // One word needs no array; several would need a shell to split them.
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
