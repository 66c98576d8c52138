//! Calling the workers: on PostgreSQL with a notice, on SQLite by a touch.
//!
//! Transactions with a notice commit one after the other, each with a write to the disk of its own. So where
//! several add at once, the call follows, in a transaction that writes nothing; nobody waits for it, and one
//! serves all who added before it. Who adds alone calls with the addition, and saves the round trip.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::Mutex;

use crate::database::{Connection, Dialect, arguments};
use crate::error::Result;
use crate::store::Store;
use crate::wake::file;

const NOTICE: &str = "SELECT pg_notify('otrsd_task', '')";

/// The calls of one process.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    adders: AtomicUsize,
    /// Something was added, and the call that serves it has not begun.
    wanted: AtomicBool,
    /// Of those who call.
    turn: Mutex<()>,
}

/// Somebody who adds, until dropped.
pub(crate) struct Adder<'a> {
    adders: &'a AtomicUsize,
    /// Nobody else did when he began.
    pub(crate) is_alone: bool,
}

impl Calls {
    pub(crate) fn adder(&self) -> Adder<'_> {
        let is_alone = self.adders.fetch_add(1, Ordering::SeqCst) == 0;
        Adder { adders: &self.adders, is_alone }
    }
}

impl Drop for Adder<'_> {
    fn drop(&mut self) {
        self.adders.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Store {
    /// Calls the workers to what was committed, soon.
    pub(crate) fn call_soon(&self) {
        self.touch();
        if self.dialect() == Dialect::Postgres && !self.calls().wanted.swap(true, Ordering::SeqCst)
        {
            let store = self.clone();
            tokio::spawn(async move { store.make_call().await });
        }
    }

    /// Calls the workers to what was committed. A call is a hint, so nobody hears of one that failed.
    pub(crate) async fn call(&self) {
        self.touch();
        if self.dialect() == Dialect::Postgres {
            self.calls().wanted.store(true, Ordering::SeqCst);
            self.make_call().await;
        }
    }

    /// Where the commit does not call by itself.
    pub(crate) fn touch(&self) {
        if let Some(file) = self.pools().sqlite_file() {
            file::touch(&file);
        }
    }

    /// Makes the call that is wanted, if nobody else made it by then.
    pub(crate) async fn make_call(&self) {
        let _turn = self.calls().turn.lock().await;
        if self.calls().wanted.swap(false, Ordering::SeqCst) {
            let _ = self.rows(NOTICE, arguments![]).await;
        }
    }
}

/// Calls them by the transaction's commit.
pub(crate) async fn call_with(connection: &mut Connection<'_>) -> Result<()> {
    match connection.dialect() {
        Dialect::Postgres => connection.rows(NOTICE, arguments![]).await.map(drop),
        _ => Ok(()),
    }
}
