//! Secrets: a type that no output shows, and the redaction of settings.

use std::{collections::BTreeMap, fmt};

use sysconfig::Value;

use super::{database, task_types};
use crate::redact::{self, is_secret};

/// Shown in place of a secret.
pub(crate) const MASK: &str = "********";

/// A text that is neither printed nor serialized by accident: code that needs it calls `expose`.
#[derive(Clone, Default, Eq, PartialEq)]
pub(crate) struct Secret(String);

impl Secret {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the one place that needs it.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

/// Serializes secrets in the sealed memory that a module inherits, the only place where they are written.
pub(super) mod sealed {
    use serde::{Deserialize as _, Deserializer, Serializer};

    use super::{BTreeMap, Secret};

    pub(in crate::config) fn serialize<S: Serializer>(
        secrets: &BTreeMap<String, Secret>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_map(secrets.iter().map(|(name, secret)| (name, secret.expose())))
    }

    pub(in crate::config) fn deserialize<'a, D: Deserializer<'a>>(
        from: D,
    ) -> Result<BTreeMap<String, Secret>, D::Error> {
        let texts = BTreeMap::<String, String>::deserialize(from)?;
        Ok(texts.into_iter().map(|(name, text)| (name, Secret::new(text))).collect())
    }
}

/// The value of the setting `name` for display, with secrets redacted by their position or their name.
pub(crate) fn shown(name: &str, value: &Value) -> Value {
    let path: Vec<&str> = name.split("###").filter(|part| !part.is_empty()).collect();
    masked(&path, value)
}

/// `path` leads to `value`: the setting, then keys.
fn masked(path: &[&str], value: &Value) -> Value {
    match value {
        Value::Text(text) => Value::Text(text_at(path, text)),
        Value::List(items) => Value::List(items.iter().map(|item| masked(path, item)).collect()),
        Value::Map(map) => {
            let below = |key: &str, value| masked(&[path, &[key]].concat(), value);
            Value::Map(map.iter().map(|(key, value)| (key.clone(), below(key, value))).collect())
        }
        Value::Undef => Value::Undef,
    }
}

fn text_at(path: &[&str], text: &str) -> String {
    let is_secret = match path {
        ["DaemonModules", _, "Environment", ..]
        | [task_types::SETTING, _, "Http", "Headers", ..] => true,
        parts => parts.iter().any(|part| is_secret(part)),
    };
    match path {
        _ if is_secret && !text.is_empty() => MASK.to_owned(),
        [database::DATABASE_URL | database::CONSOLE_URL] => database::shown_url(text),
        [task_types::SETTING, _, "Http", "URL"] => without_query(text),
        _ => redact::without_users(text),
    }
}

/// Many services expect their token in the query.
fn without_query(url: &str) -> String {
    let shown = redact::without_users(url);
    shown.split_once('?').map_or(shown.clone(), |(place, _)| format!("{place}?{MASK}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    fn map(pairs: &[(&str, Value)]) -> Value {
        Value::Map(pairs.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect())
    }

    #[test]
    fn a_secret_is_known_by_its_place_at_every_depth() {
        let (types, hidden) = (task_types::SETTING, text("hidden"));
        let headers = map(&[("X-Key", hidden.clone())]);
        let http = map(&[("URL", text("https://a/b?key=hidden")), ("Headers", headers.clone())]);
        let hook = map(&[("Http", http.clone()), ("Timeout", text("5"))]);
        let environment = map(&[("DSN", hidden.clone())]);
        let module = map(&[("Environment", environment.clone()), ("Module", text("M"))]);
        for (name, value) in [
            (types.to_owned(), map(&[("Hook", hook.clone())])),
            (format!("{types}###Hook"), hook.clone()),
            (format!("{types}###Hook###Http"), http),
            (format!("{types}###Hook###Http###Headers"), headers),
            (format!("{types}###Hook###Http###Headers###X-Key"), hidden.clone()),
            ("DaemonModules".to_owned(), map(&[("A", module.clone())])),
            ("DaemonModules###A".to_owned(), module),
            ("DaemonModules###A###Environment".to_owned(), environment),
            ("DaemonModules###A###Environment###DSN".to_owned(), hidden),
            ("DatabasePw".to_owned(), text("hidden")),
            ("Proxy".to_owned(), text("http://me:hidden@proxy.example:3128/")),
            (
                "WebUserAgent".to_owned(),
                map(&[("Proxies", Value::List(vec![text("https://hidden@a")]))]),
            ),
            (
                database::DATABASE_URL.to_owned(),
                text("postgres://u:hidden@db/otrsd?password=hidden"),
            ),
        ] {
            let shown = format!("{:?}", shown(&name, &value));
            assert!(shown.contains("***") || shown.contains("db/otrsd"), "{name}: {shown}");
            assert!(!shown.contains("hidden"), "{name}: {shown}");
        }
        assert_eq!(shown("Other###Hook", &hook), hook);
        assert_eq!(shown("DatabasePw", &text("")), text(""));
    }

    #[test]
    fn a_secret_is_printed_by_nothing() {
        let secret = Secret::new("hidden");
        assert_eq!((format!("{secret:?}"), secret.expose()), (MASK.to_owned(), "hidden"));
    }
}
