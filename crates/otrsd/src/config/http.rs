//! The key `Http` of a task type: the request to send. The values of its headers are secrets.

use std::fmt;

use hyper::{
    HeaderMap, Method, Uri,
    header::{
        CONNECTION, CONTENT_LENGTH, HOST, HeaderName, HeaderValue, TRANSFER_ENCODING, UPGRADE,
    },
    http::uri::Authority,
};
use sysconfig::Value;

use super::reference::HTTP;

/// Headers that the connection itself sets.
const OURS: [HeaderName; 5] = [CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING, UPGRADE];
const METHODS: [Method; 5] =
    [Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::GET];

/// A request that is sent for each task of a type.
#[derive(Clone, Eq, PartialEq)]
pub(crate) struct Call {
    pub(crate) url: Uri,
    pub(crate) method: Method,
    pub(crate) headers: HeaderMap,
}

impl Call {
    /// The target of the request for display, without the path, which may hold a secret.
    pub(crate) fn place(&self) -> &str {
        self.url.authority().map_or("", |authority| authority.as_str())
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.method, self.place())
    }
}

/// Reads the key. No message quotes what may be a secret.
pub(super) fn read(value: &Value) -> Result<Call, String> {
    let Some(map) = value.as_map() else {
        return Err("'Http' must be a hash with the key 'URL'".to_owned());
    };
    if let Some(key) = map.keys().find(|key| !HTTP.knows(key)) {
        return Err(format!("key '{key}' means nothing in 'Http'"));
    }
    Ok(Call {
        url: url(value.get("URL"))?,
        method: method(value.get("Method"))?,
        headers: headers(value.get("Headers"))?,
    })
}

fn url(value: Option<&Value>) -> Result<Uri, String> {
    let wrong = "'URL' of 'Http' must be like https://host/path";
    let text = value.and_then(Value::as_text).map(str::trim).ok_or(wrong)?;
    let url: Uri = text.parse().map_err(|_| wrong)?;
    let authority = url.authority().map(Authority::as_str).unwrap_or_default();
    if !matches!(url.scheme_str(), Some("http" | "https")) || authority.is_empty() {
        return Err(wrong.to_owned());
    }
    if authority.contains('@') {
        return Err("'URL' of 'Http' must hold no password: write 'Headers' instead".to_owned());
    }
    Ok(url)
}

fn method(value: Option<&Value>) -> Result<Method, String> {
    let text = match value {
        None | Some(Value::Undef) => return Ok(Method::POST),
        Some(value) => value.as_text().unwrap_or_default().trim(),
    };
    let known = METHODS.into_iter().find(|method| method.as_str() == text);
    known.ok_or_else(|| {
        format!("'Method' of 'Http' must be POST, PUT, PATCH, DELETE or GET, not '{text}'")
    })
}

fn headers(value: Option<&Value>) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    let map = match value {
        None | Some(Value::Undef) => return Ok(headers),
        Some(value) => value.as_map().ok_or("'Headers' of 'Http' must be a hash of texts")?,
    };
    for (key, value) in map {
        let name: HeaderName =
            key.trim().parse().map_err(|_| format!("'{key}' is no name of a header"))?;
        if OURS.contains(&name) {
            return Err(format!("the header '{key}' is not yours to set"));
        }
        let value = value.as_text().and_then(|text| HeaderValue::from_str(text.trim()).ok());
        let mut value = value.ok_or_else(|| format!("the header '{key}' has no usable value"))?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    fn map(items: &[(&str, Value)]) -> Value {
        Value::Map(items.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect())
    }

    #[test]
    fn what_is_wrong_is_said_without_secrets() {
        let url = || text("https://example.org/hook");
        let header = |name, value| map(&[("URL", url()), ("Headers", map(&[(name, text(value))]))]);
        for (value, expected) in [
            (map(&[("URL", url())]), "POST example.org"),
            (map(&[("URL", text("http://[::1]:80/")), ("Method", text("PUT"))]), "PUT [::1]:80"),
            (header("X-Token", "hidden"), "POST example.org"),
            (text("https://example.org"), "must be a hash"),
            (map(&[]), "must be like"),
            (map(&[("URL", text("ftp://example.org/"))]), "must be like"),
            (map(&[("URL", text("/hidden"))]), "must be like"),
            (map(&[("URL", text("https://me:hidden@example.org/"))]), "no password"),
            (map(&[("URL", url()), ("Method", text("post"))]), "not 'post'"),
            (map(&[("URL", url()), ("Url", url())]), "key 'Url' means nothing"),
            (header("X Token", "hidden"), "'X Token' is no name"),
            (header("X-Token", "hid\nden"), "'X-Token' has no usable value"),
            (header("Host", "hidden"), "not yours"),
        ] {
            let read = read(&value).map_or_else(|wrong| wrong, |call| format!("{call:?}"));
            assert!(read.contains(expected) && !read.contains("hid"), "{read}, not {expected}");
        }
    }
}
