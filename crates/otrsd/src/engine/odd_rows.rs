//! A report of rows that are quarantined or left out: the log names each of them once, status and health name all.

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
/// While tasks arrive, or while a problem is shown that an operator may fix.
const LOOK_AGAIN: Duration = Duration::from_secs(10);
/// The maximum number of quarantined rows that are read.
const MOST: u32 = 100;

#[derive(Clone, Debug, Default)]
pub(crate) struct OddRows {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Rows whose results are retained because the database refused them.
    kept: Mutex<BTreeSet<String>>,
    /// Other problems reported since the last check.
    said: Mutex<BTreeSet<String>>,
    look: Notify,
    work: Notify,
}

impl OddRows {
    /// Reports that a row was quarantined.
    pub(crate) fn look(&self) {
        self.inner.look.notify_one();
    }

    /// Reports that tasks arrived: the query that brought them may have left rows out.
    pub(crate) fn work(&self) {
        self.inner.work.notify_one();
    }

    /// Reports a problem that is shown until the next check.
    pub(crate) fn say(&self, what: String) {
        if locked(&self.inner.said).insert(what) {
            self.look();
        }
    }

    /// Sets the results that are retained now.
    pub(crate) fn kept(&self, now: BTreeSet<String>) {
        let mut before = locked(&self.inner.kept);
        if *before != now {
            *before = now;
            self.look();
        }
    }

    /// Reports such rows until the worker ends.
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
        // The next complete-and-claim meets the same error, and reports it.
        let mut rows: BTreeSet<String> =
            store.quarantined_rows(MOST).await.unwrap_or_default().into_iter().collect();
        rows.extend(store.left_out().iter().map(ToString::to_string));
        rows.extend(locked(&self.inner.kept).iter().cloned());
        rows.append(&mut locked(&self.inner.said));
        rows
    }
}

/// Marks the module as degraded while rows are left out.
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

/// Like [`show`], for the rows that this process leaves out and for `others`.
pub(crate) fn show_left_out(context: &ModuleContext, store: &Store, others: Vec<String>) {
    let mut rows: BTreeSet<String> = store.left_out().iter().map(ToString::to_string).collect();
    rows.extend(others);
    show(context, &rows);
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
