//! `Daemon::Event###<Key>`: tasks that are added when an event is fired.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Map, Value as Json};
use sysconfig::{Problem, SysConfig, Value};
use task_store::{Payload, PayloadError, Shape};

use super::{keys::Keys, problem, reference::EVENT, task_types};
use crate::config::natives::Natives;

pub(crate) const SETTING: &str = "Daemon::Event";

/// A task that is added at an event.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Registration {
    /// The name of its setting.
    pub(crate) key: String,
    pub(crate) event: String,
    pub(crate) task_type: String,
    pub(crate) name: String,
    /// Data that is added to the event's; it takes precedence for keys that both have.
    data: Option<Map<String, Json>>,
    /// The delay between the event and the scheduled time.
    pub(crate) delay: Option<Duration>,
    /// The required values of top-level keys of the event's data.
    filter: BTreeMap<String, String>,
}

/// The registrations, and the problems of the others.
#[derive(Debug, Default)]
pub(crate) struct Events {
    pub(crate) registrations: Vec<Registration>,
    pub(crate) problems: Vec<Problem>,
    /// Events with a bad registration, each with its problem.
    pub(crate) broken: BTreeMap<String, String>,
}

/// Reads all registrations. A bad one is left out, and its event cannot be fired: an event adds all its tasks or none.
pub(crate) fn read(settings: &SysConfig) -> Events {
    let mut events = Events::default();
    let given = settings.get(SETTING).and_then(Value::as_map);
    for (key, value) in given.into_iter().flatten() {
        let keys = Keys::of(settings, &EVENT, key, value);
        let refusal = match one(&keys, key) {
            Ok(registration) => {
                events.registrations.push(registration);
                None
            }
            Err(what) => {
                if let Some(event) = value.get("Event").and_then(Value::as_text) {
                    events
                        .broken
                        .insert(event.trim().to_owned(), format!("{SETTING}###{key}: {what}"));
                }
                Some(format!("{what}; its event cannot be fired"))
            }
        };
        events.problems.extend(keys.problems(refusal));
    }
    events
}

/// The registrations whose tasks have no handler here.
pub(super) fn without_handler(
    settings: &SysConfig,
    registrations: &[Registration],
    program: &Natives,
) -> Vec<Problem> {
    let problem_of = |it: &Registration| {
        let what = task_types::without_handler(settings, program, &it.task_type)?;
        Some(problem(settings, &format!("{SETTING}###{}", it.key), what))
    };
    registrations.iter().filter_map(problem_of).collect()
}

fn one(keys: &Keys<'_>, key: &str) -> Result<Registration, String> {
    if keys.value.as_map().is_none() {
        return Err("a registration is a hash with the keys 'Event' and 'TaskType'".to_owned());
    }
    let event = keys.text("Event")?.ok_or("'Event' is missing")?;
    let name = keys.text("TaskName")?.unwrap_or(event);
    let task_type = keys.text("TaskType")?.ok_or("'TaskType' is missing")?;
    task_types::check_names(task_type, name)?;
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
    /// Whether the event's data matches the filter. Numbers and booleans are compared as they are written; of a key
    /// that occurs several times the last counts.
    pub(crate) fn wants(&self, data: &Payload) -> bool {
        let members = match Shape::of(data.text()) {
            Ok(Shape::Object(members)) => members,
            _ => Vec::new(),
        };
        self.filter.iter().all(|(key, wanted)| {
            let given = members.iter().rev().find(|(name, _)| name == key);
            given.is_some_and(|(_, value)| match Shape::of(value) {
                Ok(Shape::Text(text)) => text == *wanted,
                Ok(Shape::Number(_) | Shape::Bool(_)) => value == wanted,
                _ => false,
            })
        })
    }

    /// The task's data: the event's as it is written, followed by what the setting adds.
    ///
    /// # Errors
    ///
    /// The setting adds keys, but the event's data is no object that could hold them.
    pub(crate) fn payload(&self, data: &Payload) -> Result<Payload, String> {
        let Some(own) = &self.data else { return Ok(data.clone()) };
        let unreadable = |error: PayloadError| error.to_string();
        let given = match Shape::of(data.text()).map_err(unreadable)? {
            Shape::Null => Vec::new(),
            Shape::Object(members) => members,
            _ => {
                return Err(format!(
                    "{SETTING}###{} has 'Data', so the event's data must be an object",
                    self.key
                ));
            }
        };
        let given = given.into_iter().filter(|(key, _)| !own.contains_key(key));
        let given = given.map(|(key, value)| format!("{}:{value}", Json::from(key)));
        let own = own.iter().map(|(key, value)| format!("{}:{value}", Json::from(key.as_str())));
        let members: Vec<String> = given.chain(own).collect();
        format!("{{{}}}", members.join(",")).parse().map_err(unreadable)
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
            (r#"{ "Queue": "Raw", "Priority": 3, "More": [] }"#, true),
            (r#"{ "Queue": "Raw", "Priority": "3" }"#, true),
            (r#"{ "Queue": "Raw", "Priority": 4, "Priority": 3 }"#, true),
            (r#"{ "Queue": "Raw", "Priority": 3, "Priority": 4 }"#, false),
            (r#"{ "Queue": "Raw", "Priority": 3.0 }"#, false),
            (r#"{ "Queue": "Raw" }"#, false),
            (r#"{ "Queue": ["Raw"], "Priority": 3 }"#, false),
            ("null", false),
        ] {
            assert_eq!(registration.wants(&data.parse().unwrap()), expected, "{data}");
        }
    }

    #[test]
    fn the_settings_keys_count() {
        let payload = |registration: &Registration, data: &str| {
            registration.payload(&data.parse().unwrap()).map(Payload::into_text)
        };
        let plain = &read_one(GOOD).registrations[0];
        assert_eq!(payload(plain, "[1, 1.10]"), Ok("[1, 1.10]".to_owned()));
        let own = "<Item Key='Data'><Hash><Item Key='To'>us</Item></Hash></Item>";
        let own = &read_one(&format!("{GOOD}{own}")).registrations[0];
        for (given, expected) in [
            (r#"{ "To": "them", "Ticket": 7 }"#, r#"{"Ticket":7,"To":"us"}"#),
            (
                r#"{"z": 1e400, "To":1, "a" : {"To": 2}, "z":[ ]}"#,
                r#"{"z":1e400,"a":{"To": 2},"z":[ ],"To":"us"}"#,
            ),
            ("{}", r#"{"To":"us"}"#),
            ("null", r#"{"To":"us"}"#),
        ] {
            assert_eq!(payload(own, given), Ok(expected.to_owned()), "{given}");
        }
        assert!(payload(own, "5").unwrap_err().contains("Daemon::Event###E"));
    }
}
