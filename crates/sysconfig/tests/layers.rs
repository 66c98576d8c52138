//! Layers of settings, and the places their values come from.

use sysconfig::{Origin, Setting, SysConfig, Value, parse};

/// Layers, lowest first; a layer is a list of (name, value as JSON, or "-" for Valid="0").
/// Then a name and its effective value as JSON, or "-" for none, and its origin (the layer's number).
type Case =
    (&'static [&'static [(&'static str, &'static str)]], &'static str, &'static str, &'static str);

const CASES: [Case; 30] = [
    (&[], "A", "-", "-"),
    (&[&[("A", r#""1""#)]], "A", r#""1""#, "0"),
    (&[&[("A", r#""1""#)]], "B", "-", "-"),
    (&[&[("A", r#""1""#)]], "A###B", "-", "-"),
    (&[&[("A", r#"{"B":{"C":"1"}}"#)]], "A###B###C", r#""1""#, "0"),
    (&[&[("A", r#"{"B":{"C":"1"}}"#)]], "A###B###D", "-", "-"),
    (&[&[("A", r#"{"B":["1"]}"#)]], "A###B###0", "-", "-"),
    (&[&[("A", r##"{"#B":"1"}"##)]], "A####B", r#""1""#, "0"),
    // The higher layer wins, whole values replace each other.
    (&[&[("A", r#""1""#)], &[("A", r#""2""#)]], "A", r#""2""#, "1"),
    (&[&[("A", r#"{"B":"1"}"#)], &[("A", r#"{"C":"2"}"#)]], "A", r#"{"C":"2"}"#, "1"),
    (&[&[("A", r#"["1","2"]"#)], &[("A", r#"["3"]"#)]], "A", r#"["3"]"#, "1"),
    // Keys go into the hash, within a layer whatever their order.
    (&[&[("A###B", r#""1""#)]], "A", r#"{"B":"1"}"#, "0"),
    (&[&[("A###B", r#""1""#), ("A", r#"{"C":"2"}"#)]], "A", r#"{"B":"1","C":"2"}"#, "0"),
    (&[&[("A###B", r#""1""#), ("A", r#"{"B":"2"}"#)]], "A", r#"{"B":"1"}"#, "0"),
    (
        &[&[("A###B###C", r#""1""#), ("A###B", r#"{"D":"2"}"#)]],
        "A",
        r#"{"B":{"C":"1","D":"2"}}"#,
        "0",
    ),
    (&[&[("A", "null"), ("A###B", r#""1""#)]], "A", r#"{"B":"1"}"#, "0"),
    // Over layers too, and the key's origin is its own.
    (&[&[("A", r#"{"B":"1","C":"2"}"#)], &[("A###B", r#""3""#)]], "A", r#"{"B":"3","C":"2"}"#, "0"),
    (&[&[("A", r#"{"B":"1","C":"2"}"#)], &[("A###B", r#""3""#)]], "A###B", r#""3""#, "1"),
    (&[&[("A", r#"{"B":"1","C":"2"}"#)], &[("A###B", r#""3""#)]], "A###C", r#""2""#, "0"),
    (&[&[("A###B", r#""1""#)], &[("A", r#"{"B":"2"}"#)]], "A###B", r#""2""#, "1"),
    (&[&[("A###B", r#""1""#)], &[("A", r#"{"C":"2"}"#)]], "A", r#"{"B":"1","C":"2"}"#, "1"),
    // Taken away: the setting, the key of a setting, the key within a value.
    (&[&[("A", r#""1""#)], &[("A", "-")]], "A", "-", "-"),
    (&[&[("A###B", r#""1""#), ("A###C", r#""2""#)], &[("A###B", "-")]], "A", r#"{"C":"2"}"#, "0"),
    (&[&[("A", r#"{"B":"1","C":"2"}"#)], &[("A###B", "-")]], "A", r#"{"C":"2"}"#, "0"),
    (&[&[("A", r#"{"B":{"C":"1"}}"#)], &[("A###B###C", "-")]], "A", r#"{"B":{}}"#, "0"),
    (&[&[("A", r#"{"B":"1"}"#), ("A###C", r#""2""#)], &[("A", "-")]], "A", r#"{"C":"2"}"#, "0"),
    (&[&[("A###B", r#""1""#)], &[("A###B", "-")]], "A", "-", "-"),
    (&[&[("A", r#""1""#)], &[("A", "-")], &[("A", r#""2""#)]], "A", r#""2""#, "2"),
    (&[&[("A", "-"), ("A", r#""1""#)]], "A", r#""1""#, "0"),
    (&[&[("A", r#""1""#), ("A", "-")]], "A", "-", "-"),
];

fn setting(name: &str, value: &str, layer: usize) -> Setting {
    Setting {
        name: name.to_owned(),
        value: serde_json::from_str(value).unwrap_or(Value::Undef),
        valid: value != "-",
        required: false,
        read_only: false,
        origin: Origin::named(&layer.to_string()),
    }
}

fn layered(layers: &[&[(&str, &str)]]) -> SysConfig {
    let mut config = SysConfig::default();
    for (number, layer) in layers.iter().enumerate() {
        let problems =
            config.overlay(layer.iter().map(|(name, value)| setting(name, value, number)));
        assert_eq!(problems, [], "{layers:?}");
    }
    config
}

#[test]
fn the_higher_layer_wins_and_every_value_knows_its_origin() {
    for (layers, name, value, origin) in CASES {
        let config = layered(layers);
        let got = config.get(name).map_or("-".to_owned(), |v| serde_json::to_string(v).unwrap());
        let from = config.origin(name).map_or("-".to_owned(), ToString::to_string);
        assert_eq!((got.as_str(), from.as_str()), (value, origin), "{name} of {layers:?}");
    }
}

#[test]
fn a_key_of_what_is_no_hash_is_a_problem_and_left_out() {
    let mut config = layered(&[&[("A", r#""1""#), ("B", r#"{"C":["2"]}"#)]]);
    let layer = [
        setting("A###X", r#""3""#, 1),
        setting("B###C###0", r#""4""#, 1),
        setting("B###D", r#""5""#, 1),
    ];
    let problems: Vec<_> = config.overlay(layer).iter().map(ToString::to_string).collect();
    assert_eq!(
        problems,
        [
            "1: setting A###X: adds a key to A, which is not a hash",
            "1: setting B###C###0: adds a key to B###C, which is not a hash",
        ]
    );
    let names: Vec<_> = config.iter().map(|(name, _, _)| name).collect();
    assert_eq!(names, ["A", "B", "B###D"]);
    assert_eq!(config.get("A"), Some(&Value::from("1")));
}

#[test]
fn a_value_that_stops_being_a_hash_turns_its_keys_into_problems() {
    let mut config = layered(&[&[("A", r#"{"B":"1"}"#), ("A###C", r#""2""#)]]);
    let problems = config.overlay([setting("A", r#""3""#, 1)]);
    assert_eq!(problems[0].to_string(), "0: setting A###C: adds a key to A, which is not a hash");
    assert_eq!(config.get("A"), Some(&Value::from("3")));
}

#[test]
fn names_from_outside_are_checked_as_those_of_files_are() {
    let mut config = SysConfig::default();
    let (deep, long) = (vec!["A"; 100].join("###"), "A###".repeat(100_000));
    for (name, what) in [
        ("", "found an empty part in the name \"\"; expected A###B"),
        ("A####B", "found more than three # in a row in the name \"A####B\"; expected A###B"),
        ("###A", "found an empty part in the name \"###A\"; expected A###B"),
        (long.as_str(), "found a name of 400000 bytes; expected at most 1000"),
        (deep.as_str(), "found a name of more than 16 parts"),
    ] {
        let problems = config.overlay([setting(name, r#""1""#, 0)]);
        assert_eq!(problems[0].what, what);
    }
    assert_eq!(config, SysConfig::default());
}

#[test]
fn every_setting_is_listed_once_in_order() {
    let config = layered(&[
        &[("B", r#""1""#), ("A###C", r#""2""#), ("A", r#"{"D":"3","E":"4"}"#)],
        &[("A###D", r#""5""#), ("B", "-")],
    ]);
    let list: Vec<_> =
        config.iter().map(|(name, value, origin)| format!("{name} {value:?} {origin}")).collect();
    assert_eq!(
        list,
        [r#"A Map({"E": Text("4")}) 0"#, r#"A###C Text("2") 0"#, r#"A###D Text("5") 1"#]
    );
}

#[test]
fn it_travels_as_json() {
    let text = "<otrsd_config version=\"2.0\" init=\"Config\">\n\
        <Setting Name=\"A###B\" Valid=\"1\"><Value><Hash><Item Key=\"C\">1</Item></Hash></Value></Setting>\n\
        <Setting Name=\"D\" Valid=\"1\"><Value><Array><Item>2</Item></Array></Value></Setting>\n\
        <Setting Name=\"E\" Valid=\"1\"><Value><Item></Item></Value></Setting>\n\
        </otrsd_config>";
    let mut config = SysConfig::default();
    config.overlay(parse("/etc/a.xml", text).unwrap().settings);
    config.overlay([setting("F", r#""3""#, 7)]);
    let json = serde_json::to_string(&config).unwrap();
    assert_eq!(
        json,
        r#"{"A###B":{"value":{"C":"1"},"origin":{"source":"/etc/a.xml","line":2}},"#.to_owned()
            + r#""D":{"value":["2"],"origin":{"source":"/etc/a.xml","line":3}},"#
            + r#""E":{"value":null,"origin":{"source":"/etc/a.xml","line":4}},"#
            + r#""F":{"value":"3","origin":{"source":"7","line":0}}}"#
    );
    assert_eq!(serde_json::from_str::<SysConfig>(&json).unwrap(), config);
}

#[test]
fn numbers_and_truth_values_of_json_are_texts() {
    let value: Value =
        serde_json::from_str(r"[1, -2, 18446744073709551615, 0.5, true, false, null]").unwrap();
    let texts: Vec<_> =
        value.as_list().unwrap().iter().map(|v| v.as_text().unwrap_or("undef")).collect();
    assert_eq!(texts, ["1", "-2", "18446744073709551615", "0.5", "1", "0", "undef"]);
}

#[test]
fn a_setting_is_taken_away_without_a_value() {
    let text = "<otrsd_config version=\"2.0\" init=\"Config\">\
        <Setting Name=\"A###B\" Valid=\"0\"/></otrsd_config>";
    let document = parse("/etc/a.xml", text).unwrap();
    assert_eq!(document.problems, []);
    let mut config = layered(&[&[("A", r#"{"B":"1","C":"2"}"#)]]);
    config.overlay(document.settings);
    assert_eq!(config.get("A###B"), None);
    assert_eq!(config.get("A###C"), Some(&Value::from("2")));
}
