//! What is refused, with the byte it is refused at.

use std::fs;

use perl_storable::{Blessed, Error, FreezeError, Value, freeze, thaw};

use crate::dump::unhex;
use crate::golden::directory;

#[test]
fn images_of_perl_that_are_not_plain_data() {
    let table = [
        ("code", "byte 8: found a code reference, expected plain data"),
        ("regexp", "byte 16: found a regular expression, expected plain data"),
        ("hook", "byte 8: found an object stored by its own hook, expected plain data"),
        ("tied", "byte 8: found a tied scalar, expected plain data"),
        ("tied_array", "byte 2: found a tied array, expected plain data"),
        ("tied_hash", "byte 2: found a tied hash, expected plain data"),
        ("surrogates", "byte 9: found something else than UTF-8 in a string, expected UTF-8"),
        ("beyond", "byte 9: found something else than UTF-8 in a string, expected UTF-8"),
        (
            "cycle",
            "byte 21: found a reference to the enclosing structure of byte 2, expected data without cycles",
        ),
    ];
    for (name, expected) in table {
        let image = fs::read(directory().join(format!("refused_{name}.bin"))).expect(name);
        assert_eq!(thaw(&image).unwrap_err().to_string(), expected, "{name}");
    }
}

#[test]
fn damaged_images() {
    let table = [
        ("", "byte 0: 0 bytes left, expected at least 1 for the format version"),
        ("05", "byte 1: 0 bytes left, expected at least 1 for the minor format version"),
        ("050b", "byte 2: 0 bytes left, expected at least 1 for a mark"),
        ("070b05", "byte 0: found format version 3, expected format version 2"),
        ("70737430", "byte 4: 0 bytes left, expected at least 1 for the format version"),
        ("7065726c2d73746f7265", "byte 0: found format version 56, expected format version 2"),
        (
            "040b083132333435363738040408080a0178",
            "byte 2: found the machine \"\\x0812345678\\x04\\x04\\x08\\x08\", expected byte order 12345678 and sizes 4, 8, 8, 8 of a 64-bit little-endian machine",
        ),
        ("050b24", "byte 2: found mark 36, expected a mark from 0 to 35"),
        ("050b21", "byte 2: found an object of 2 GiB or more, expected plain data"),
        (
            "050b027fffffff",
            "byte 3: 0 bytes left, expected at least 2147483647 for the elements of an array",
        ),
        (
            "050b03ffffffff",
            "byte 3: 0 bytes left, expected at least 21474836475 for the pairs of a hash",
        ),
        ("050b190000000001", "byte 4: 0 bytes left, expected at least 6 for the pairs of a hash"),
        ("050b017fffffff", "byte 3: 0 bytes left, expected at least 2147483647 for a string"),
        ("050b0a0561", "byte 4: 1 bytes left, expected at least 5 for a string"),
        ("050b1101ff05", "byte 4: found something else than UTF-8 in a class name, expected UTF-8"),
        ("050b1200", "byte 3: found class number 0, expected the number of an earlier class"),
        ("050b110141110142 05", "byte 5: found a class name, expected the thing itself"),
        ("050b1d01311d01310a01", "byte 5: found a version string, expected the thing itself"),
        ("050b0200000001020000 0000", "byte 7: found an array, expected a scalar"),
        (
            "050b0000000000",
            "byte 2: found a reference to thing 0, expected one of the earlier things",
        ),
        (
            "050b02000000010000000001",
            "byte 7: found a reference to thing 1, expected one of the earlier things",
        ),
        (
            "050b0400000000 00",
            "byte 3: found a reference to the enclosing structure of byte 2, expected data without cycles",
        ),
        ("050b0505", "byte 3: found 1 more bytes, expected the end"),
        (
            "050b19000000000105 08 0500000000",
            "byte 10: found a key that is not a string, expected plain data",
        ),
    ];
    for (image, expected) in table {
        let bytes = unhex(&image.replace(' ', ""));
        assert_eq!(thaw(&bytes).unwrap_err().to_string(), expected, "{image}");
    }
}

#[test]
fn every_cut_of_an_image_is_an_error_with_its_byte() {
    for name in ["task.bin", "task.native.bin", "keys.bin", "shared.bin", "worker_file.nstore.bin"]
    {
        let image = fs::read(directory().join(name)).expect(name);
        for length in 0..image.len() {
            let error = thaw(&image[..length]).expect_err(name);
            assert!(matches!(error, Error::Truncated { .. } | Error::Unexpected { .. }), "{error}");
            assert!(error.offset() <= length, "{name} cut at {length}: {error}");
        }
    }
}

#[test]
fn values_that_are_no_reference() {
    let object = |value| Value::Blessed(Box::new(Blessed { class: "A".into(), value }));
    for (value, found) in [
        (Value::Undef, "undef"),
        (Value::Int(1), "a number"),
        (Value::from("x"), "a string"),
        (object(Value::Int(1)), "a number"),
        (Value::Array(vec![object(object(Value::Array(Vec::new())))]), "an object"),
    ] {
        assert_eq!(freeze(&value), Err(FreezeError::NotAReference { found }));
    }
}
