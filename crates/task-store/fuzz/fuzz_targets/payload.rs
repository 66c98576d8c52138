//! Any column, as text and as the base64 of an image: read or refused without a panic; JSON stays to the byte, and
//! what Perl would read stays what it is.
#![no_main]

use base64::{Engine as _, engine::general_purpose::STANDARD};
use libfuzzer_sys::fuzz_target;
use task_store::{Encoding, decode, encode};

fuzz_target!(|input: &[u8]| {
    if let Ok(column) = str::from_utf8(input) {
        round_trip(column);
    }
    round_trip(&STANDARD.encode(input));
});

fn round_trip(column: &str) {
    let Ok(data) = decode(column) else { return };
    assert_eq!(encode(&data, Encoding::Json).expect("what was read is JSON"), data.text());
    // Images are not as deep as JSON may be.
    let Ok(storable) = encode(&data, Encoding::Storable) else { return };
    let by_perl = decode(&storable).expect("what was written can be read");
    let again = encode(&by_perl, Encoding::Storable).expect("and written again");
    assert_eq!(decode(&again).expect("and read again").text(), by_perl.text());
}
