//! Random values, for properties and for Perl.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use perl_storable::{Blessed, Key, Value};
use proptest::char::ranges;
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::strategy::Union;

/// A value that can be frozen and comes back as it was: what it is made of is
/// what a network image can hold.
pub(crate) fn reference() -> impl Strategy<Value = Value> {
    let leaf = scalar();
    let tree = leaf.prop_recursive(6, 60, 6, |inner| containers(inner).boxed());
    containers(tree)
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => characters(' '..='~'),
        3 => characters('\0'..=char::MAX),
        1 => Union::new([84, 85, 86, 254, 255, 256, 257].map(|length| Just("ä€".repeat(length / 2)))),
    ]
}

fn characters(range: RangeInclusive<char>) -> impl Strategy<Value = String> {
    let character = ranges(Cow::Owned(vec![range]));
    vec(character, 0..12).prop_map(|characters| characters.into_iter().collect())
}

fn containers(
    inner: impl Strategy<Value = Value> + Clone + 'static,
) -> impl Strategy<Value = Value> {
    let class = prop_oneof!["A", "Kernel::System::[A-Z][a-z]{0,5}", "C{127}", "D{128}"];
    let plain = prop_oneof![
        4 => vec(inner.clone(), 0..6).prop_map(Value::Array),
        4 => vec((key(), inner.clone()), 0..6).prop_map(|pairs| Value::Hash(pairs.into())),
        1 => inner.prop_map(|value| Value::Ref(Box::new(value))),
    ];
    (plain, proptest::option::weighted(0.15, class)).prop_map(|(value, class)| match class {
        Some(class) => Value::Blessed(Box::new(Blessed { class, value })),
        None => value,
    })
}

fn key() -> impl Strategy<Value = Key> {
    prop_oneof![
        text().prop_map(|text| Key::from(text.as_str())),
        vec(any::<u8>(), 0..8).prop_map(|bytes| Key::from_bytes(&bytes)),
    ]
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        1 => Just(Value::Undef),
        2 => any::<i32>().prop_map(|number| Value::Int(number.into())),
        2 => (-200i64..300).prop_map(Value::Int),
        3 => vec(any::<u8>(), 0..20).prop_map(Value::Bytes),
        1 => (250usize..260).prop_map(|length| Value::Bytes(vec![0xe4; length])),
        3 => text().prop_map(Value::Text),
    ]
}
