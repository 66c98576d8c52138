//! The formats that travel: lock keys, ids, times, payloads.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::process::Command;
use task_store::{
    Encoding, FIRST_INSTANCE, LockKey, Owner, Payload, PayloadError, Shape, TaskId, decode, encode,
    from_wall_clock, wall_clock,
};

#[test]
fn lock_keys_mean_what_the_original_means() {
    let ours = Owner::new(7, 12_345_678).unwrap();
    for (column, lock) in [
        (0, LockKey::Free),
        (1, LockKey::Inserting),
        (100_100_004_711, LockKey::Perl { node: 1, pid: 4711 }),
        (199_904_194_304, LockKey::Perl { node: 999, pid: 4_194_304 }),
        (100_109_999_999, LockKey::Perl { node: 1, pid: 9_999_999 }),
        (100_712_345_678, LockKey::Ours(ours)),
        (100_000_000_815, LockKey::Perl { node: 0, pid: 815 }),
        (2, LockKey::Other(2)),
        (-1, LockKey::Other(-1)),
        (200_000_000_000, LockKey::Other(200_000_000_000)),
        (i64::MIN, LockKey::Other(i64::MIN)),
    ] {
        assert_eq!(LockKey::parse(column), lock, "{column}");
        assert_eq!(lock.key(), column);
    }
    assert_eq!(ours.to_string(), "100712345678");
    for (node, instance) in
        [(0, FIRST_INSTANCE), (1000, FIRST_INSTANCE), (1, FIRST_INSTANCE - 1), (1, 100_000_000)]
    {
        assert_eq!(Owner::new(node, instance), None, "{node} {instance}");
    }
    assert_eq!(Owner::draw(0), None);
}

#[test]
fn ids_are_read_as_they_are_shown() {
    for (ident, shown) in [
        (0, "000000000000"),
        (31, "00000000000z"),
        (32, "000000000010"),
        (100_000_000_000_000_000, "2rt5f1erm000"),
        (999_999_999_999_999_999, "vr5ppekp7zzz"),
        (i64::MAX, "7zzzzzzzzzzzz"),
    ] {
        let id = TaskId::from_ident(ident);
        assert_eq!(id.to_string(), shown);
        assert_eq!(shown.parse::<TaskId>().unwrap(), id);
        assert_eq!(shown.to_uppercase().parse::<TaskId>().unwrap(), id);
    }
    assert_eq!("123456789012345678".parse::<TaskId>().unwrap().ident(), 123_456_789_012_345_678);
    assert_eq!("17".parse::<TaskId>().unwrap().ident(), 17);
    for wrong in ["", "abc", "il0uil0uil0u", "+17", "99999999999999999999", "zzzzzzzzzzzzzz", "é"]
    {
        let error = wrong.parse::<TaskId>().unwrap_err();
        assert!(error.to_string().contains("no task id"), "{error}");
    }
}

#[test]
fn wall_clocks_are_those_of_the_zone() {
    let berlin = TimeZone::get("Europe/Berlin").unwrap();
    for (time, text) in [
        ("2026-01-01T12:00:00.9Z", "2026-01-01 13:00:00"),
        ("2026-07-01T12:00:00Z", "2026-07-01 14:00:00"),
        ("2026-03-29T01:00:00Z", "2026-03-29 03:00:00"),
        ("2026-10-25T01:30:00Z", "2026-10-25 02:30:00"),
    ] {
        assert_eq!(wall_clock(time.parse().unwrap(), &berlin), text);
    }
    for (text, time) in [
        ("2026-07-01 14:00:00", Some("2026-07-01T12:00:00Z")),
        ("2026-10-25 02:30:00", Some("2026-10-25T00:30:00Z")),
        ("2026-03-29 02:30:00", Some("2026-03-29T01:30:00Z")),
        ("0000-00-00 00:00:00", None),
        ("yesterday", None),
        ("", None),
    ] {
        let expected: Option<Timestamp> = time.map(|time| time.parse().unwrap());
        assert_eq!(from_wall_clock(text, &berlin), expected, "{text}");
    }
}

