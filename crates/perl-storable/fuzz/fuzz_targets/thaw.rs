//! Any bytes: reading must not panic, and what was read must be writable,
//! readable again and then stay the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use perl_storable::{freeze, thaw};

fuzz_target!(|image: &[u8]| {
    let Ok(value) = thaw(image) else { return };
    let written = freeze(&value).expect("what was read can be written");
    let again = thaw(&written).expect("what was written can be read");
    assert_eq!(freeze(&again).expect("and written"), written);
});
