//! The query of a list of tasks, as it is in the URL of the page.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use task_store::{Entry, LockKey, Search, State};

use crate::{
    text::time,
    web::{auth::Caller, problem::Problem, search},
};

/// The time budget for the rows of one page; the browser continues by itself while nothing was found.
const BUDGET: Duration = Duration::from_millis(30);

/// The tabs of the list: word, name, and the text for an empty list.
pub(super) const TABS: [(&str, &str, &str); 8] = [
    ("running", "Running", "No task runs."),
    ("waiting", "Waiting", "No task waits: the queue is empty."),
    ("future", "Planned", "No task is planned."),
    ("retry", "Retry", "No task waits to be tried again."),
    ("failed", "Failed", "No task is held as failed."),
    ("quarantined", "Quarantined", "No task is in quarantine."),
    ("no-handler", "No handler", "Every type of task has a handler."),
    ("done", "Done", "The ledger holds no execution like that."),
];

/// The URL query of a list; empty fields do not restrict.
#[derive(Clone, Debug, Default, Eq, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::web) struct Query {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) state: String,
    #[serde(rename = "type", skip_serializing_if = "String::is_empty")]
    pub(super) task_type: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) text: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) outcome: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) node: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) from: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) to: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) after: String,
}

/// The source of a list's tasks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Place {
    Tasks(State),
    Ledger,
}

impl Query {
    pub(super) fn place(&self) -> Result<Place, Problem> {
        Ok(search::state(&self.state)?.map_or(Place::Ledger, Place::Tasks))
    }

    /// The row after which the page begins.
    pub(super) fn row(&self) -> Result<Option<i64>, Problem> {
        match self.after.as_str() {
            "" => Ok(None),
            text => text
                .parse()
                .map(Some)
                .map_err(|_| Problem::bad(format!("'{text}' is no row to go on from"))),
        }
    }

    /// 0 for all.
    pub(super) fn node(&self) -> Result<u16, Problem> {
        match self.node.trim() {
            "" => Ok(0),
            text => {
                text.parse().map_err(|_| Problem::bad(format!("'{text}' is no number of a node")))
            }
        }
    }

    /// Keeps the tasks that run on the requested node; there are at most as many as slots.
    pub(super) fn keep_node(&self, entries: &mut Vec<Entry>) -> Result<(), Problem> {
        let node = self.node()?;
        entries.retain(|it| node == 0 || node_of(it.lock) == node);
        Ok(())
    }

    /// The search in the ledger.
    pub(super) fn search(&self, limit: u32, caller: &Caller) -> Result<Search<'_>, Problem> {
        let time = |text: &str| match text.trim() {
            "" => Ok(None),
            text => time::argument(text)
                .map(Some)
                .map_err(|error| Problem::bad(format!("'{text}' is {error}"))),
        };
        Ok(Search {
            task_type: self.task_type.trim(),
            name: self.name.trim(),
            text: self.text.trim(),
            in_names_alone: !caller.sees_contents(),
            outcome: search::outcome(&self.outcome)?,
            node: self.node()?,
            from: time(&self.from)?,
            to: time(&self.to)?,
            before: self.row()?,
            limit,
            budget: BUDGET,
        })
    }

    /// The tab that is open.
    pub(super) fn tab(&self) -> &str {
        if self.state.is_empty() { "running" } else { &self.state }
    }

    /// The URL of the page that begins after a row.
    pub(super) fn page_after(&self, row: i64) -> String {
        Self { after: row.to_string(), ..self.clone() }.address()
    }

    pub(super) fn address(&self) -> String {
        let query = serde_urlencoded::to_string(self).unwrap_or_default();
        if query.is_empty() { "/tasks".to_owned() } else { format!("/tasks?{query}") }
    }

    /// The same search in another tab, without the fields that the tab does not have.
    pub(super) fn in_tab(&self, state: &str) -> String {
        let mut query = Self { state: state.to_owned(), after: String::new(), ..self.clone() };
        if state != "done" {
            (query.outcome, query.from, query.to) = Default::default();
        }
        if !["done", "running"].contains(&state) {
            query.node.clear();
        }
        query.address()
    }

    /// Whether anything but the tab restricts the list.
    pub(super) fn is_narrow(&self) -> bool {
        [&self.task_type, &self.name, &self.text, &self.outcome, &self.node, &self.from, &self.to]
            .iter()
            .any(|it| !it.is_empty())
    }
}

fn node_of(lock: LockKey) -> u16 {
    match lock {
        LockKey::Ours(owner) => owner.node(),
        LockKey::Perl { node, .. } => node,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use task_store::HeldState;

    use super::*;

    #[test]
    fn an_address_says_no_more_than_it_must() {
        let query: Query = serde_urlencoded::from_str("state=failed&type=A%26B&after=7").unwrap();
        assert_eq!(query.place().unwrap(), Place::Tasks(State::Held(HeldState::Failed)));
        assert_eq!(query.in_tab("done"), "/tasks?state=done&type=A%26B");
        let query_of = |text| serde_urlencoded::from_str::<Query>(text).unwrap();
        let done = query_of("state=done&node=2&outcome=failed&from=-2h&text=x");
        assert_eq!(done.in_tab("running"), "/tasks?state=running&text=x&node=2");
        assert_eq!(done.in_tab("waiting"), "/tasks?state=waiting&text=x");
        assert_eq!(query.page_after(9), "/tasks?state=failed&type=A%26B&after=9");
        assert_eq!(Query::default().address(), "/tasks");
        let bad = Query { state: "x".into(), after: "y".into(), ..Query::default() };
        assert!(bad.place().is_err() && bad.row().is_err());
    }
}
