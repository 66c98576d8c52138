//! Limits: depth, blow-up by shared parts, counts that promise too much.

use std::fs;
use std::thread;

use perl_storable::{
    Blessed, Error, FreezeError, Key, Limits, MAX_DEPTH, Value, freeze, thaw, thaw_with,
};

const HEADER: [u8; 2] = [5, 11];

/// An array nested in itself so many times, in bytes.
fn nested_arrays(levels: usize) -> Vec<u8> {
    let mut image = [&HEADER[..], &[2, 0, 0, 0, 1]].concat();
    for _ in 1..levels {
        image.extend([4, 2, 0, 0, 0, 1]);
    }
    image.push(5);
    image
}

/// An array of arrays, each holding the one before twice: 2^n values in 19 n bytes.
fn laughs(levels: u32) -> Vec<u8> {
    let mut image = HEADER.to_vec();
    image.push(2);
    image.extend(levels.to_be_bytes());
    image.extend([4, 2, 0, 0, 0, 2, 5, 5]);
    // Things by number: 0 the outer array, then a reference and its array each.
    let mut array = 2u32;
    let mut next = 5u32;
    for _ in 1..levels {
        image.extend([4, 2, 0, 0, 0, 2]);
        for _ in 0..2 {
            image.extend([4, 0]);
            image.extend(array.to_be_bytes());
        }
        array = next + 1;
        next += 4;
    }
    image
}

#[test]
fn depth_ends_where_it_is_said() {
    let deepest = nested_arrays(MAX_DEPTH / 2);
    let value = thaw(&deepest).unwrap();
    assert_eq!(freeze(&value).unwrap(), deepest);
    let error = thaw(&nested_arrays(MAX_DEPTH / 2 + 1)).unwrap_err();
    assert!(matches!(error, Error::Limit { what: "levels", limit: MAX_DEPTH, .. }), "{error}");
    assert_eq!(
        freeze(&Value::Array(vec![Value::Array(vec![value])])),
        Err(FreezeError::TooDeep { limit: MAX_DEPTH })
    );
    let shallow = Limits { depth: 9, ..Limits::default() };
    assert!(thaw_with(&nested_arrays(5), shallow).is_ok());
    assert!(thaw_with(&nested_arrays(6), shallow).is_err());
    let boundless = Limits { depth: usize::MAX, ..Limits::default() };
    assert!(thaw_with(&nested_arrays(100_000), boundless).is_err());
}

#[test]
fn the_deepest_values_need_little_stack() {
    let layers: [fn(Value) -> Value; 4] = [
        |inner| Value::Ref(Box::new(inner)),
        |inner| Value::Array(vec![inner]),
        |inner| Value::Hash([(Key::from("key"), inner)].into_iter().collect()),
        |inner| {
            let value = Value::Ref(Box::new(inner));
            Value::Blessed(Box::new(Blessed { class: "A".into(), value }))
        },
    ];
    let work = move || {
        for layer in layers {
            let mut value = layer(Value::Undef);
            let mut deepest = Vec::new();
            while let Ok(image) = freeze(&value) {
                deepest = image;
                value = layer(value);
            }
            let value = thaw(&deepest).unwrap();
            assert_eq!(freeze(&value.clone()).unwrap(), deepest);
            assert_eq!(value, value.clone());
            assert!(!format!("{value:?}").is_empty());
        }
    };
    thread::Builder::new().stack_size(1 << 20).spawn(work).unwrap().join().unwrap();
}

#[test]
fn shared_parts_are_copied_as_long_as_there_is_room() {
    let value = thaw(&laughs(10)).unwrap();
    let last = value.as_array().unwrap().last().unwrap();
    assert_eq!(leaves(last), 1 << 10);
    let error = thaw(&laughs(60)).unwrap_err();
    assert!(matches!(error, Error::Limit { what: "values", limit: 1_000_000, .. }), "{error}");
}

fn leaves(value: &Value) -> usize {
    value.as_array().map_or(1, |elements| elements.iter().map(leaves).sum())
}

#[test]
fn copies_nest_no_deeper_than_the_limit() {
    // Each array holds the one before once: shallow in bytes, deep as a value.
    let mut image = HEADER.to_vec();
    let levels = 600u32;
    image.push(2);
    image.extend(levels.to_be_bytes());
    image.extend([4, 2, 0, 0, 0, 1, 5]);
    let mut array = 2u32;
    let mut next = 4u32;
    for _ in 1..levels {
        image.extend([4, 2, 0, 0, 0, 1, 4, 0]);
        image.extend(array.to_be_bytes());
        array = next + 1;
        next += 3;
    }
    let error = thaw(&image).unwrap_err();
    assert!(matches!(error, Error::Limit { what: "levels", .. }), "{error}");
}

#[test]
fn strings_and_values_are_counted() {
    let image = freeze(&Value::Array(vec![Value::from("0123456789"), Value::from("ab")])).unwrap();
    let limits = |values, bytes| Limits { values, bytes, ..Limits::default() };
    assert!(thaw_with(&image, limits(3, 12)).is_ok());
    let error = thaw_with(&image, limits(2, 12)).unwrap_err();
    assert_eq!(error.to_string(), "byte 19: more than the limit of 2 values");
    let error = thaw_with(&image, limits(3, 11)).unwrap_err();
    assert_eq!(error.to_string(), "byte 20: more than the limit of 11 bytes of strings");
}

#[test]
fn a_large_count_makes_no_large_room() {
    // Each array claims most bytes that follow; room for every claim would be 60 GB.
    let levels = MAX_DEPTH / 2;
    let mut image = HEADER.to_vec();
    for level in 0..levels {
        image.extend(if level == 0 { &[2][..] } else { &[4, 2][..] });
        image.extend(4_000_000u32.to_be_bytes());
    }
    image.resize(image.len() + 5_000_000, 5);
    let error = thaw(&image).unwrap_err();
    assert!(matches!(error, Error::Limit { what: "values", .. }), "{error}");
    let peak = peak_kilobytes();
    assert!(peak < 8 << 20, "{peak} kB of address space");
}

fn peak_kilobytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmPeak:")).expect("VmPeak");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}
