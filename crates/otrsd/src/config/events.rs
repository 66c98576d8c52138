//! `Daemon::Event###<Key>`: tasks that are added when something happens.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Map, Value as Json, json};
use sysconfig::{Problem, SysConfig, Value};

use super::{keys::Keys, problem, reference::EVENT};

pub(crate) const SETTING: &str = "Daemon::Event";

/// A task that is added at an event.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Registration {
    /// The name of its setting.
    pub(crate) key: String,
    pub(crate) event: String,
    pub(crate) task_type: String,
    pub(crate) name: String,
    /// What the task's data has beside the event's; where both have a key, this counts.
    data: Option<Map<String, Json>>,
    /// How long after the event it is due.
    pub(crate) delay: Option<Duration>,
    /// What the event's data must be, by keys of its top.
    filter: BTreeMap<String, String>,
}

/// The registrations, and what is wrong with the others.
#[derive(Debug, Default)]
pub(crate) struct Events {
    pub(crate) registrations: Vec<Registration>,
    pub(crate) problems: Vec<Problem>,
    /// Events that a bad one is registered for, with what is wrong.
    pub(crate) broken: BTreeMap<String, String>,
}

/// Reads all registrations; a bad one is left out, and its event cannot be fired: all its tasks or none.
pub(crate) fn read(settings: &SysConfig) -> Events {
    let mut events = Events::default();
    let given = settings.get(SETTING).and_then(Value::as_map);
    for (key, value) in given.into_iter().flatten() {
        let mut complain =
            |what| events.problems.push(problem(settings, &format!("{SETTING}###{key}"), what));
        match one(&Keys::of(settings, SETTING, key, value), key) {
            Ok(registration) => events.registrations.push(registration),
            Err(what) => {
                if let Some(event) = value.get("Event").and_then(Value::as_text) {
                    events
                        .broken
                        .insert(event.trim().to_owned(), format!("{SETTING}###{key}: {what}"));
                }
                complain(format!("{what}; its event cannot be fired"));
            }
        }
        let keys = value.as_map().into_iter().flat_map(BTreeMap::keys);
        keys.filter(|key| !EVENT.knows(key))
            .for_each(|key| complain(format!("key '{key}' means nothing here")));
    }
    events
}

fn one(keys: &Keys<'_>, key: &str) -> Result<Registration, String> {
    if keys.value.as_map().is_none() {
        return Err("a registration is a hash with the keys 'Event' and 'TaskType'".to_owned());
    }
    let event = keys.text("Event")?.ok_or("'Event' is missing")?;
    let name = keys.text("TaskName")?.unwrap_or(event);
    if name.chars().count() > task_store::LONGEST_NAME {
        let longest = task_store::LONGEST_NAME;
        return Err(format!("'TaskName' is longer than {longest} characters"));
    }
    let task_type = keys.text("TaskType")?.ok_or("'TaskType' is missing")?;
    if task_type.chars().count() > task_store::LONGEST_NAME {
        let longest = task_store::LONGEST_NAME;
        return Err(format!("'TaskType' is longer than {longest} characters"));
    }
    Ok(Registration {
        key: key.to_owned(),
        event: event.to_owned(),
        task_type: task_type.to_owned(),
        name: name.to_owned(),
        data: data(keys.value.get("Data"))?,
        delay: keys.seconds("Delay")?.filter(|delay| !delay.is_zero()),
        filter: filter(keys.value.get("Filter"))?,
    })
}

fn data(value: Option<&Value>) -> Result<Option<Map<String, Json>>, String> {
    match value {
        None | Some(Value::Undef) => Ok(None),
        Some(value) => match serde_json::to_value(value) {
            Ok(Json::Object(data)) => Ok(Some(data)),
            _ => Err("'Data' must be a hash".to_owned()),
        },
    }
}

fn filter(value: Option<&Value>) -> Result<BTreeMap<String, String>, String> {
    let wrong = || "'Filter' must be a hash of texts".to_owned();
    let keys = match value {
        None | Some(Value::Undef) => return Ok(BTreeMap::new()),
        Some(value) => value.as_map().ok_or_else(wrong)?.iter(),
    };
    keys.map(|(key, value)| Some((key.clone(), value.as_text()?.to_owned())))
        .collect::<Option<_>>()
        .ok_or_else(wrong)
}

