//! Any column, as text and as the base64 of an image: read or refused without a panic, and what was read is
//! the same after it was written in either way.
#![no_main]

use base64::{Engine as _, engine::general_purpose::STANDARD};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use task_store::{Encoding, decode, encode};

fuzz_target!(|input: &[u8]| {
    if let Ok(column) = str::from_utf8(input) {
        round_trip(column);
    }
    round_trip(&STANDARD.encode(input));
});

fn round_trip(column: &str) {
    let Ok(data) = decode(column) else { return };
    let json = encode(&data, Encoding::Json).expect("what was read is JSON");
    assert_eq!(decode(&json).expect("and can be read again"), data);
    // Images are not as deep as JSON may be.
    let Ok(storable) = encode(&data, Encoding::Storable) else { return };
    assert_eq!(decode(&storable).expect("what was written can be read"), as_perl_has_it(data));
}

/// Perl has no truth, and images in network order have no fractions and no numbers of more than 32 bits: they
/// are texts there.
fn as_perl_has_it(data: Value) -> Value {
    match data {
        Value::Bool(truth) => Value::from(if truth { "1" } else { "" }),
        Value::Number(number) if number.as_i64().is_none_or(|it| i32::try_from(it).is_err()) => {
            Value::String(number.to_string())
        }
        Value::Array(elements) => elements.into_iter().map(as_perl_has_it).collect(),
        Value::Object(members) => {
            members.into_iter().map(|(key, member)| (key, as_perl_has_it(member))).collect()
        }
        data => data,
    }
}