/// What the original stores is what Perl itself makes.
#[test]
fn payloads_of_perl_are_read_and_ours_by_perl() {
    let perl = |script: &str, input: &str| {
        let output = Command::new("perl").args(["-e", script, input]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let written = perl(
        "use utf8; use Storable 'nfreeze'; use MIME::Base64; \
         print encode_base64(nfreeze({Object => 'Ticket', Params => [1, 'zwölf', undef, 2.5], Long => 'x' x 300}))",
        "",
    );
    assert!(written.lines().count() > 3);
    let data =
        json!({"Object": "Ticket", "Params": [1, "zwölf", null, "2.5"], "Long": "x".repeat(300)});
    assert_eq!(decode(&written).unwrap().read::<Value>().unwrap(), data);
    let ours = encode(&Payload::of(&data).unwrap(), Encoding::Storable).unwrap();
    assert!(ours.lines().all(|line| line.len() <= 76) && ours.ends_with('\n'));
    let read = perl(
        "use Storable 'thaw'; use MIME::Base64; my $d = thaw(decode_base64($ARGV[0])); \
         binmode STDOUT, ':utf8'; print join '|', $d->{Object}, $d->{Params}[1], length $d->{Long}",
        &ours,
    );
    assert_eq!(read, "Ticket|zwölf|300");
}

#[test]
fn numbers_reach_perl_as_they_are_written() {
    for json in [
        "12345678901234567890123",
        "1234567890123456.789",
        "1.10",
        "1e400",
        "-0",
        "-9223372036854775808",
        "9223372036854775808",
    ] {
        let column = encode(&format!("[{json}]").parse().unwrap(), Encoding::Storable).unwrap();
        assert_eq!(decode(&column).unwrap().text(), format!("[\"{json}\"]"));
    }
    let small = encode(&"[42]".parse().unwrap(), Encoding::Storable).unwrap();
    assert_eq!(decode(&small).unwrap().text(), "[42]");
}

#[test]
fn what_perl_cannot_have_is_refused() {
    let deep = format!("{}{}", "[".repeat(127), "]".repeat(127));
    assert!(encode(&deep.parse().unwrap(), Encoding::Storable).is_ok());
    assert!(matches!(format!("[{deep}]").parse::<Payload>(), Err(PayloadError::Deep)));
    let half = r#"{"a": ["\ud800"]}"#.parse().unwrap();
    assert!(matches!(encode(&half, Encoding::Storable), Err(PayloadError::Json(_))));
}

#[test]
fn each_level_is_seen() {
    for (json, shape) in [
        (" null ", Shape::Null),
        ("true", Shape::Bool(true)),
        ("1.50", Shape::Number("1.50")),
        (r#""a\u0062""#, Shape::Text("ab".to_owned())),
        ("[1, [2]]", Shape::Array(vec!["1", "[2]"])),
        (
            r#"{"b": 1, "a": {"c":2}, "b": [ ]}"#,
            Shape::Object(vec![
                ("b".to_owned(), "1"),
                ("a".to_owned(), r#"{"c":2}"#),
                ("b".to_owned(), "[ ]"),
            ]),
        ),
    ] {
        assert_eq!(Shape::of(json).unwrap(), shape, "{json}");
    }
    for json in ["", "[1,]", "nul", "01", r#"{"a":1"#, "1 2", "x"] {
        assert!(Shape::of(json).is_err(), "{json}");
    }
}

#[test]
fn damaged_payloads_are_errors() {
    for damaged in ["", "%%%", "{\"a\":", "BQs=", "/////w==", "AAAA"] {
        assert!(decode(damaged).is_err(), "{damaged:?}");
    }
}

proptest! {
    #[test]
    fn every_number_is_some_lock(column: i64) {
        prop_assert_eq!(LockKey::parse(column).key(), column);
    }

    #[test]
    fn every_id_comes_back(ident in 0_i64..) {
        let id = TaskId::from_ident(ident);
        prop_assert_eq!(id.to_string().parse::<TaskId>().unwrap(), id);
    }

    #[test]
    fn drawn_ids_have_twelve_characters(_round in 0..100) {
        let id = TaskId::draw();
        prop_assert_eq!(id.ident().to_string().len(), 18);
        prop_assert_eq!(id.to_string().len(), 12);
    }

    #[test]
    fn any_text_is_decoded_or_refused(text: String) {
        let _ = decode(&text);
    }

    #[test]
    fn strings_come_back_in_both_encodings(text: String, numbers: Vec<i32>) {
        let data = json!({"text": text, "numbers": numbers});
        for encoding in [Encoding::Json, Encoding::Storable] {
            let column = encode(&Payload::of(&data).unwrap(), encoding).unwrap();
            prop_assert_eq!(decode(&column).unwrap().read::<Value>().unwrap(), data.clone());
        }
    }
}
