//! A task's data: what is in the column `task_data`, and the JSON that people and handlers see.
//!
//! Wherever Perl may read it, the column holds base64 of a Storable image, in lines of 76 characters;
//! elsewhere JSON. Reading accepts both, and looks at nothing but the text itself.

use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::{Engine, alphabet};
use perl_storable::{Hash, Key, Value};
use serde_json::{Map, Number, Value as Json};

const LINE: usize = 76;
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// How payloads are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Encoding {
    /// As JSON: nobody but us reads it.
    Json,
    /// As the original does, since a Perl process may run the task.
    Storable,
}

/// A payload that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum PayloadError {
    /// Neither JSON nor base64.
    #[error("the payload is neither JSON nor base64 of a Storable image")]
    Text,
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

/// The text of the column.
pub fn encode(data: &Json, encoding: Encoding) -> Result<String, PayloadError> {
    match encoding {
        Encoding::Json => Ok(data.to_string()),
        Encoding::Storable => Ok(in_lines(&BASE64.encode(perl_storable::freeze(&to_perl(data))?))),
    }
}

/// Reads the column. Perl's byte strings that are no UTF-8 become the characters of the same numbers.
pub fn decode(column: &str) -> Result<Json, PayloadError> {
    // Base64 of an image starts with its header byte and is never valid JSON.
    if let Ok(data) = serde_json::from_str(column) {
        return Ok(data);
    }
    let packed: Vec<u8> = column.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let image = BASE64.decode(packed).map_err(|_| PayloadError::Text)?;
    to_json(&perl_storable::thaw(&image)?)
}

fn in_lines(text: &str) -> String {
    let mut lines = String::with_capacity(text.len() + text.len() / LINE + 1);
    for (position, character) in text.chars().enumerate() {
        if position > 0 && position % LINE == 0 {
            lines.push('\n');
        }
        lines.push(character);
    }
    lines.push('\n');
    lines
}

fn to_perl(data: &Json) -> Value {
    match data {
        Json::Null => Value::Undef,
        Json::Bool(truth) => Value::from(*truth),
        Json::Number(number) => number.as_i64().map_or_else(|| decimal(number), Value::Int),
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(elements) => Value::Array(elements.iter().map(to_perl).collect()),
        Json::Object(members) => {
            let mut pairs = Hash::default();
            for (key, member) in members {
                pairs.insert(Key::from(key.as_str()), to_perl(member));
            }
            Value::Hash(pairs)
        }
    }
}

/// Images in network order carry fractions as text.
fn decimal(number: &Number) -> Value {
    Value::from(number.to_string().as_str())
}

fn to_json(value: &Value) -> Result<Json, PayloadError> {
    Ok(match value {
        Value::Undef => Json::Null,
        Value::Int(number) => Json::from(*number),
        Value::Double(number) => {
            Number::from_f64(*number).map(Json::Number).ok_or(PayloadError::Number(*number))?
        }
        Value::Bytes(bytes) => Json::String(characters(bytes)),
        Value::Text(text) => Json::String(text.clone()),
        Value::Ref(inner) => to_json(inner)?,
        Value::Blessed(object) => to_json(&object.value)?,
        Value::Array(elements) => {
            Json::Array(elements.iter().map(to_json).collect::<Result<_, _>>()?)
        }
        Value::Hash(pairs) => {
            let mut members = Map::new();
            for (key, member) in pairs {
                let key = key.as_str().map_or_else(|| characters(key.as_bytes()), str::to_owned);
                members.insert(key, to_json(member)?);
            }
            Json::Object(members)
        }
    })
}

fn characters(bytes: &[u8]) -> String {
    str::from_utf8(bytes)
        .map_or_else(|_| bytes.iter().copied().map(char::from).collect(), str::to_owned)
}
