//! What holds for every input: no panic, no setting lost without a word, layers that mean one thing.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod random_xml;

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::sample::Index;
use sysconfig::{Origin, Setting, SysConfig, Value, parse};

/// Pieces of setting XML, whole and broken.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[<>&;\"'=/!#\\[\\]?\\- \n\u{e4}\u{feff}a]{0,4}",
        proptest::sample::select(vec![
            "<otrs_config version=\"2.0\" init=\"Config\">",
            "</otrs_config>",
            "<Setting Name=\"A\" Valid=\"1\">",
            "</Setting>",
            "<Value>",
            "</Value>",
            "<Item>",
            "</Item>",
            "<Item Key=\"a\">",
            "<Hash>",
            "</Hash>",
            "<Array>",
            "</Array>",
            "<!--",
            "-->",
            "<![CDATA[",
            "]]>",
            "<DefaultItem ValueType=\"",
            "\"/>",
            "\n#",
        ])
        .prop_map(str::to_owned),
    ];
    vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![Just(Value::Undef), "[a-c]?".prop_map(Value::Text)];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::List),
            proptest::collection::btree_map("#?[AB]", inner, 0..3).prop_map(Value::Map),
        ]
    })
}

fn layer() -> impl Strategy<Value = Vec<Setting>> {
    let setting = (vec("[AB]#?", 1..4), value(), any::<bool>(), 0..100_u32).prop_map(
        |(name, value, valid, line)| Setting {
            name: name.join("###"),
            value,
            valid,
            required: false,
            read_only: false,
            origin: Origin { source: "test".into(), line, is_shared: false },
        },
    );
    vec(setting, 0..6)
}

proptest! {
    #[test]
    fn parsing_never_panics(text in pieces()) {
        let _ = parse("a.xml", &text);
    }

    #[test]
    fn parsing_a_damaged_document_never_panics(seed in 1..u64::MAX, cut in any::<[Index; 2]>(), junk in pieces()) {
        let text: Vec<char> = random_xml::document(seed, 3).chars().collect();
        let [from, to] = cut.map(|index| index.index(text.len()));
        let (from, to) = (from.min(to), from.max(to));
        let damaged = text[..from].iter().copied().chain(junk.chars()).chain(text[to..].iter().copied());
        let _ = parse("a.xml", &damaged.collect::<String>());
    }

    #[test]
    fn every_setting_is_read_or_reported(seed in 1..u64::MAX) {
        let document = parse("a.xml", &random_xml::document(seed, 5)).unwrap();
        let named = document.problems.iter().filter(|problem| problem.setting.is_some());
        prop_assert_eq!(document.settings.len() + named.count(), 5);
    }

    #[test]
    fn a_layer_means_the_same_in_any_order(lower in layer(), upper in layer()) {
        let by_name: BTreeMap<_, _> = upper.iter().map(|setting| (setting.name.clone(), setting.clone())).collect();
        let (mut given, mut reversed) = (SysConfig::default(), SysConfig::default());
        given.overlay(lower.clone());
        reversed.overlay(lower);
        prop_assert_eq!(given.overlay(upper), reversed.overlay(by_name.into_values().rev()));
        prop_assert_eq!(given, reversed);
    }

    #[test]
    fn every_setting_of_the_highest_layer_is_there_or_reported(lower in layer(), upper in layer()) {
        let mut config = SysConfig::default();
        config.overlay(lower);
        let last: BTreeMap<_, _> = upper.iter().map(|setting| (&setting.name, setting)).collect();
        let problems = config.overlay(upper.clone());
        for (name, setting) in last {
            let reported = problems.iter().any(|problem| problem.setting.as_ref() == Some(name));
            let there = config.iter().any(|(listed, value, origin)| {
                listed == name && (origin, config.origin(name)) == (&setting.origin, Some(&setting.origin))
                    && (value == &setting.value || setting.value.as_map().is_some())
            });
            prop_assert_eq!(there, setting.valid && !reported, "{}", name);
        }
    }

    #[test]
    fn a_key_has_one_holder_and_json_keeps_everything(layers in vec(layer(), 0..4)) {
        let mut config = SysConfig::default();
        for layer in layers {
            config.overlay(layer);
        }
        for (name, value, origin) in config.iter() {
            prop_assert_eq!(config.origin(name), Some(origin));
            let effective = config.get(name);
            prop_assert!(effective.is_some(), "{}", name);
            for (key, inner) in value.as_map().into_iter().flatten() {
                let merged = effective.and_then(|value| value.get(key));
                // Where keys may have been added, there is something; elsewhere just what the setting gave.
                let may_grow = inner.as_map().is_some() || *inner == Value::Undef;
                prop_assert!(merged == Some(inner) || may_grow && merged.is_some(), "{}###{}", name, key);
            }
        }
        let json = serde_json::to_string(&config).unwrap();
        prop_assert_eq!(serde_json::from_str::<SysConfig>(&json).unwrap(), config);
    }
}
