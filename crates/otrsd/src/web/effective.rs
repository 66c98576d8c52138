//! The effective settings, as far as a caller may see them.

use sysconfig::{SysConfig, Value};

use super::auth::Caller;
use crate::config::secrets;

/// Keys whose values say what is run, with which arguments and input.
const CONTENTS: [&str; 6] = ["Command", "SummaryCommand", "Environment", "Http", "Data", "Params"];
const HIDDEN: &str = "(for the role operate)";

/// The settings with matching names: name, value, origin. Secrets are redacted for every caller.
pub(super) fn settings<'a>(
    settings: &'a SysConfig,
    caller: &'a Caller,
    is_wanted: impl Fn(&str) -> bool + 'a,
) -> impl Iterator<Item = (&'a str, Value, String)> {
    let all = settings.iter().filter(move |(name, ..)| is_wanted(name));
    all.map(|(name, value, origin)| {
        let value = secrets::shown(name, value);
        let value = if caller.sees_contents() { value } else { without_contents(name, value) };
        (name, value, origin.to_string())
    })
}

fn without_contents(name: &str, value: Value) -> Value {
    // A key may be set alone, by its own name or further below it.
    let is_contents = name.split("###").any(|part| CONTENTS.contains(&part));
    match value {
        Value::Undef => Value::Undef,
        _ if is_contents => Value::Text(HIDDEN.to_owned()),
        Value::Map(map) => {
            let items = map.into_iter().map(|(key, value)| {
                let value = without_contents(&key, value);
                (key, value)
            });
            Value::Map(items.collect())
        }
        Value::List(list) => {
            Value::List(list.into_iter().map(|it| without_contents("", it)).collect())
        }
        Value::Text(text) => Value::Text(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_run_is_for_operators() {
        let text = |text: &str| Value::Text(text.to_owned());
        let map = |key: &str, value| Value::Map([(key.to_owned(), value)].into());
        let argv = || Value::List(vec![text("curl"), text("-usecret")]);
        for (name, value, shown) in [
            ("TaskType###A", map("Command", argv()), map("Command", text(HIDDEN))),
            ("TaskType###A###Command", argv(), text(HIDDEN)),
            ("Task###N###Data###to", text("a"), text(HIDDEN)),
            ("TaskType###A###Http", map("URL", text("http://a:b@c")), text(HIDDEN)),
            ("TaskType###A", map("Attempts", text("3")), map("Attempts", text("3"))),
            ("TaskType###Command", map("Attempts", text("3")), text(HIDDEN)),
            (
                "A",
                Value::List(vec![map("Params", argv())]),
                Value::List(vec![map("Params", text(HIDDEN))]),
            ),
            ("A", map("Data", Value::Undef), map("Data", Value::Undef)),
        ] {
            assert_eq!(without_contents(name, value), shown, "{name}");
        }
    }
}
