//! Full names, `A###B###C`, and the paths in hash values that they denote.

use std::collections::BTreeMap;

use crate::value::Value;

/// The maximum number of parts of a name; the original's have at most four.
const MAX_PARTS: usize = 16;
/// The maximum length of a name in bytes; the original's database has room for 250 characters.
const MAX_NAME: usize = 1000;

/// The parts of a full name, or what is wrong with it.
pub(crate) fn split_name(name: &str) -> Result<Vec<&str>, String> {
    if name.len() > MAX_NAME {
        return Err(format!("found a name of {} bytes; expected at most {MAX_NAME}", name.len()));
    }
    let parts: Vec<&str> = name.split("###").take(MAX_PARTS + 1).collect();
    if parts.len() > MAX_PARTS {
        return Err(format!("found a name of more than {MAX_PARTS} parts"));
    }
    // The original would assign the fourth # to the key after it, or, at the end of a name, before it.
    if name.contains("####") {
        return Err(format!(
            "found more than three # in a row in the name {name:?}; expected A###B"
        ));
    }
    if parts.iter().any(|part| part.is_empty()) {
        return Err(format!("found an empty part in the name {name:?}; expected A###B"));
    }
    Ok(parts)
}

/// The name itself with no path, then each shorter name with the path that leads from it to the name.
pub(crate) fn prefixes(name: &str) -> impl Iterator<Item = (&str, &str)> {
    // From the left, as split and the original do it, then reversed.
    let places: Vec<usize> = name.match_indices("###").map(|(at, _)| at).collect();
    let shorter = places.into_iter().rev().map(move |at| (&name[..at], &name[at + 3..]));
    std::iter::once((name, "")).chain(shorter)
}

/// The value at a path of hashes within `value`; for an empty path, `value` itself.
pub(crate) fn descend<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    if path.is_empty() {
        return Some(value);
    }
    path.split("###").try_fold(value, |value, key| value.get(key))
}

/// Removes the value at a path of hashes, if it exists.
pub(crate) fn remove(value: &mut Value, path: &str) {
    let Value::Map(map) = value else { return };
    match path.split_once("###") {
        None => {
            map.remove(path);
        }
        Some((key, rest)) => {
            if let Some(inner) = map.get_mut(key) {
                remove(inner, rest);
            }
        }
    }
}

/// Inserts a value at a path of hashes, creating missing ones. Err: the length of the part of the path that is not a
/// hash.
pub(crate) fn insert(target: &mut Option<Value>, path: &str, value: &Value) -> Result<(), usize> {
    let target = target.get_or_insert(Value::Undef);
    if *target == Value::Undef {
        *target = Value::Map(BTreeMap::new());
    }
    let Value::Map(map) = target else { return Err(0) };
    let Some((key, rest)) = path.split_once("###") else {
        map.insert(path.to_owned(), value.clone());
        return Ok(());
    };
    let mut inner = map.remove(key);
    let done = insert(&mut inner, rest, value);
    map.extend(inner.map(|inner| (key.to_owned(), inner)));
    done.map_err(|place| key.len() + if place == 0 { 0 } else { 3 + place })
}
