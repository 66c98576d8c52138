//! JSON as its text, so that reading it loses nothing: the digits of a number, the order of keys and a key that
//! stands twice are what they were.

use std::{fmt, str::FromStr};

use serde::de::{DeserializeOwned, Deserializer, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

/// How deep arrays and objects are in each other at most: as deep as `serde_json` reads.
const MAX_DEPTH: usize = 127;

/// A task's data: any JSON, as the text that was given, without the white space around it.
///
/// ```
/// # use task_store::Payload;
/// let payload: Payload = r#" {"price": 1234567890123456.789} "#.parse()?;
/// assert_eq!(payload.text(), r#"{"price": 1234567890123456.789}"#);
/// # Ok::<(), task_store::PayloadError>(())
/// ```
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct Payload(Box<RawValue>);

/// A payload that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum PayloadError {
    /// Neither JSON nor base64.
    #[error("the payload is neither JSON nor base64 of a Storable image")]
    Text,
    /// No JSON, or a text in it that is not Unicode.
    #[error("the payload as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// Arrays and objects are too deep in each other.
    #[error("the payload has more than {MAX_DEPTH} levels of arrays and objects")]
    Deep,
    /// The image is damaged, or more than its limits allow.
    #[error("the payload's Storable image: {0}")]
    Image(#[from] perl_storable::Error),
    /// Deeper or larger than an image may be.
    #[error("the payload cannot be written for Perl: {0}")]
    Freeze(#[from] perl_storable::FreezeError),
    /// Perl data that JSON cannot hold.
    #[error("the payload holds a number that JSON does not know: {0}")]
    Number(f64),
}

impl Payload {
    /// What a value is as JSON.
    ///
    /// # Errors
    ///
    /// It is not the like of JSON: a map whose keys are no texts.
    pub fn of(value: &(impl Serialize + ?Sized)) -> Result<Self, PayloadError> {
        Ok(Self(to_raw_value(value)?))
    }

    /// The JSON.
    pub fn text(&self) -> &str {
        self.0.get()
    }

    /// The JSON, for keeps.
    pub fn into_text(self) -> String {
        Box::<str>::from(self.0).into()
    }

    /// Reads it as a type, whose numbers may be less exact than the text.
    ///
    /// # Errors
    ///
    /// The type has no such value.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, PayloadError> {
        Ok(serde_json::from_str(self.text())?)
    }
}

impl Default for Payload {
    /// `null`
    fn default() -> Self {
        Self(RawValue::NULL.to_owned())
    }
}

impl FromStr for Payload {
    type Err = PayloadError;

    fn from_str(text: &str) -> Result<Self, PayloadError> {
        let raw: Box<RawValue> = serde_json::from_str(text)?;
        if depth(raw.get()) > MAX_DEPTH { Err(PayloadError::Deep) } else { Ok(Self(raw)) }
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        if depth(raw.get()) > MAX_DEPTH {
            Err(D::Error::custom(PayloadError::Deep))
        } else {
            Ok(Self(raw))
        }
    }
}

/// Of what is JSON.
fn depth(json: &str) -> usize {
    let (mut depth, mut deepest, mut is_text, mut is_escaped) = (0_usize, 0, false, false);
    for byte in json.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => is_text = !is_text,
            _ if is_text => {}
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// One level of JSON; what is inside of it is still text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Shape<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// As it is written.
    Number(&'a str),
    /// What the quoted text says.
    Text(String),
    /// The elements.
    Array(Vec<&'a str>),
    /// The members in their order, also of one key several times.
    Object(Vec<(String, &'a str)>),
}

impl<'a> Shape<'a> {
    /// Of the JSON of a [`Payload`], or of a part of it.
    ///
    /// # Errors
    ///
    /// It is no JSON, or a text in it is not Unicode.
    pub fn of(json: &'a str) -> Result<Self, PayloadError> {
        let json = json.trim_ascii();
        Ok(match json.bytes().next() {
            Some(b'{') => Self::Object(serde_json::from_str::<Members<'a>>(json)?.0),
            Some(b'[') => {
                let elements: Vec<&RawValue> = serde_json::from_str(json)?;
                Self::Array(elements.into_iter().map(RawValue::get).collect())
            }
            Some(b'"') => Self::Text(serde_json::from_str(json)?),
            Some(b't' | b'f') => Self::Bool(serde_json::from_str(json)?),
            Some(b'n') => serde_json::from_str(json).map(|()| Self::Null)?,
            _ => Self::Number(serde_json::from_str::<&RawValue>(json)?.get()),
        })
    }
}

struct Members<'a>(Vec<(String, &'a str)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Collect)
    }
}

struct Collect;

impl<'de> Visitor<'de> for Collect {
    type Value = Members<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
        let mut members = Vec::new();
        while let Some((key, value)) = map.next_entry::<String, &RawValue>()? {
            members.push((key, value.get()));
        }
        Ok(Members(members))
    }
}
