//! One `<Setting>`: its name, flags and value.

use roxmltree::Node;
use serde::{Deserialize, Serialize};

use crate::error::Fault;
use crate::item::value_of;
use crate::origin::Origin;
use crate::path::split_name;
use crate::value::Value;

/// One setting of a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// The full name, for example `DaemonModules###SchedulerTaskWorker`.
    pub name: String,
    /// The value.
    pub value: Value,
    /// False: this setting, or this key of a hash setting, is removed.
    pub valid: bool,
    /// The original's user interface does not let it be disabled. This crate does not enforce it.
    pub required: bool,
    /// The original's user interface does not let it be changed. This crate does not enforce it.
    pub read_only: bool,
    /// Where it was read.
    pub origin: Origin,
}

/// Parses an element of the root; anything but a valid setting is a fault.
pub(crate) fn setting_of(node: Node<'_, '_>, origin: Origin) -> Result<Setting, Fault> {
    let fault = |what: String| Fault::new(node.range().start, what);
    let element = node.tag_name().name();
    if element == "ConfigItem" {
        return Err(fault(
            "found <ConfigItem>, the format up to OTRS 5; expected <Setting>: migrate the file first"
                .into(),
        ));
    }
    if element != "Setting" {
        return Err(fault(format!("found <{element}>; expected <Setting>")));
    }
    let name = node.attribute("Name").filter(|name| !name.is_empty());
    let name =
        name.ok_or_else(|| fault("found <Setting> without Name; expected Name=\"…\"".into()))?;
    split_name(name).map_err(fault)?;
    let valid = flag(node, "Valid")?.ok_or_else(|| {
        fault(
            "found no Valid; expected Valid=\"1\", or Valid=\"0\" to take the setting away".into(),
        )
    })?;
    Ok(Setting {
        name: name.to_owned(),
        value: value_in(node, valid)?,
        valid,
        required: flag(node, "Required")?.unwrap_or(false),
        read_only: flag(node, "ReadOnly")?.unwrap_or(false),
        origin,
    })
}

/// The value of a setting; a setting that only removes something needs none.
fn value_in(node: Node<'_, '_>, valid: bool) -> Result<Value, Fault> {
    let mut values = node.children().filter(|inner| inner.has_tag_name("Value"));
    match (values.next(), values.next()) {
        (Some(value), None) => value_of(value),
        (None, _) if !valid => Ok(Value::Undef),
        (None, _) => Err(Fault::new(node.range().start, "found no <Value>; expected one")),
        (_, Some(second)) => {
            Err(Fault::new(second.range().start, "found a second <Value>; expected one"))
        }
    }
}

fn flag(node: Node<'_, '_>, name: &str) -> Result<Option<bool>, Fault> {
    match node.attribute(name) {
        None => Ok(None),
        Some("1") => Ok(Some(true)),
        Some("0") => Ok(Some(false)),
        Some(found) => Err(Fault::new(
            node.range().start,
            format!("found {name}={found:?}; expected \"0\" or \"1\""),
        )),
    }
}
