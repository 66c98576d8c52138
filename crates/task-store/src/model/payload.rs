//! A task's data: what is in the column `task_data`, and the JSON that people and handlers see.
//!
//! Wherever Perl may read it, the column holds base64 of a Storable image, in lines of 76 characters;
//! elsewhere JSON. Reading accepts both, and looks at nothing but the text itself.

use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::{Engine, alphabet};
use perl_storable::{Hash, Key, Value};
use serde_json::{Map, Number, Value as Json};

use crate::model::json::{Payload, PayloadError, Shape};

const LINE_LENGTH: usize = 76;
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// How payloads are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Encoding {
    /// As JSON: only otrsd reads it.
    Json,
    /// As the original does, since a Perl process may run the task.
    Storable,
}

/// The text of the column.
///
/// JSON stays as it is written. In an image, a number that is no integer of 64 bits is a text of the same
/// characters, which Perl takes for the number; of a key that stands several times the last counts.
///
/// # Errors
///
/// What Perl cannot get: more levels than an image may have, or a text that is not Unicode.
pub fn encode(data: &Payload, encoding: Encoding) -> Result<String, PayloadError> {
    match encoding {
        Encoding::Json => Ok(data.text().to_owned()),
        Encoding::Storable => {
            Ok(in_lines(&BASE64.encode(perl_storable::freeze(&to_perl(data.text())?)?)))
        }
    }
}

/// Reads the column. Perl's byte strings that are no UTF-8 become the characters of the same numbers.
///
/// # Errors
///
/// It is neither JSON nor an image, or one that is damaged or too deep.
pub fn decode(column: &str) -> Result<Payload, PayloadError> {
    // Base64 of an image starts with its header byte and is never valid JSON.
    match column.parse() {
        Err(PayloadError::Json(_)) => {}
        read => return read,
    }
    let packed: Vec<u8> = column.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let image = BASE64.decode(packed).map_err(|_| PayloadError::Text)?;
    Payload::of(&to_json(&perl_storable::thaw(&image)?)?)
}

fn in_lines(text: &str) -> String {
    let mut lines = String::with_capacity(text.len() + text.len() / LINE_LENGTH + 1);
    for (position, character) in text.chars().enumerate() {
        if position > 0 && position % LINE_LENGTH == 0 {
            lines.push('\n');
        }
        lines.push(character);
    }
    lines.push('\n');
    lines
}

fn to_perl(json: &str) -> Result<Value, PayloadError> {
    Ok(match Shape::of(json)? {
        Shape::Null => Value::Undef,
        Shape::Bool(truth) => Value::from(truth),
        Shape::Number(number) => to_perl_number(number),
        Shape::Text(text) => Value::from(text.as_str()),
        Shape::Array(elements) => {
            Value::Array(elements.into_iter().map(to_perl).collect::<Result<_, _>>()?)
        }
        Shape::Object(members) => {
            let mut pairs = Hash::default();
            for (key, member) in members {
                pairs.insert(Key::from(key.as_str()), to_perl(member)?);
            }
            Value::Hash(pairs)
        }
    })
}

/// Perl's numbers are integers of 64 bits and fractions of 53; a text of digits it takes for the number.
fn to_perl_number(number: &str) -> Value {
    let integer = number.parse::<i64>().ok().filter(|it| it.to_string() == number);
    integer.map_or_else(|| Value::from(number), Value::Int)
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
