//! The same one-line text for a value as `tests/perl/Dump.pm` writes.

use perl_storable::{Key, Value};

pub(crate) fn dump(value: &Value) -> String {
    match value {
        Value::Undef => "~".into(),
        Value::Int(number) => format!("i:{number}"),
        Value::Double(number) => format!("d:{:016x}", number.to_bits()),
        Value::Bytes(bytes) => format!("b:{}", hex(bytes)),
        // Perl forgets the text flag of an empty string.
        Value::Text(text) if text.is_empty() => "b:".into(),
        Value::Text(text) => format!("t:{}", hex(text.as_bytes())),
        Value::Ref(value) => format!("\\{}", dump(value)),
        Value::Array(elements) => {
            let elements: Vec<String> = elements.iter().map(dump).collect();
            format!("[{}]", elements.join(","))
        }
        Value::Hash(pairs) => {
            let pairs: Vec<String> =
                pairs.iter().map(|(key, value)| format!("{}={}", name(key), dump(value))).collect();
            format!("{{{}}}", pairs.join(","))
        }
        Value::Blessed(blessed) => format!("{}({})", blessed.class, dump(&blessed.value)),
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes all");
        text
    })
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().chunks(2).map(|pair| str::from_utf8(pair).expect("ASCII"));
    pairs.map(|pair| u8::from_str_radix(pair, 16).expect("hex digits")).collect()
}

fn name(key: &Key) -> String {
    format!("{}:{}", if key.is_text() { "t" } else { "b" }, hex(key.as_bytes()))
}
