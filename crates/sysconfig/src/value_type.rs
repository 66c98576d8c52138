//! The value types whose value is more than the text of their item, each computed as the original's module of that name
//! computes it. Values are not validated (regex, existing file, entity).

use std::collections::BTreeMap;

use roxmltree::Node;

use crate::error::Fault;
use crate::item::{child, content, items, key_of};
use crate::value::Value;

/// The types whose value is the item's text.
const PLAIN: [&str; 12] = [
    "String",
    "Checkbox",
    "Date",
    "DateTime",
    "Directory",
    "Entity",
    "File",
    "Password",
    "PerlModule",
    "Textarea",
    "TimeZone",
    "YAML",
];

/// The value of `item` as one of type `name`.
pub(crate) fn typed(name: &str, item: Node<'_, '_>) -> Result<Value, Fault> {
    match name {
        _ if PLAIN.contains(&name) => Ok(Value::Text(content(item).unwrap_or_default())),
        // A type of OTOBO, not of Znuny.
        "Array" => Ok(content(item).map_or_else(|| Value::List(Vec::new()), Value::Text)),
        "Select" => Ok(Value::from(item.attribute("SelectedID").unwrap_or_default())),
        "FrontendNavigation" | "FrontendRegistration" => frontend(item),
        "VacationDays" => Ok(days(item, &["ValueMonth", "ValueDay"])),
        "VacationDaysOneTime" => Ok(days(item, &["ValueYear", "ValueMonth", "ValueDay"])),
        "WorkingHours" => Ok(working_hours(item)),
        _ => Err(Fault::new(
            item.range().start,
            format!("found ValueType={name:?}; expected one of {}", known()),
        )),
    }
}

/// Whether a value of this type consists of inner items.
pub(crate) fn has_parts(name: &str) -> bool {
    matches!(name, "VacationDays" | "VacationDaysOneTime" | "WorkingHours")
}

/// The boolean value of a string in Perl.
pub(crate) fn is_true(text: &str) -> bool {
    !matches!(text, "" | "0")
}

fn known() -> String {
    let special = [
        "Array",
        "Select",
        "FrontendNavigation",
        "FrontendRegistration",
        "VacationDays",
        "VacationDaysOneTime",
        "WorkingHours",
    ];
    PLAIN.iter().chain(&special).copied().collect::<Vec<_>>().join(", ")
}

/// Texts by key; Group and `GroupRo` are lists and always present. A "0" counts as no text there.
fn frontend(item: Node<'_, '_>) -> Result<Value, Fault> {
    let Some(hash) = child(item, "Hash").filter(|hash| items(*hash).next().is_some()) else {
        return Ok(Value::Undef);
    };
    let mut map = BTreeMap::new();
    for part in items(hash) {
        let key = key_of(part)?;
        if !matches!(key, "Group" | "GroupRo") {
            map.insert(key.to_owned(), true_text(part));
        } else if let Some(array) = child(part, "Array") {
            map.insert(key.to_owned(), Value::List(items(array).map(true_text).collect()));
        }
    }
    for key in ["Group", "GroupRo"] {
        map.entry(key.to_owned()).or_insert_with(|| Value::List(Vec::new()));
    }
    Ok(Value::Map(map))
}

fn true_text(item: Node<'_, '_>) -> Value {
    Value::Text(content(item).filter(|text| is_true(text)).unwrap_or_default())
}

/// Days' texts in a hash by month and day, or year, month and day; an empty text without inner items.
fn days(item: Node<'_, '_>, attributes: &[&str]) -> Value {
    if items(item).next().is_none() {
        return Value::from("");
    }
    let mut result = BTreeMap::new();
    for part in items(item) {
        let path: Option<Vec<&str>> = attributes
            .iter()
            .map(|name| part.attribute(*name).filter(|text| is_true(text)))
            .collect();
        if let Some(path) = path {
            let text = content(part).map_or(Value::Undef, Value::Text);
            put(&mut result, &path, text);
        }
    }
    Value::Map(result)
}

fn put(map: &mut BTreeMap<String, Value>, path: &[&str], value: Value) {
    let [key, rest @ ..] = path else { return };
    if rest.is_empty() {
        map.insert((*key).to_owned(), value);
    } else if let Value::Map(inner) =
        map.entry((*key).to_owned()).or_insert_with(|| Value::Map(BTreeMap::new()))
    {
        put(inner, rest, value);
    }
}

/// Lists of hours by weekday; inner items that are no hour from 0 to 23 are left out.
fn working_hours(item: Node<'_, '_>) -> Value {
    if items(item).next().is_none() {
        return Value::from("");
    }
    let mut result = BTreeMap::new();
    for part in items(item) {
        let name = part.attribute("ValueName").filter(|text| is_true(text));
        if let (Some(name), Some(_)) =
            (name, part.attribute("ValueType").filter(|text| is_true(text)))
        {
            let hours =
                items(part).filter_map(content).filter(|text| text.split('\n').any(is_hour));
            result.insert(name.to_owned(), Value::List(hours.map(Value::Text).collect()));
        }
    }
    Value::Map(result)
}

fn is_hour(text: &str) -> bool {
    matches!(text.as_bytes(), [b'0'..=b'9'] | [b'1', b'0'..=b'9'] | [b'2', b'0'..=b'3'])
}
