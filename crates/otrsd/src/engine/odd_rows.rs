//! Rows that are quarantined or left out, for people: the log tells of each once, status and health of all.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use task_store::Store;
use tokio::{sync::Notify, time::sleep};

use crate::{
    logs,
    module::{ModuleContext, degraded::ROWS},
};

/// Other processes quarantine rows too.
const LOOK: Duration = Duration::from_mins(1);
/// As long as tasks come, or something is told, which people mend.
const LOOK_AGAIN: Duration = Duration::from_secs(10);
/// The most quarantined rows that are read.
const MOST: u32 = 100;

#[derive(Clone, Debug, Default)]
pub(crate) struct OddRows {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Of rows whose ends are kept.
    kept: Mutex<BTreeSet<String>>,
    /// What was said of other troubles since the last look.
    said: Mutex<BTreeSet<String>>,
    look: Notify,
    work: Notify,
}

impl OddRows {
    /// Something was quarantined.
    pub(crate) fn look(&self) {
        self.inner.look.notify_one();
    }

    /// Tasks came: whatever brought them may have met rows that it left out.
    pub(crate) fn work(&self) {
        self.inner.work.notify_one();
    }

    /// What is said until the next look.
    pub(crate) fn say(&self, what: String) {
        if locked(&self.inner.said).insert(what) {
            self.look();
        }
    }

    /// The ends that are kept now.
    pub(crate) fn kept(&self, now: BTreeSet<String>) {
        let mut before = locked(&self.inner.kept);
        if *before != now {
            *before = now;
            self.look();
        }
    }

    /// Looks for such rows and tells of them, for as long as this worker lives.
    pub(crate) async fn keep(self, store: Store, context: ModuleContext) {
        let mut told = BTreeSet::new();
        loop {
            let rows = self.all(&store).await;
            show(&context, &rows);
            for new in rows.difference(&told) {
                logs::warn(new);
            }
            told = rows;
            let again = async {
                sleep(LOOK_AGAIN).await;
                if told.is_empty() {
                    self.inner.work.notified().await;
                }
            };
            tokio::select! {
                () = sleep(LOOK) => {}
                () = again => {}
                () = self.inner.look.notified() => {}
            }
        }
    }

    async fn all(&self, store: &Store) -> BTreeSet<String> {
        // An error is met by the next exchange too, which tells of it.
        let mut rows: BTreeSet<String> =
            store.quarantined_rows(MOST).await.unwrap_or_default().into_iter().collect();
        rows.extend(store.left_out().iter().map(ToString::to_string));
        rows.extend(locked(&self.inner.kept).iter().cloned());
        rows.append(&mut locked(&self.inner.said));
        rows
    }
}

/// Shows rows that are left out wherever the module is shown.
pub(crate) fn show(context: &ModuleContext, rows: &BTreeSet<String>) {
    match rows.first() {
        None => context.recovered(ROWS),
        Some(first) => context.degraded(
            ROWS,
            format!(
                "{}, as {first}; all others are done as usual; `otrsd task list --state quarantined` and \
                 the module's log tell more",
                rows.len()
            ),
        ),
    }
}

/// As [`show`], of those that this process leaves out, and of `others`.
pub(crate) fn show_left_out(context: &ModuleContext, store: &Store, others: Vec<String>) {
    let mut rows: BTreeSet<String> = store.left_out().iter().map(ToString::to_string).collect();
    rows.extend(others);
    show(context, &rows);
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
