//! The query words for tasks, shared by pages and API, and the part of the ledger that statistics count.

use jiff::Timestamp;
use task_store::{Outcome, State, Store, Tally};

use super::problem::Problem;

/// The maximum number of newest executions that are counted; more would delay the response.
pub(super) const MOST_COUNTED: i64 = 100_000;
const MOST_NAMES: u32 = 100;

/// The state of a word; `None` for done tasks. Running tasks, if the word is empty.
pub(super) fn state(text: &str) -> Result<Option<State>, Problem> {
    match text {
        "" => Ok(Some(State::Running)),
        "done" => Ok(None),
        text => {
            let known = State::ALL.into_iter().find(|state| state.as_str() == text);
            known.map(Some).ok_or_else(|| Problem::bad(format!("there is no state '{text}'")))
        }
    }
}

/// An outcome's word, `unsuccessful`, or empty for all.
pub(super) fn outcome(text: &str) -> Result<&str, Problem> {
    if ["", "unsuccessful"].contains(&text) || Outcome::from_name(text).is_some() {
        Ok(text)
    } else {
        Err(Problem::bad(format!("there is no outcome '{text}'")))
    }
}

/// The executions since a time by type, or of one type by its most frequent names; and whether there were more.
pub(super) async fn counted(
    store: &Store,
    since: Timestamp,
    task_type: &str,
) -> Result<(Vec<Tally>, bool), Problem> {
    let newest = store.ledger_rows().await?.map_or(0, |(_, newest)| newest);
    let before = store.row_at(since).await? - 1;
    let after = before.max(newest - MOST_COUNTED);
    let tallies = if task_type.is_empty() {
        store.tally(after, newest).await?
    } else {
        store.tally_names(task_type, after, newest, MOST_NAMES).await?
    };
    Ok((tallies, after > before))
}

#[cfg(test)]
mod tests {
    use task_store::HeldState;

    use super::*;

    #[test]
    fn unknown_words_are_told() {
        assert_eq!(state("").unwrap(), Some(State::Running));
        assert_eq!(state("no-handler").unwrap(), Some(State::Held(HeldState::NoHandler)));
        assert_eq!(state("done").unwrap(), None);
        assert!(state("lost").is_err());
        for word in ["", "unsuccessful", "timed-out"] {
            assert_eq!(outcome(word).unwrap(), word);
        }
        assert!(outcome("lucky").is_err());
    }
}