impl Registration {
    /// Whether an event's data is what the filter wants. Numbers and truth values are compared as JSON writes
    /// them.
    pub(crate) fn wants(&self, data: &Json) -> bool {
        self.filter.iter().all(|(key, wanted)| match data.get(key) {
            Some(Json::String(text)) => text == wanted,
            Some(Json::Null | Json::Array(_) | Json::Object(_)) | None => false,
            Some(plain) => serde_json::to_string(plain).is_ok_and(|text| text == *wanted),
        })
    }

    /// The task's data.
    ///
    /// # Errors
    ///
    /// The setting adds keys, and the event's data has none to add them to.
    pub(crate) fn payload(&self, data: &Json) -> Result<Json, String> {
        match (&self.data, data) {
            (None, data) => Ok(data.clone()),
            (Some(own), Json::Null) => Ok(json!(own)),
            (Some(own), Json::Object(given)) => {
                let mut all = given.clone();
                all.extend(own.clone());
                Ok(Json::Object(all))
            }
            (Some(_), _) => Err(format!(
                "{SETTING}###{} has 'Data', so the event's data must be an object",
                self.key
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_one(items: &str) -> Events {
        let text = format!(
            "<otrsd_config version='2.0' init='Application'><Setting Name='{SETTING}###E' Valid='1'>\
             <Value><Hash>{items}</Hash></Value></Setting></otrsd_config>"
        );
        let mut settings = SysConfig::default();
        settings.overlay(sysconfig::parse("a.xml", &text).unwrap().settings);
        read(&settings)
    }

    const GOOD: &str = "<Item Key='Event'>TicketCreate</Item><Item Key='TaskType'>Mail</Item>";

    #[test]
    fn a_bad_one_is_told_of() {
        for (items, expected) in [
            ("<Item Key='TaskType'>T</Item>", "'Event' is missing"),
            ("<Item Key='Event'>E</Item>", "'TaskType' is missing"),
            (&format!("{GOOD}<Item Key='Data'>text</Item>"), "'Data' must be a hash"),
            (&format!("{GOOD}<Item Key='Delay'>soon</Item>"), "'Delay' must be seconds"),
            (
                &format!("{GOOD}<Item Key='Filter'><Array><Item>a</Item></Array></Item>"),
                "'Filter' must be a hash of texts",
            ),
            (&format!("{GOOD}<Item Key='Filer'>a</Item>"), "key 'Filer' means nothing here"),
        ] {
            let problem = read_one(items).problems[0].to_string();
            assert!(problem.starts_with("a.xml:1: setting Daemon::Event###E: "), "{problem}");
            assert!(problem.contains(expected), "{problem}");
        }
        assert_eq!(read_one(GOOD).registrations[0].name, "TicketCreate");
    }

    #[test]
    fn filters_compare_the_top_of_the_data() {
        let filter = "<Item Key='Filter'><Hash><Item Key='Queue'>Raw</Item><Item Key='Priority'>3</Item>\
                      </Hash></Item>";
        let registration = &read_one(&format!("{GOOD}{filter}")).registrations[0];
        for (data, expected) in [
            (json!({ "Queue": "Raw", "Priority": 3, "More": [] }), true),
            (json!({ "Queue": "Raw", "Priority": "3" }), true),
            (json!({ "Queue": "Raw", "Priority": 4 }), false),
            (json!({ "Queue": "Raw" }), false),
            (json!({ "Queue": ["Raw"], "Priority": 3 }), false),
            (json!(null), false),
        ] {
            assert_eq!(registration.wants(&data), expected, "{data}");
        }
    }

    #[test]
    fn the_settings_keys_count() {
        let plain = &read_one(GOOD).registrations[0];
        assert_eq!(plain.payload(&json!([1])), Ok(json!([1])));
        let own = "<Item Key='Data'><Hash><Item Key='To'>us</Item></Hash></Item>";
        let own = &read_one(&format!("{GOOD}{own}")).registrations[0];
        let given = json!({ "To": "them", "Ticket": 7 });
        assert_eq!(own.payload(&given), Ok(json!({ "To": "us", "Ticket": 7 })));
        assert_eq!(own.payload(&json!(null)), Ok(json!({ "To": "us" })));
        assert!(own.payload(&json!(5)).unwrap_err().contains("Daemon::Event###E"));
    }
}
