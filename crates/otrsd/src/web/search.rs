//! The words by which pages and programs ask for tasks, and the newest part of the ledger that counts of a time.

use jiff::Timestamp;
use task_store::{Outcome, State, Store, Tally};

use super::problem::Problem;

/// The newest executions of a time that are counted; more would hold up who asks.
pub(super) const MOST_COUNTED: i64 = 100_000;
const MOST_NAMES: u32 = 100;

/// Where the tasks of a state are; `None` for those that are done. Those that run, if nothing is said.
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

/// An outcome's word, `unsuccessful`, or nothing for all.
pub(super) fn outcome(text: &str) -> Result<&str, Problem> {
    if ["", "unsuccessful"].contains(&text) || Outcome::from_name(text).is_some() {
        Ok(text)
    } else {
        Err(Problem::bad(format!("there is no outcome '{text}'")))
    }
}

/// The executions since a time by type, or of one type by its most frequent names; whether there were more.
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
