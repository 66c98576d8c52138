//! Values, keys and hashes by themselves.

use perl_storable::{Blessed, Hash, Key, Value, freeze, thaw};

use crate::dump::unhex;

#[test]
fn the_payload_of_a_real_task() {
    let image = unhex(concat!(
        "050b0300000003",
        "0a044e6f6f7000000008",
        "46756e6374696f6e",
        "0a194b65726e656c3a3a53797374656d3a3a42656e63684e6f6f7000000006",
        "4f626a656374",
        "0403000000030881",
        "0000000161",
        "04020000000408810a03322e350504",
        "0300000000",
        "0000000163",
        "1705c3a4e282ac",
        "0000000162",
        "00000006",
        "506172616d73",
    ));
    let value = thaw(&image).unwrap();
    assert_eq!(value.get("Function").and_then(Value::as_str), Some("Noop"));
    assert_eq!(value.get("Object").and_then(Value::as_str), Some("Kernel::System::BenchNoop"));
    let params = value.get("Params").unwrap();
    assert_eq!(params.get("a").and_then(Value::as_i64), Some(1));
    assert_eq!(params.get("b"), Some(&Value::Text("ä€".into())));
    let list = params.get("c").and_then(Value::as_array).unwrap();
    assert_eq!(list.first().and_then(Value::as_i64), Some(1));
    assert_eq!(list.get(1).and_then(Value::as_f64), Some(2.5));
    assert_eq!(list.get(2), Some(&Value::Undef));
    assert_eq!(list.get(3), Some(&Value::Hash(Hash::default())));
}

#[test]
fn newer_marks_of_booleans_are_the_strings_of_older_ones() {
    for image in ["050c02000000022223", "050b02000000020f10"] {
        let value = thaw(&unhex(image)).unwrap();
        assert_eq!(value, Value::Array(vec![Value::from(true), Value::from(false)]));
    }
}

#[test]
fn keys_are_equal_when_their_characters_are() {
    assert_eq!(Key::from("ä"), Key::from_bytes(b"\xe4"));
    assert_ne!(Key::from("ä"), Key::from_bytes("ä".as_bytes()));
    assert_eq!(Key::from("ascii"), Key::from_bytes(b"ascii"));
    assert!(Key::from_bytes(b"z") < Key::from("ä"));
    assert!(Key::from_bytes(b"\xff") < Key::from("€"));
    assert!(Key::from("ä") < Key::from_bytes(b"\xe5"));
    assert_eq!(format!("{:?} {:?}", Key::from("ä"), Key::from_bytes(b"\xe4")), "\"ä\" b\"\\xe4\"");
}

#[test]
fn a_hash_keeps_the_last_of_equal_keys() {
    let pairs = [("b", 1), ("a", 2), ("b", 3), ("a", 4), ("a", 5)];
    let mut hash: Hash =
        pairs.into_iter().map(|(key, it)| (Key::from(key), Value::Int(it))).collect();
    assert_eq!((hash.get("a"), hash.get("b")), (Some(&Value::Int(5)), Some(&Value::Int(3))));
    assert_eq!(hash.len(), 2);
    assert_eq!(hash.insert(Key::from("ab"), Value::Undef), None);
    assert_eq!(hash.insert(Key::from("a"), Value::Undef), Some(Value::Int(5)));
    let keys: Vec<&str> = hash.iter().filter_map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["a", "ab", "b"]);
    assert_eq!(hash.remove("b"), Some(Value::Int(3)));
    assert_eq!((hash.remove("b"), hash.len(), hash.is_empty()), (None, 2, false));
}

#[test]
fn numbers_are_read_where_they_travelled_as_strings() {
    assert_eq!(Value::from(u64::MAX), Value::from("18446744073709551615"));
    assert_eq!(Value::from(7u64), Value::Int(7));
    assert_eq!(Value::from("12345678901").as_i64(), Some(12_345_678_901));
    assert_eq!(Value::from("x").as_i64(), None);
    assert_eq!(Value::Int(3).as_f64(), Some(3.0));
    assert_eq!(Value::Double(0.5).as_f64(), Some(0.5));
    assert_eq!(Value::from("-Inf").as_f64(), Some(f64::NEG_INFINITY));
    assert_eq!(Value::Bytes(vec![0xff]).as_str(), None);
}

#[test]
fn an_object_shows_its_data() {
    let pairs: Hash = [(Key::from("a"), Value::from("ä"))].into_iter().collect();
    let object = Value::Blessed(Box::new(Blessed { class: "A".into(), value: Value::Hash(pairs) }));
    assert_eq!(object.get("a").and_then(Value::as_str), Some("ä"));
    assert_eq!(object.as_array(), None);
    assert_eq!(thaw(&freeze(&object).unwrap()).unwrap(), object);
}
