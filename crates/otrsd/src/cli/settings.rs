//! `config get`, `config list`, `config describe`.

use std::fmt::Write as _;

use sysconfig::Value;

use super::{
    Failure, Program,
    terminal::{print, print_json},
};
use crate::config::{reference, secrets};

pub(super) fn get(program: &Program, name: &str) -> Result<(), Failure> {
    let settings = program.load()?.settings;
    let value = settings.get(name).ok_or_else(|| Failure::failed(format!("no setting {name}")))?;
    let text = match value {
        Value::Text(text) => text.clone(),
        value => serde_json::to_string_pretty(value).map_err(anyhow::Error::from)?,
    };
    print(&format!("{text}\n"));
    Ok(())
}

pub(super) fn list(
    program: &Program,
    prefix: Option<&str>,
    origin: bool,
    json: bool,
) -> Result<(), Failure> {
    let settings = program.load()?.settings;
    let chosen = settings.iter().filter(|(name, ..)| name.starts_with(prefix.unwrap_or_default()));
    // A list ends up in terminals and logs: a secret is printed only when its setting is requested alone.
    let chosen = chosen.map(|(name, value, origin)| (name, secrets::shown(name, value), origin));
    if json {
        let entries: Vec<_> = chosen
            .map(|(name, value, origin)| {
                serde_json::json!({ "name": name, "value": value, "origin": origin.to_string() })
            })
            .collect();
        let text = serde_json::to_string_pretty(&entries).map_err(anyhow::Error::from)?;
        print(&format!("{text}\n"));
        return Ok(());
    }
    let mut text = String::new();
    for (name, value, place) in chosen {
        let value = serde_json::to_string(&value).map_err(anyhow::Error::from)?;
        let _ = write!(text, "{name} = {value}");
        if origin {
            let _ = write!(text, "    # {place}");
        }
        text.push('\n');
    }
    print(&text);
    Ok(())
}

/// The reference of all settings; needs no configuration.
pub(super) fn describe(text: &str, json: bool, markdown: bool) -> Result<(), Failure> {
    if markdown {
        print(&reference::chapter());
        return Ok(());
    }
    let found = reference::find(text);
    if json {
        return Ok(print_json(&found)?);
    }
    if found.is_empty() {
        return Err(Failure::failed(format!("no setting has '{text}' in its name")));
    }
    let paragraphs = found.iter().map(|it| {
        let default = if it.default.is_empty() { "none" } else { it.default };
        format!(
            "{}\n    {}\n    value: {}\n    default: {default}\n",
            it.name, it.meaning, it.value
        )
    });
    print(&paragraphs.collect::<Vec<_>>().join("\n"));
    Ok(())
}
